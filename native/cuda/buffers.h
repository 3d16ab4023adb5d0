// What lives as long as one job: device memory, events and graphs, given back whichever way it ends.

#ifndef MOEGEN_NATIVE_CUDA_BUFFERS_H_
#define MOEGEN_NATIVE_CUDA_BUFFERS_H_

#include <vector>

#include "cuda_device.h"

namespace moegen::cuda {

// The buffers of a job. Those with several instances have one for each copy of the dispatches.
class CudaDevice::Buffers {
 public:
  Buffers(CudaDevice& device, const std::vector<BufferSpec>& specs);
  ~Buffers();
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  Address At(uint32_t buffer, uint32_t copy) const {
    const std::vector<Address>& instances = addresses_[buffer];
    return instances[copy % instances.size()];
  }

 private:
  CudaDevice& device_;
  std::vector<std::vector<Address>> addresses_;
};

// Two events around work on the stream.
class CudaDevice::Clock {
 public:
  explicit Clock(CudaDevice& device);
  ~Clock();
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  void Start();
  void Stop();
  // Waits until the work is done; throws where that takes too long.
  double Milliseconds(double timeout_seconds);

 private:
  CudaDevice& device_;
  Event start_ = nullptr;
  Event stop_ = nullptr;
};

// Work that was captured into a graph.
class CudaDevice::Recording {
 public:
  explicit Recording(CudaDevice& device);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Between the two, launches are captured instead of done.
  void Begin();
  void End();
  void Launch() const;

 private:
  CudaDevice& device_;
  Graph graph_ = nullptr;
  GraphExec exec_ = nullptr;
};

}  // namespace moegen::cuda

#endif  // MOEGEN_NATIVE_CUDA_BUFFERS_H_
