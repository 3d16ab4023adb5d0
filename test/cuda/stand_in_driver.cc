// A driver without a GPU: memory is the process's own, and a launch writes down what it was given. Kernels do one thing: the
// buffer that comes first gets 32-bit words, the grid and the first threadgroup offset. STAND_IN_LOG names the file that calls
// are written to, STAND_IN_FAULT what goes wrong.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Module {
  std::string text;
};

struct Function {
  std::string name;
  bool component;
  size_t parameters;
};

bool capturing = false;
bool broken = false;
int contexts = 0;
struct Graph {
  std::vector<std::string> launches;
};
Graph* recording = nullptr;
float clock_now = 0;

bool Fault(const char* name) {
  const char* fault = std::getenv("STAND_IN_FAULT");
  return fault != nullptr && std::string(fault) == name;
}

void Note(const std::string& line) {
  const char* path = std::getenv("STAND_IN_LOG");
  if (path != nullptr) std::ofstream(path, std::ios::app) << line << '\n';
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return Fault("no-gpu") ? 100 : 0; }
int cuDriverGetVersion(int* version) { return *version = 13020, 0; }
int cuDeviceGetCount(int* count) { return *count = 1, 0; }
int cuDeviceGet(int* device, int) { return *device = 0, 0; }
int cuDeviceGetName(char* name, int bytes, int) { return std::snprintf(name, bytes, "stand-in GPU"), 0; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 16 ? 3 : attribute == 38 ? 1000 : attribute == 75 ? (Fault("old-gpu") ? 7 : 9) : 0;
  return 0;
}
int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = size_t{4} << 30, 0; }
int cuCtxCreate_v2(void** context, unsigned, int) {
  broken = false;
  Note("context");
  *context = reinterpret_cast<void*>(static_cast<intptr_t>(++contexts));
  return 0;
}
int cuCtxDestroy_v2(void*) { return Note("end of context"), 0; }
int cuCtxSetCurrent(void*) { return 0; }
int cuModuleLoadDataEx(void** module, const void* text, unsigned count, int* options, void** values) {
  if (Fault("bad-ptx")) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) std::strcpy(static_cast<char*>(values[i]), "ptxas: line 7: no such instruction");
    return 218;
  }
  Note("module");
  *module = new Module{static_cast<const char*>(text)};
  return 0;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  const std::string& text = static_cast<Module*>(module)->text;
  const size_t entry = text.find(".visible .entry " + std::string(name) + "(");
  if (entry == std::string::npos) return 500;
  const std::string head = text.substr(entry, text.find(')', entry) - entry);
  // Vectors whose components are loaded one by one.
  *function = new Function{name, text.find("v4") == std::string::npos, Count(head, ".param")};
  return 0;
}
int cuFuncGetAttribute(int* value, int, void*) { return *value = Fault("registers") ? 16 : 1024, 0; }
int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  if (Fault("no-memory")) return 2;
  *address = reinterpret_cast<uint64_t>(std::malloc(bytes));
  return 0;
}
int cuMemFree_v2(uint64_t address) { return std::free(reinterpret_cast<void*>(address)), 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) {
  return std::memcpy(reinterpret_cast<void*>(to), from, bytes), 0;
}
int cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) {
  if (broken) return 716;
  return std::memcpy(to, reinterpret_cast<void*>(from), bytes), 0;
}
int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, void*) {
  if (bytes == 2000) Note("flush");
  // Of a gigabyte nobody reads more.
  return std::memset(reinterpret_cast<void*>(address), value, bytes < 1 << 20 ? bytes : 1 << 20), 0;
}
int cuStreamCreate(void** stream, unsigned) { return *stream = reinterpret_cast<void*>(1), 0; }
int cuLaunchKernel(void* handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void*, void** parameters, void**) {
  const auto* function = static_cast<Function*>(handle);
  char line[256];
  std::snprintf(line, sizeof line, "%s %ux%ux%u of %ux%ux%u, %u shared, %zu parameters", function->name.c_str(), gx, gy, gz,
                bx, by, bz, shared, function->parameters);
  if (capturing) {
    recording->launches.push_back(line);
    return 0;
  }
  Note(line);
  if (Fault("misaligned") && !function->component) broken = true;
  uint64_t first = 0;
  std::memcpy(&first, parameters[0], 8);
  if (first == 0) return 0;
  const uint32_t words[] = {gx, gy, gz};
  std::memcpy(reinterpret_cast<void*>(first), words, sizeof words);
  return 0;
}
int cuEventCreate(void** event, unsigned) { return *event = new float(0), 0; }
int cuEventRecord(void* event, void*) { return *static_cast<float*>(event) = clock_now, 0; }
int cuEventQuery(void*) { return Fault("endless") ? 600 : broken ? 716 : 0; }
int cuEventElapsedTime(float* milliseconds, void* start, void* end) {
  *milliseconds = *static_cast<float*>(end) - *static_cast<float*>(start);
  return 0;
}
int cuEventDestroy_v2(void* event) { return delete static_cast<float*>(event), 0; }
int cuStreamBeginCapture_v2(void*, int) {
  capturing = true;
  recording = new Graph();
  return 0;
}
int cuStreamEndCapture(void*, void** graph) {
  capturing = false;
  *graph = recording;
  std::string line = "graph:";
  for (const std::string& launch : recording->launches) line += " [" + launch + "]";
  Note(line);
  return 0;
}
int cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long) { return *exec = graph, 0; }
// Each launch in a graph takes a millisecond.
int cuGraphLaunch(void* exec, void*) {
  clock_now += static_cast<float>(static_cast<Graph*>(exec)->launches.size());
  return 0;
}
int cuGraphExecDestroy(void*) { return 0; }
int cuGraphDestroy(void* graph) { return delete static_cast<Graph*>(graph), 0; }
int cuGetErrorString(int, const char** text) { return *text = "stand-in fault", 0; }

}  // extern "C"
