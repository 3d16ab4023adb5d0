#include "buffers.h"

namespace moegen::cuda {
namespace {

// Unwritten results show.
constexpr unsigned char kUnwritten = 0xA5;

}  // namespace

CudaDevice::Buffers::Buffers(CudaDevice& device, const std::vector<BufferSpec>& specs) : device_(device) {
  addresses_.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    for (const Bytes& contents : specs[i].instances) {
      Address address = 0;
      // Empty buffers have an address too.
      const size_t bytes = specs[i].bytes == 0 ? 4 : specs[i].bytes;
      device_.Check(device_.driver_.MemAlloc(&address, bytes), "device memory for a buffer");
      addresses_[i].push_back(address);
      if (contents.data != nullptr && contents.size > 0) {
        device_.Check(device_.driver_.MemcpyHtoD(address, contents.data, contents.size), "copying to the GPU");
      } else {
        device_.Check(device_.driver_.MemsetD8Async(address, kUnwritten, bytes, device_.stream_),
                      "filling a buffer");
      }
    }
  }
}

CudaDevice::Buffers::~Buffers() {
  if (device_.lost_) return;
  for (const auto& instances : addresses_) {
    for (const Address address : instances) device_.driver_.MemFree(address);
  }
}

CudaDevice::Clock::Clock(CudaDevice& device) : device_(device) {
  device_.Check(device_.driver_.EventCreate(&start_, 0), "an event");
  device_.Check(device_.driver_.EventCreate(&stop_, 0), "an event");
}

CudaDevice::Clock::~Clock() {
  if (start_ != nullptr) device_.driver_.EventDestroy(start_);
  if (stop_ != nullptr) device_.driver_.EventDestroy(stop_);
}

void CudaDevice::Clock::Start() { device_.Check(device_.driver_.EventRecord(start_, device_.stream_), "an event"); }

void CudaDevice::Clock::Stop() { device_.Check(device_.driver_.EventRecord(stop_, device_.stream_), "an event"); }

double CudaDevice::Clock::Milliseconds(double timeout_seconds) {
  device_.WaitFor(stop_, timeout_seconds);
  float milliseconds = 0;
  device_.Check(device_.driver_.EventElapsedTime(&milliseconds, start_, stop_), "an event's time");
  return milliseconds;
}

CudaDevice::Recording::Recording(CudaDevice& device) : device_(device) {}

CudaDevice::Recording::~Recording() {
  if (exec_ != nullptr) device_.driver_.GraphExecDestroy(exec_);
  if (graph_ != nullptr) device_.driver_.GraphDestroy(graph_);
}

void CudaDevice::Recording::Begin() {
  device_.Check(device_.driver_.StreamBeginCapture(device_.stream_, kCaptureRelaxed), "capturing a graph");
}

void CudaDevice::Recording::End() {
  device_.Check(device_.driver_.StreamEndCapture(device_.stream_, &graph_), "capturing a graph");
  device_.Check(device_.driver_.GraphInstantiate(&exec_, graph_, 0), "making a graph");
}

void CudaDevice::Recording::Launch() const {
  device_.Check(device_.driver_.GraphLaunch(exec_, device_.stream_), "launching a graph");
}

}  // namespace moegen::cuda
