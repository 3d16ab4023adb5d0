// Encodes one dispatch, after its sizes have been held against the limits of the GPU and of the
// pipeline: beyond them Metal ends the process (with API validation) or gives undefined results
// (without).

#ifndef MOEGEN_NATIVE_METAL_LAUNCH_H_
#define MOEGEN_NATIVE_METAL_LAUNCH_H_

#import <Metal/Metal.h>

#include <vector>

#include "metal_device.h"
#include "pipeline.h"

namespace moegen {

void CheckLaunch(id<MTLDevice> device, const Pipeline& pipeline, const MetalDispatch& dispatch,
                 const std::vector<MetalBufferSpec>& buffers);

void EncodeLaunch(id<MTLComputeCommandEncoder> encoder, const Pipeline& pipeline,
                  const MetalDispatch& dispatch, const std::vector<id<MTLBuffer>>& buffers);

}  // namespace moegen

#endif  // MOEGEN_NATIVE_METAL_LAUNCH_H_
