// Turns a kernel of a library, with values for its function constants, into a pipeline state, once
// for each set of values.

#ifndef MOEGEN_NATIVE_METAL_PIPELINE_H_
#define MOEGEN_NATIVE_METAL_PIPELINE_H_

#import <Metal/Metal.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "metal_device.h"

namespace moegen {

struct Pipeline {
  id<MTLComputePipelineState> state;
  // Buffer indices that the kernel reads or writes with these constants.
  std::vector<uint32_t> used_buffers;
};

class PipelineCache {
 public:
  explicit PipelineCache(id<MTLDevice> device) : device_(device) {}

  Pipeline Get(id<MTLLibrary> library, const MetalDispatch& dispatch);

 private:
  Pipeline Build(id<MTLLibrary> library, const MetalDispatch& dispatch) const;

  id<MTLDevice> device_;
  std::mutex mutex_;
  std::map<std::string, Pipeline> pipelines_;
};

}  // namespace moegen

#endif  // MOEGEN_NATIVE_METAL_PIPELINE_H_
