#include "driver.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace moegen::cuda {
namespace {

#ifdef _WIN32
void* Open(const std::string& library) { return reinterpret_cast<void*>(LoadLibraryA(library.c_str())); }
void* Find(void* library, const char* symbol) {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), symbol));
}
#else
void* Open(const std::string& library) { return dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL); }
void* Find(void* library, const char* symbol) { return dlsym(library, symbol); }
#endif

}  // namespace

bool LoadDriver(const std::string& library, Driver* driver, std::string* reason) {
  void* handle = Open(library);
  if (handle == nullptr) {
    *reason = "no NVIDIA driver: " + library + " cannot be loaded";
    return false;
  }
#define MOEGEN_CUDA_FIND(NAME, SYMBOL, PARAMETERS)                                             \
  driver->NAME = reinterpret_cast<decltype(driver->NAME)>(Find(handle, SYMBOL));               \
  if (driver->NAME == nullptr) {                                                               \
    *reason = "the NVIDIA driver is too old: " + library + " has no " + std::string(SYMBOL);   \
    return false;                                                                              \
  }
  MOEGEN_CUDA_FUNCTIONS(MOEGEN_CUDA_FIND)
#undef MOEGEN_CUDA_FIND
  return true;
}

std::string Describe(const Driver& driver, Result result) {
  const char* text = nullptr;
  const bool known = driver.GetErrorString(result, &text) == kSuccess && text != nullptr;
  return (known ? std::string(text) : "unknown error") + " (" + std::to_string(result) + ")";
}

}  // namespace moegen::cuda
