// <metal_logging>: messages of kernels are accepted and dropped.
#pragma once

namespace metal {
struct os_log {
  constexpr os_log(__MSL_CONSTANT char*, __MSL_CONSTANT char*) {}
#define __MSL_LOG(NAME)                                          \
  template <class... A>                                          \
  void NAME(__MSL_CONSTANT char*, A...) const {}
  __MSL_LOG(log)
  __MSL_LOG(log_debug)
  __MSL_LOG(log_info)
  __MSL_LOG(log_error)
  __MSL_LOG(log_fault)
#undef __MSL_LOG
};
constexpr const __global os_log os_log_default(nullptr, nullptr);
}  // namespace metal
