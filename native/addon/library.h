// Kernel libraries, loaded once per process.
#pragma once

#include <string>

namespace moegen {

// Makes this module's entry points visible to kernel libraries. An empty string, or why it failed.
std::string ExportEngine();

// The handle of the library at `path`; null with `error` set where it does not load.
void* LoadLibrary(const std::string& path, std::string& error);

void* FindSymbol(void* library, const std::string& name);

}  // namespace moegen
