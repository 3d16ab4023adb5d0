// <metal_logging>: messages of kernels are accepted and dropped.
#pragma once

namespace metal {
struct os_log {
  constexpr os_log(__constant const char*, __constant const char*) {}
  constexpr os_log(__constant const char*, __constant const char*) __constant {}
#define __MSL_LOG(NAME)                                          \
  template <class... A>                                          \
  void NAME(__constant const char*, A...) const {}               \
  template <class... A>                                          \
  void NAME(__constant const char*, A...) const __constant {}
  __MSL_LOG(log)
  __MSL_LOG(log_debug)
  __MSL_LOG(log_info)
  __MSL_LOG(log_error)
  __MSL_LOG(log_fault)
#undef __MSL_LOG
};
constexpr __constant os_log os_log_default("", "");
}  // namespace metal
