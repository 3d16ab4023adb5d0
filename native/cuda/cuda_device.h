// A GPU and its context: runs jobs and measures them. One job at a time; any thread may call.

#ifndef MOEGEN_NATIVE_CUDA_CUDA_DEVICE_H_
#define MOEGEN_NATIVE_CUDA_CUDA_DEVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "driver.h"

namespace moegen::cuda {

// `code` tells callers apart what happened; `log` is what the driver's compiler said.
class CudaError : public std::runtime_error {
 public:
  CudaError(std::string code, const std::string& message, std::string log = "")
      : std::runtime_error(message), code_(std::move(code)), log_(std::move(log)) {}
  const std::string& code() const { return code_; }
  const std::string& log() const { return log_; }

 private:
  std::string code_;
  std::string log_;
};

struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct BufferSpec {
  size_t bytes = 0;
  // Contents of each instance: one, or one for each copy of the dispatches. No data: filled with 0xA5.
  std::vector<Bytes> instances;
};

// A kernel's parameter: an address in a buffer, nothing where `buffer` is negative, or an offset in threadgroup memory.
struct Argument {
  bool is_buffer = false;
  int64_t buffer = -1;
  uint64_t offset = 0;
};

struct Dispatch {
  std::string module;  // path of a PTX file
  std::string symbol;
  std::vector<Argument> arguments;
  uint32_t shared_bytes = 0;
  uint32_t grid[3] = {0, 0, 0};
  uint32_t block[3] = {1, 1, 1};
  // Where the three counts of the grid lie when the dispatch starts; negative where `grid` holds.
  int64_t indirect_buffer = -1;
  uint64_t indirect_offset = 0;
};

struct Job {
  std::vector<BufferSpec> buffers;
  std::vector<Dispatch> dispatches;
  std::vector<uint32_t> outputs;
  double timeout_seconds = 60;
};

struct DispatchResult {
  double seconds = 0;
  uint64_t threadgroups = 0;
};

struct JobResult {
  std::vector<std::vector<uint8_t>> outputs;
  std::vector<DispatchResult> dispatches;
};

struct TimingJob {
  Job job;
  // Dispatches of each stage: the first one and the one after the last.
  std::vector<std::pair<uint32_t, uint32_t>> stages;
  uint32_t copies = 1;
  uint32_t repetitions = 1;
  // Written before each repetition, so that nothing of the last one is in a cache.
  size_t flush_bytes = 0;
};

// Microseconds of one copy, for each repetition.
struct TimingResult {
  std::vector<double> whole;
  std::vector<std::vector<double>> stages;
};

class CudaDevice {
 public:
  // Null with the reason where there is no GPU that can run kernels.
  static std::shared_ptr<CudaDevice> Open(const std::string& library, std::string* reason);
  ~CudaDevice();

  std::string Describe() const { return description_; }
  uint64_t L2Bytes() const { return l2_bytes_; }
  JobResult Run(const Job& job);
  TimingResult Time(const TimingJob& timing);

 private:
  class Buffers;
  class Clock;
  class Recording;

  CudaDevice() = default;
  void Enter();
  void Leave();
  void Check(Result result, const std::string& what);
  Function Load(const Dispatch& dispatch);
  void Launch(const Dispatch& dispatch, const uint32_t grid[3], const Buffers& buffers, uint32_t copy);
  void ReadGrid(const Dispatch& dispatch, const Buffers& buffers, uint32_t copy, uint32_t grid[3]);
  void WaitFor(Event event, double seconds);
  std::vector<double> Measure(const TimingJob& timing, const Recording& recording, Address flush);

  std::mutex mutex_;
  Driver driver_;
  Device device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  std::string description_;
  uint64_t l2_bytes_ = 0;
  // A kernel did not end: the driver would wait for it in whatever it is asked.
  bool lost_ = false;
  std::map<std::string, Module> modules_;
};

}  // namespace moegen::cuda

#endif  // MOEGEN_NATIVE_CUDA_CUDA_DEVICE_H_
