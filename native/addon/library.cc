#include "library.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

extern "C" void __msl_rt_barrier(unsigned long site);

namespace moegen {
namespace {

std::mutex g_mutex;
std::map<std::string, void*> g_libraries;

std::string LastError() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

std::string ExportEngine() {
  // Node loads addons privately. Opening the file again, as a global one, changes that.
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&ExportEngine), &info) == 0 || info.dli_fname == nullptr) {
    return "the addon does not find its own file";
  }
  if (dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == nullptr) return LastError();
  if (dlsym(RTLD_DEFAULT, "__msl_rt_barrier") != reinterpret_cast<void*>(&__msl_rt_barrier)) {
    return "this process has loaded another build of the addon before; use one build per process";
  }
  return "";
}

void* LoadLibrary(const std::string& path, std::string& error) {
  const std::lock_guard lock(g_mutex);
  const auto found = g_libraries.find(path);
  if (found != g_libraries.end()) return found->second;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    error = LastError();
    return nullptr;
  }
  g_libraries.emplace(path, library);
  return library;
}

void* FindSymbol(void* library, const std::string& name) { return dlsym(library, name.c_str()); }

}  // namespace moegen
