// The part of NVIDIA's driver interface that the device uses, found at run time: nothing of CUDA is needed to build this.

#ifndef MOEGEN_NATIVE_CUDA_DRIVER_H_
#define MOEGEN_NATIVE_CUDA_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace moegen::cuda {

using Result = int;
using Device = int;
using Address = uint64_t;
using Context = struct ContextHandle*;
using Module = struct ModuleHandle*;
using Function = struct FunctionHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using Graph = struct GraphHandle*;
using GraphExec = struct GraphExecHandle*;

constexpr Result kSuccess = 0;
constexpr Result kNotReady = 600;
constexpr Result kMisalignedAddress = 716;

// Attributes of devices and functions, options of the compiler, and modes, by the driver's numbers.
constexpr int kMultiprocessors = 16;
constexpr int kL2Bytes = 38;
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;
constexpr int kFunctionMaxThreads = 0;
constexpr int kErrorLogBuffer = 5;
constexpr int kErrorLogBytes = 6;
constexpr int kCaptureRelaxed = 2;

#define MOEGEN_CUDA_FUNCTIONS(F)                                                                             \
  F(Init, "cuInit", (unsigned))                                                                              \
  F(DriverGetVersion, "cuDriverGetVersion", (int*))                                                          \
  F(DeviceGetCount, "cuDeviceGetCount", (int*))                                                              \
  F(DeviceGet, "cuDeviceGet", (Device*, int))                                                                \
  F(DeviceGetName, "cuDeviceGetName", (char*, int, Device))                                                  \
  F(DeviceGetAttribute, "cuDeviceGetAttribute", (int*, int, Device))                                         \
  F(DeviceTotalMem, "cuDeviceTotalMem_v2", (size_t*, Device))                                                \
  F(CtxCreate, "cuCtxCreate_v2", (Context*, unsigned, Device))                                               \
  F(CtxDestroy, "cuCtxDestroy_v2", (Context))                                                                \
  F(CtxSetCurrent, "cuCtxSetCurrent", (Context))                                                             \
  F(ModuleLoadDataEx, "cuModuleLoadDataEx", (Module*, const void*, unsigned, int*, void**))                  \
  F(ModuleGetFunction, "cuModuleGetFunction", (Function*, Module, const char*))                              \
  F(FuncGetAttribute, "cuFuncGetAttribute", (int*, int, Function))                                           \
  F(MemAlloc, "cuMemAlloc_v2", (Address*, size_t))                                                           \
  F(MemFree, "cuMemFree_v2", (Address))                                                                      \
  F(MemcpyHtoD, "cuMemcpyHtoD_v2", (Address, const void*, size_t))                                           \
  F(MemcpyDtoH, "cuMemcpyDtoH_v2", (void*, Address, size_t))                                                 \
  F(MemsetD8Async, "cuMemsetD8Async", (Address, unsigned char, size_t, Stream))                              \
  F(StreamCreate, "cuStreamCreate", (Stream*, unsigned))                                                     \
  F(LaunchKernel, "cuLaunchKernel",                                                                          \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**)) \
  F(EventCreate, "cuEventCreate", (Event*, unsigned))                                                        \
  F(EventRecord, "cuEventRecord", (Event, Stream))                                                           \
  F(EventQuery, "cuEventQuery", (Event))                                                                     \
  F(EventElapsedTime, "cuEventElapsedTime", (float*, Event, Event))                                          \
  F(EventDestroy, "cuEventDestroy_v2", (Event))                                                              \
  F(StreamBeginCapture, "cuStreamBeginCapture_v2", (Stream, int))                                            \
  F(StreamEndCapture, "cuStreamEndCapture", (Stream, Graph*))                                                \
  F(GraphInstantiate, "cuGraphInstantiateWithFlags", (GraphExec*, Graph, unsigned long long))                \
  F(GraphLaunch, "cuGraphLaunch", (GraphExec, Stream))                                                       \
  F(GraphExecDestroy, "cuGraphExecDestroy", (GraphExec))                                                     \
  F(GraphDestroy, "cuGraphDestroy", (Graph))                                                                 \
  F(GetErrorString, "cuGetErrorString", (Result, const char**))

struct Driver {
#define MOEGEN_CUDA_MEMBER(NAME, SYMBOL, PARAMETERS) Result(*NAME) PARAMETERS = nullptr;
  MOEGEN_CUDA_FUNCTIONS(MOEGEN_CUDA_MEMBER)
#undef MOEGEN_CUDA_MEMBER
};

// False with the reason where there is no driver, or one that lacks something.
bool LoadDriver(const std::string& library, Driver* driver, std::string* reason);

// What the driver says about a result.
std::string Describe(const Driver& driver, Result result);

}  // namespace moegen::cuda

#endif  // MOEGEN_NATIVE_CUDA_DRIVER_H_
