#include "libraries.h"

#include <dlfcn.h>
#if defined(__linux__)
#include <link.h>
#endif

#include <algorithm>
#include <map>
#include <string>

namespace moegen {
namespace {

struct Range {
  uint64_t begin;
  uint64_t end;
};

[[noreturn]] void FailToOpen(const std::string& message) { Fail("bad-job", message.c_str()); }

void* Open(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* reason = dlerror();
  FailToOpen(reason == nullptr ? "the library of a kernel does not load" : reason);
}

#if defined(__linux__)
// Where the object that `range` begins with ends.
int FindEnd(dl_phdr_info* info, size_t, void* data) {
  auto* range = static_cast<Range*>(data);
  if (info->dlpi_addr != range->begin) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD) range->end = std::max(range->end, info->dlpi_addr + segment.p_vaddr + segment.p_memsz);
  }
  return 1;
}
#endif

Range RangeOf(const void* symbol) {
  Dl_info info;
  if (dladdr(symbol, &info) == 0) return {};
  const auto begin = reinterpret_cast<uint64_t>(info.dli_fbase);
  Range range{begin, begin};
#if defined(__linux__)
  dl_iterate_phdr(FindEnd, &range);
#else
  // Not told: more than any library has.
  range.end = begin + (uint64_t{1} << 30);
#endif
  return range;
}

Code FindCode(void* library, const Dispatch& dispatch) {
  Code code{};
  code.entry = reinterpret_cast<void (*)(const Self*)>(dlsym(library, dispatch.symbol.c_str()));
  if (code.entry == nullptr) FailToOpen("the library has no kernel '" + dispatch.kernel + "'");
  if (!dispatch.row_symbol.empty()) {
    void* row = dlsym(library, dispatch.row_symbol.c_str());
    code.row_entry = reinterpret_cast<void (*)(const Self*, uint32_t)>(row);
  }
  for (const ConstantValue& constant : dispatch.constants) {
    code.constants.push_back(static_cast<uint8_t*>(dlsym(library, constant.symbol.c_str())));
    if (code.constants.back() == nullptr) {
      FailToOpen("the library has no function constant '" + constant.symbol + "'");
    }
  }
  return code;
}

}  // namespace

std::vector<Code> OpenLibraries(const Job& job, Control* control) {
  std::map<std::string, void*> opened;
  std::vector<Code> codes;
  for (uint32_t i = 0; i < job.dispatches.size(); ++i) {
    const Dispatch& dispatch = job.dispatches[i];
    control->dispatch = i;
    void*& library = opened[dispatch.library];
    if (library == nullptr) library = Open(dispatch.library);
    codes.push_back(FindCode(library, dispatch));
    const Range range = RangeOf(reinterpret_cast<void*>(codes.back().entry));
    control->outcomes()[i].code_begin = range.begin;
    control->outcomes()[i].code_end = range.end;
  }
  control->dispatch = 0;
  return codes;
}

}  // namespace moegen
