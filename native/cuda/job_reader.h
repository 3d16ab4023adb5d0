// Reads what generator/native/cuda/addon.ts describes. Contents of buffers are borrowed from JavaScript.

#ifndef MOEGEN_NATIVE_CUDA_JOB_READER_H_
#define MOEGEN_NATIVE_CUDA_JOB_READER_H_

#include <napi.h>

#include "cuda_device.h"

namespace moegen::cuda {

Job ReadJob(const Napi::Object& value);
TimingJob ReadTimingJob(const Napi::Object& value);

}  // namespace moegen::cuda

#endif  // MOEGEN_NATIVE_CUDA_JOB_READER_H_
