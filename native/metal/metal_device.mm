#include "metal_device.h"

#import <Foundation/Foundation.h>
#import <Metal/Metal.h>

#include <chrono>
#include <cstring>
#include <future>
#include <mutex>

#import "launch.h"
#import "objc_text.h"
#import "pipeline.h"

namespace moegen {
namespace {

constexpr int kUnwritten = 0xA5;

MTLLanguageVersion LanguageVersion(const MetalSource& source) {
  // The enumerators are (major << 16) + minor; written so, an older SDK compiles this file too.
  return static_cast<MTLLanguageVersion>((source.language_major << 16) + source.language_minor);
}

MTLCompileOptions* CompileOptions(const MetalSource& source) {
  MTLCompileOptions* options = [[MTLCompileOptions alloc] init];
  options.languageVersion = LanguageVersion(source);
  // The offline compiler is called with -fno-fast-math; a text that the system compiles gets the
  // same arithmetic.
  if (@available(macOS 15.0, *)) {
    options.mathMode = MTLMathModeSafe;
    options.mathFloatingPointFunctions = MTLMathFloatingPointFunctionsPrecise;
  } else {
    options.fastMathEnabled = NO;
  }
  NSMutableDictionary<NSString*, NSObject*>* macros = [NSMutableDictionary dictionary];
  for (const auto& [name, value] : source.defines) {
    [macros setObject:ToNSString(value) forKey:ToNSString(name)];
  }
  options.preprocessorMacros = macros;
  return options;
}

std::vector<id<MTLBuffer>> MakeBuffers(id<MTLDevice> device,
                                       const std::vector<MetalBufferSpec>& specs) {
  std::vector<id<MTLBuffer>> buffers;
  buffers.reserve(specs.size());
  for (const MetalBufferSpec& spec : specs) {
    // A buffer of no bytes cannot be made, but may be bound: nothing in it is ever read.
    const size_t length = spec.byte_length == 0 ? 1 : spec.byte_length;
    id<MTLBuffer> buffer = length > device.maxBufferLength
                               ? nil
                               : [device newBufferWithLength:length
                                                     options:MTLResourceStorageModeShared];
    if (buffer == nil) {
      throw MetalError("metal/out-of-memory",
                       "buffer " + spec.label + " of " + std::to_string(length) +
                           " bytes: this GPU allows " + std::to_string(device.maxBufferLength) +
                           " for one buffer");
    }
    const size_t given = spec.data.size() < spec.byte_length ? spec.data.size() : spec.byte_length;
    auto* bytes = static_cast<uint8_t*>(buffer.contents);
    if (given != 0) std::memcpy(bytes, spec.data.data(), given);
    std::memset(bytes + given, kUnwritten, length - given);
    buffers.push_back(buffer);
  }
  return buffers;
}

uint64_t CountThreadgroups(const MetalDispatch& dispatch,
                           const std::vector<id<MTLBuffer>>& buffers) {
  uint32_t counts[3];
  if (const auto* indirect = std::get_if<MetalBufferUse>(&dispatch.threadgroups)) {
    std::memcpy(counts,
                static_cast<const uint8_t*>(buffers[indirect->buffer].contents) + indirect->offset,
                sizeof(counts));
  } else {
    const MetalSize& grid = std::get<MetalSize>(dispatch.threadgroups);
    counts[0] = grid.x;
    counts[1] = grid.y;
    counts[2] = grid.z;
  }
  return uint64_t{counts[0]} * counts[1] * counts[2];
}

// A command buffer on its way, and the event that it has ended.
struct Submission {
  id<MTLCommandBuffer> commands;
  std::future<void> done;
};

Submission Submit(id<MTLCommandQueue> queue, const Pipeline& pipeline,
                  const MetalDispatch& dispatch, const std::vector<id<MTLBuffer>>& buffers) {
  id<MTLCommandBuffer> commands = [queue commandBuffer];
  id<MTLComputeCommandEncoder> encoder =
      [commands computeCommandEncoderWithDispatchType:MTLDispatchTypeSerial];
  if (encoder == nil)
    throw MetalError("metal/out-of-memory", "no command encoder for " + dispatch.kernel);
  EncodeLaunch(encoder, pipeline, dispatch, buffers);
  [encoder endEncoding];
  auto done = std::make_shared<std::promise<void>>();
  [commands addCompletedHandler:^(id<MTLCommandBuffer>) {
    done->set_value();
  }];
  [commands commit];
  return {commands, done->get_future()};
}

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

void Await(const Submission& submission, const MetalDispatch& dispatch, const Deadline& deadline) {
  if (!deadline.has_value()) {
    submission.done.wait();
  } else if (submission.done.wait_until(*deadline) != std::future_status::ready) {
    throw MetalError("metal/timeout",
                     dispatch.kernel + " had not ended when the time limit was reached");
  }
  if (submission.commands.status != MTLCommandBufferStatusCompleted) {
    throw MetalError("metal/gpu-error", dispatch.kernel + " failed on the GPU: " +
                                            ErrorText(submission.commands.error));
  }
}

Deadline DeadlineOf(const MetalJob& job) {
  if (!job.timeout_seconds.has_value()) return std::nullopt;
  const auto limit = std::chrono::duration<double>(*job.timeout_seconds);
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
}

std::vector<std::vector<uint8_t>> ReadOutputs(const MetalJob& job,
                                              const std::vector<id<MTLBuffer>>& buffers) {
  std::vector<std::vector<uint8_t>> outputs;
  outputs.reserve(job.outputs.size());
  for (const uint32_t position : job.outputs) {
    if (position >= buffers.size()) {
      throw MetalError("metal/no-such-buffer", "output " + std::to_string(position) +
                                                   " of a job that has " +
                                                   std::to_string(buffers.size()) + " buffers");
    }
    const auto* bytes = static_cast<const uint8_t*>(buffers[position].contents);
    outputs.emplace_back(bytes, bytes + job.buffers[position].byte_length);
  }
  return outputs;
}

}  // namespace

struct MetalDevice::Impl {
  explicit Impl(id<MTLDevice> gpu) : device(gpu), queue([gpu newCommandQueue]), pipelines(gpu) {}

  MetalLibrary Keep(id<MTLLibrary> library) {
    MetalLibrary kept;
    for (NSString* name in library.functionNames) kept.kernels.push_back(ToString(name));
    const std::lock_guard<std::mutex> lock(mutex);
    kept.id = static_cast<uint32_t>(libraries.size());
    libraries.push_back(library);
    return kept;
  }

  id<MTLLibrary> Find(uint32_t id_of_library) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (id_of_library >= libraries.size()) {
      throw MetalError("metal/no-such-library",
                       "library " + std::to_string(id_of_library) + " was never loaded");
    }
    return libraries[id_of_library];
  }

  id<MTLDevice> device;
  id<MTLCommandQueue> queue;
  PipelineCache pipelines;
  std::mutex mutex;
  std::vector<id<MTLLibrary>> libraries;
};

MetalDevice::MetalDevice(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetalDevice::~MetalDevice() = default;

std::unique_ptr<MetalDevice> MetalDevice::Open(std::string* reason) {
  @autoreleasepool {
    id<MTLDevice> device = MTLCreateSystemDefaultDevice();
    if (device == nil) {
      *reason = "this Mac has no Metal device";
      return nullptr;
    }
    // Virtual machines, GitHub's hosted Macs among them, show a paravirtual GPU without simdgroup
    // reductions and matrices.
    if (![device supportsFamily:MTLGPUFamilyApple7]) {
      *reason = "the GPU \"" + ToString(device.name) +
                "\" is not of the Apple 7 family (M1) or newer, so it has no simdgroup matrices";
      return nullptr;
    }
    auto impl = std::make_unique<Impl>(device);
    if (impl->queue == nil) {
      *reason = "the GPU \"" + ToString(device.name) + "\" gives no command queue";
      return nullptr;
    }
    return std::unique_ptr<MetalDevice>(new MetalDevice(std::move(impl)));
  }
}

std::string MetalDevice::Describe() const {
  @autoreleasepool {
    id<MTLDevice> device = impl_->device;
    return ToString(device.name) + ", " + std::to_string(device.maxThreadgroupMemoryLength) +
           " bytes of threadgroup memory, buffers of up to " +
           std::to_string(device.maxBufferLength) + " bytes";
  }
}

MetalLibrary MetalDevice::LoadFile(const std::string& metallib_path) {
  @autoreleasepool {
    NSString* path = ToNSString(metallib_path);
    NSError* error = nil;
    id<MTLLibrary> library =
        path == nil ? nil
                    : [impl_->device newLibraryWithURL:[NSURL fileURLWithPath:path] error:&error];
    if (library == nil) {
      throw MetalError("metal/bad-library",
                       metallib_path + " could not be loaded: " + ErrorText(error));
    }
    return impl_->Keep(library);
  }
}

MetalLibrary MetalDevice::LoadSource(const MetalSource& source) {
  @autoreleasepool {
    NSString* text = ToNSString(source.text);
    if (text == nil) throw MetalError("metal/bad-source", "the Metal source is not UTF-8");
    NSError* error = nil;
    id<MTLLibrary> library = [impl_->device newLibraryWithSource:text
                                                         options:CompileOptions(source)
                                                           error:&error];
    // Warnings come as an error beside a library: only a missing library is a failure.
    if (library == nil) {
      throw MetalError("metal/does-not-compile", "the system's Metal compiler refused the source",
                       ErrorText(error));
    }
    return impl_->Keep(library);
  }
}

MetalResult MetalDevice::Run(const MetalJob& job) {
  @autoreleasepool {
    const std::vector<id<MTLBuffer>> buffers = MakeBuffers(impl_->device, job.buffers);
    std::vector<Pipeline> pipelines;
    for (const MetalDispatch& dispatch : job.dispatches) {
      pipelines.push_back(impl_->pipelines.Get(impl_->Find(dispatch.library), dispatch));
      CheckLaunch(impl_->device, pipelines.back(), dispatch, job.buffers);
    }
    // Only command buffers carry GPU times, so each dispatch has its own. They share one queue and
    // its tracked buffers, hence each sees what those before it wrote.
    std::vector<Submission> submissions;
    for (size_t i = 0; i < job.dispatches.size(); ++i) {
      submissions.push_back(Submit(impl_->queue, pipelines[i], job.dispatches[i], buffers));
    }
    const Deadline deadline = DeadlineOf(job);
    MetalResult result;
    for (size_t i = 0; i < job.dispatches.size(); ++i) {
      Await(submissions[i], job.dispatches[i], deadline);
      id<MTLCommandBuffer> commands = submissions[i].commands;
      result.dispatches.push_back({commands.GPUEndTime - commands.GPUStartTime,
                                   CountThreadgroups(job.dispatches[i], buffers)});
    }
    result.outputs = ReadOutputs(job, buffers);
    return result;
  }
}

}  // namespace moegen
