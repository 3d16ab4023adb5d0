#import "launch.h"

#include <string>

namespace moegen {
namespace {

// Of the argument tables for buffers and for threadgroup memory, on every GPU family from Apple 7
// on.
constexpr uint32_t kBufferSlots = 31;
constexpr uint32_t kThreadgroupSlots = 31;
// setThreadgroupMemoryLength takes multiples of this.
constexpr size_t kThreadgroupAlignment = 16;
constexpr size_t kIndirectBytes = 3 * sizeof(uint32_t);

size_t RoundUp(size_t bytes) {
  return (bytes + kThreadgroupAlignment - 1) / kThreadgroupAlignment * kThreadgroupAlignment;
}

std::string SizeText(uint64_t x, uint64_t y, uint64_t z) {
  return std::to_string(x) + " x " + std::to_string(y) + " x " + std::to_string(z);
}

[[noreturn]] void Refuse(const std::string& code, const MetalDispatch& dispatch,
                         const std::string& what) {
  throw MetalError("metal/" + code, dispatch.kernel + ": " + what);
}

void CheckThreads(id<MTLDevice> device, const Pipeline& pipeline, const MetalDispatch& dispatch) {
  const MetalSize& threads = dispatch.threads_per_threadgroup;
  const uint64_t total = uint64_t{threads.x} * threads.y * threads.z;
  const uint64_t limit = pipeline.state.maxTotalThreadsPerThreadgroup;
  const MTLSize most = device.maxThreadsPerThreadgroup;
  const std::string given = SizeText(threads.x, threads.y, threads.z) + " threads in a threadgroup";
  if (total == 0) Refuse("bad-threadgroup", dispatch, given + ": expected at least one");
  if (threads.x > most.width || threads.y > most.height || threads.z > most.depth) {
    Refuse("bad-threadgroup", dispatch,
           given + ", but this GPU takes at most " + SizeText(most.width, most.height, most.depth));
  }
  if (total > limit) {
    Refuse("bad-threadgroup", dispatch,
           given + " are " + std::to_string(total) + ", but this pipeline takes at most " +
               std::to_string(limit));
  }
}

void CheckThreadgroupMemory(id<MTLDevice> device, const Pipeline& pipeline,
                            const MetalDispatch& dispatch) {
  size_t total = pipeline.state.staticThreadgroupMemoryLength;
  for (const auto& [index, bytes] : dispatch.threadgroup_memory) {
    if (index >= kThreadgroupSlots) {
      Refuse("bad-index", dispatch,
             "threadgroup argument " + std::to_string(index) + ": the last one is 30");
    }
    total += RoundUp(bytes);
  }
  if (total > device.maxThreadgroupMemoryLength) {
    Refuse("threadgroup-memory", dispatch,
           "needs " + std::to_string(total) + " bytes of threadgroup memory, but this GPU has " +
               std::to_string(device.maxThreadgroupMemoryLength));
  }
}

void CheckUse(const MetalDispatch& dispatch, const std::string& name, const MetalBufferUse& use,
              size_t bytes, const std::vector<MetalBufferSpec>& buffers) {
  if (use.buffer >= buffers.size()) {
    Refuse("no-such-buffer", dispatch,
           name + " names buffer " + std::to_string(use.buffer) + " of a job that has " +
               std::to_string(buffers.size()));
  }
  const size_t length = buffers[use.buffer].byte_length;
  if (use.offset > length || length - use.offset < bytes) {
    Refuse("bad-offset", dispatch,
           name + " needs " + std::to_string(bytes) + " bytes at offset " +
               std::to_string(use.offset) + " of a buffer of " + std::to_string(length));
  }
}

void CheckBuffers(const Pipeline& pipeline, const MetalDispatch& dispatch,
                  const std::vector<MetalBufferSpec>& buffers) {
  for (const auto& [index, use] : dispatch.buffers) {
    const std::string name = "[[buffer(" + std::to_string(index) + ")]]";
    if (index >= kBufferSlots) Refuse("bad-index", dispatch, name + ": the last index is 30");
    CheckUse(dispatch, name, use, 0, buffers);
  }
  for (const uint32_t index : pipeline.used_buffers) {
    if (!dispatch.buffers.contains(index)) {
      Refuse("missing-buffer", dispatch,
             "[[buffer(" + std::to_string(index) + ")]] is used but not bound");
    }
  }
  if (const auto* indirect = std::get_if<MetalBufferUse>(&dispatch.threadgroups)) {
    CheckUse(dispatch, "the indirect threadgroup count", *indirect, kIndirectBytes, buffers);
    if (indirect->offset % sizeof(uint32_t) != 0) {
      Refuse("bad-offset", dispatch,
             "the indirect threadgroup count lies at offset " + std::to_string(indirect->offset) +
                 ": expected a multiple of 4");
    }
  }
}

}  // namespace

void CheckLaunch(id<MTLDevice> device, const Pipeline& pipeline, const MetalDispatch& dispatch,
                 const std::vector<MetalBufferSpec>& buffers) {
  CheckThreads(device, pipeline, dispatch);
  CheckThreadgroupMemory(device, pipeline, dispatch);
  CheckBuffers(pipeline, dispatch, buffers);
}

void EncodeLaunch(id<MTLComputeCommandEncoder> encoder, const Pipeline& pipeline,
                  const MetalDispatch& dispatch, const std::vector<id<MTLBuffer>>& buffers) {
  [encoder setComputePipelineState:pipeline.state];
  for (const auto& [index, use] : dispatch.buffers) {
    [encoder setBuffer:buffers[use.buffer] offset:use.offset atIndex:index];
  }
  for (const auto& [index, bytes] : dispatch.threadgroup_memory) {
    [encoder setThreadgroupMemoryLength:RoundUp(bytes) atIndex:index];
  }
  const MetalSize& threads = dispatch.threads_per_threadgroup;
  const MTLSize threads_per_threadgroup = MTLSizeMake(threads.x, threads.y, threads.z);
  if (const auto* indirect = std::get_if<MetalBufferUse>(&dispatch.threadgroups)) {
    [encoder dispatchThreadgroupsWithIndirectBuffer:buffers[indirect->buffer]
                               indirectBufferOffset:indirect->offset
                              threadsPerThreadgroup:threads_per_threadgroup];
    return;
  }
  if (dispatch.threads) {
    [encoder dispatchThreads:MTLSizeMake(dispatch.threads->x, dispatch.threads->y, dispatch.threads->z)
        threadsPerThreadgroup:threads_per_threadgroup];
    return;
  }
  const MetalSize& grid = std::get<MetalSize>(dispatch.threadgroups);
  // Metal wants at least one threadgroup in each direction; a kernel without work is not encoded at
  // all.
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  [encoder dispatchThreadgroups:MTLSizeMake(grid.x, grid.y, grid.z)
          threadsPerThreadgroup:threads_per_threadgroup];
}

}  // namespace moegen
