// Reads a job, as generator/native/metal.ts hands it over, from JavaScript values.

#ifndef MOEGEN_NATIVE_METAL_JOB_READER_H_
#define MOEGEN_NATIVE_METAL_JOB_READER_H_

#include <napi.h>

#include "metal_device.h"

namespace moegen {

// The buffers of the result point into the JavaScript arrays of `value`.
MetalJob ReadJob(const Napi::Object& value);

MetalSource ReadSource(const Napi::Object& value);

}  // namespace moegen

#endif  // MOEGEN_NATIVE_METAL_JOB_READER_H_
