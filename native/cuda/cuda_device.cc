#include "cuda_device.h"

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "buffers.h"

namespace moegen::cuda {
namespace {

// Kernels use what sm_90 has.
constexpr int kNeededMajor = 9;
// Of a grid in y and z.
constexpr uint32_t kMaxGridYZ = 65535;

}  // namespace

std::shared_ptr<CudaDevice> CudaDevice::Open(const std::string& library, std::string* reason) {
  std::shared_ptr<CudaDevice> device(new CudaDevice());
  Driver& driver = device->driver_;
  if (!LoadDriver(library, &driver, reason)) return nullptr;
  int count = 0;
  const Result started = driver.Init(0);
  if (started != kSuccess || driver.DeviceGetCount(&count) != kSuccess || count == 0) {
    *reason = "there is no NVIDIA GPU" + (started == kSuccess ? "" : ": " + cuda::Describe(driver, started));
    return nullptr;
  }
  char name[256] = {};
  int version = 0, major = 0, minor = 0, multiprocessors = 0, l2 = 0;
  size_t memory = 0;
  driver.DeviceGet(&device->device_, 0);
  driver.DeviceGetName(name, sizeof name - 1, device->device_);
  driver.DriverGetVersion(&version);
  driver.DeviceGetAttribute(&major, kCapabilityMajor, device->device_);
  driver.DeviceGetAttribute(&minor, kCapabilityMinor, device->device_);
  driver.DeviceGetAttribute(&multiprocessors, kMultiprocessors, device->device_);
  driver.DeviceGetAttribute(&l2, kL2Bytes, device->device_);
  driver.DeviceTotalMem(&memory, device->device_);
  std::ostringstream text;
  text << name << ", " << multiprocessors << " multiprocessors, " << (memory >> 30) << " GiB, compute capability "
       << major << '.' << minor << ", driver for CUDA " << version / 1000 << '.' << version % 1000 / 10;
  device->description_ = text.str();
  device->l2_bytes_ = static_cast<uint64_t>(l2);
  if (major < kNeededMajor) {
    *reason = "kernels are compiled for compute capability 9.0; this GPU is " + text.str();
    return nullptr;
  }
  return device;
}

CudaDevice::~CudaDevice() { Leave(); }

void CudaDevice::Enter() {
  if (lost_) throw CudaError("kernel-timed-out", "the GPU still runs a kernel that did not end in time");
  if (context_ == nullptr) {
    Check(driver_.CtxCreate(&context_, 0, device_), "a context on the GPU");
    Check(driver_.StreamCreate(&stream_, 0), "a stream");
  }
  Check(driver_.CtxSetCurrent(context_), "the context");
}

// Also after a kernel failed: a context in which one did is of no more use.
void CudaDevice::Leave() {
  if (context_ != nullptr && !lost_) driver_.CtxDestroy(context_);
  context_ = nullptr;
  stream_ = nullptr;
  modules_.clear();
}

void CudaDevice::Check(Result result, const std::string& what) {
  if (result == kSuccess) return;
  const std::string code = result == kMisalignedAddress ? "misaligned-address"
                           : result == 2                ? "out-of-memory"
                           : result >= 700 && result < 800 ? "kernel-crashed"
                                                           : "cuda-failed";
  throw CudaError(code, what + ": " + cuda::Describe(driver_, result));
}

Function CudaDevice::Load(const Dispatch& dispatch) {
  const auto known = modules_.find(dispatch.module);
  Module module = known == modules_.end() ? nullptr : known->second;
  if (module == nullptr) {
    std::ifstream file(dispatch.module, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.str().empty()) throw CudaError("cuda-failed", "cannot read " + dispatch.module);
    char log[4096] = {};
    int options[] = {kErrorLogBuffer, kErrorLogBytes};
    void* values[] = {log, reinterpret_cast<void*>(sizeof log - 1)};
    const Result loaded = driver_.ModuleLoadDataEx(&module, text.str().c_str(), 2, options, values);
    if (loaded != kSuccess) {
      throw CudaError("does-not-load", "the driver does not take '" + dispatch.symbol + "': " +
                                           cuda::Describe(driver_, loaded), log);
    }
    modules_.emplace(dispatch.module, module);
  }
  Function function = nullptr;
  Check(driver_.ModuleGetFunction(&function, module, dispatch.symbol.c_str()), "kernel '" + dispatch.symbol + "'");
  return function;
}

void CudaDevice::Launch(const Dispatch& dispatch, const uint32_t grid[3], const Buffers& buffers, uint32_t copy) {
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) return;
  if (grid[1] > kMaxGridYZ || grid[2] > kMaxGridYZ) {
    throw CudaError("too-many-threadgroups", "a GPU of NVIDIA takes up to 65535 threadgroups in y and z, not " +
                                                 std::to_string(grid[1]) + " and " + std::to_string(grid[2]));
  }
  const Function function = Load(dispatch);
  const uint32_t threads = dispatch.block[0] * dispatch.block[1] * dispatch.block[2];
  int limit = 0;
  Check(driver_.FuncGetAttribute(&limit, kFunctionMaxThreads, function), "a kernel's limits");
  if (threads > static_cast<uint32_t>(limit)) {
    throw CudaError("bad-threads", "'" + dispatch.symbol + "' has registers for " + std::to_string(limit) +
                                       " threads per threadgroup, not for " + std::to_string(threads));
  }
  std::vector<uint64_t> values;
  for (const Argument& argument : dispatch.arguments) {
    const bool is_bound = argument.is_buffer && argument.buffer >= 0;
    values.push_back(argument.offset +
                     (is_bound ? buffers.At(static_cast<uint32_t>(argument.buffer), copy) : 0));
  }
  std::vector<void*> pointers;
  for (uint64_t& value : values) pointers.push_back(&value);
  Check(driver_.LaunchKernel(function, grid[0], grid[1], grid[2], dispatch.block[0], dispatch.block[1],
                             dispatch.block[2], dispatch.shared_bytes, stream_, pointers.data(), nullptr),
        "launching '" + dispatch.symbol + "'");
}

void CudaDevice::ReadGrid(const Dispatch& dispatch, const Buffers& buffers, uint32_t copy, uint32_t grid[3]) {
  for (int axis = 0; axis < 3; ++axis) grid[axis] = dispatch.grid[axis];
  if (dispatch.indirect_buffer < 0) return;
  const Address address = buffers.At(static_cast<uint32_t>(dispatch.indirect_buffer), copy);
  Check(driver_.MemcpyDtoH(grid, address + dispatch.indirect_offset, 12), "reading indirect threadgroups");
}

void CudaDevice::WaitFor(Event event, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t turn = 0;; ++turn) {
    const Result result = driver_.EventQuery(event);
    if (result != kNotReady) return Check(result, "running kernels");
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    if (passed.count() > seconds) {
      lost_ = true;
      throw CudaError("kernel-timed-out", "the kernel did not end in time");
    }
    if (turn > 1000) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

JobResult CudaDevice::Run(const Job& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    Enter();
    JobResult result;
    const Buffers buffers(*this, job.buffers);
    for (const Dispatch& dispatch : job.dispatches) {
      Load(dispatch);
      Clock clock(*this);
      uint32_t grid[3];
      ReadGrid(dispatch, buffers, 0, grid);
      clock.Start();
      Launch(dispatch, grid, buffers, 0);
      clock.Stop();
      const double milliseconds = clock.Milliseconds(job.timeout_seconds);
      result.dispatches.push_back({milliseconds / 1e3, uint64_t{grid[0]} * grid[1] * grid[2]});
    }
    for (const uint32_t output : job.outputs) {
      std::vector<uint8_t> bytes(job.buffers[output].bytes);
      if (!bytes.empty()) Check(driver_.MemcpyDtoH(bytes.data(), buffers.At(output, 0), bytes.size()), "reading results");
      result.outputs.push_back(std::move(bytes));
    }
    return result;
  } catch (const CudaError&) {
    Leave();
    throw;
  }
}

}  // namespace moegen::cuda
