// Measures dispatches: each set of them is captured into a graph once and launched many times.

#include "buffers.h"
#include "cuda_device.h"

namespace moegen::cuda {
namespace {

constexpr uint32_t kWarmUps = 3;

}  // namespace

TimingResult CudaDevice::Time(const TimingJob& timing) {
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    Enter();
    const std::vector<Dispatch>& dispatches = timing.job.dispatches;
    const Buffers buffers(*this, timing.job.buffers);
    BufferSpec flushed;
    flushed.bytes = timing.flush_bytes;
    flushed.instances.resize(1);
    const Buffers flush(*this, timing.flush_bytes > 0 ? std::vector<BufferSpec>{flushed} : std::vector<BufferSpec>{});

    // Once, one by one: fills what later dispatches read, and tells the grids that are decided on the way.
    struct Grid {
      uint32_t counts[3];
    };
    std::vector<std::vector<Grid>> grids(timing.copies, std::vector<Grid>(dispatches.size()));
    for (uint32_t copy = 0; copy < timing.copies; ++copy) {
      for (size_t i = 0; i < dispatches.size(); ++i) {
        Clock clock(*this);
        ReadGrid(dispatches[i], buffers, copy, grids[copy][i].counts);
        Launch(dispatches[i], grids[copy][i].counts, buffers, copy);
        clock.Start();
        clock.Stop();
        clock.Milliseconds(timing.job.timeout_seconds);
      }
    }

    const auto measure = [&](uint32_t begin, uint32_t end) {
      Recording recording(*this);
      recording.Begin();
      for (uint32_t copy = 0; copy < timing.copies; ++copy) {
        for (uint32_t i = begin; i < end; ++i) Launch(dispatches[i], grids[copy][i].counts, buffers, copy);
      }
      recording.End();
      return Measure(timing, recording, timing.flush_bytes > 0 ? flush.At(0, 0) : 0);
    };
    TimingResult result;
    result.whole = measure(0, static_cast<uint32_t>(dispatches.size()));
    for (const auto& [begin, end] : timing.stages) result.stages.push_back(measure(begin, end));
    return result;
  } catch (const CudaError&) {
    Leave();
    throw;
  }
}

std::vector<double> CudaDevice::Measure(const TimingJob& timing, const Recording& recording, Address flush) {
  std::vector<double> microseconds;
  for (uint32_t turn = 0; turn < kWarmUps + timing.repetitions; ++turn) {
    if (flush != 0) {
      Check(driver_.MemsetD8Async(flush, static_cast<unsigned char>(turn), timing.flush_bytes, stream_), "flushing caches");
    }
    Clock clock(*this);
    clock.Start();
    recording.Launch();
    clock.Stop();
    const double milliseconds = clock.Milliseconds(timing.job.timeout_seconds);
    if (turn >= kWarmUps) microseconds.push_back(milliseconds * 1e3 / timing.copies);
  }
  return microseconds;
}

}  // namespace moegen::cuda
