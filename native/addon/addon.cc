// The native addon: runs jobs on the host engine. generator/native/host.ts is its only user.
#include <napi.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <string>

#include "runner.h"

namespace moegen {
namespace {

Napi::Value Run(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Environment>()->Run(info.Env(), info[0].As<Napi::Object>());
}

#if defined(__x86_64__)
bool HasVectorInstructions() {
  unsigned int a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return false;
  const bool has_fma = (c & bit_FMA) != 0 && (c & bit_F16C) != 0 && (c & bit_OSXSAVE) != 0;
  return has_fma && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX2) != 0;
}
#endif

// Why kernels cannot run in this process, or an empty string.
std::string Problem() {
#if defined(__x86_64__)
  if (!HasVectorInstructions()) {
    return "this processor lacks AVX2, FMA or F16C, which kernels are compiled for";
  }
#endif
  return "";
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment());
  exports.Set("run", Napi::Function::New(env, Run));
  exports.Set("problem", Problem());
  return exports;
}

}  // namespace
}  // namespace moegen

static Napi::Object InitializeModule(Napi::Env env, Napi::Object exports) {
  return moegen::Initialize(env, exports);
}

NODE_API_MODULE(moegen, InitializeModule)
