// A GPU that Metal drives, as plain C++: no Objective-C type leaks out of this header, so that the
// Node binding, or a stand-in for the device, is ordinary C++. A job is a list of dispatches over a
// pool of buffers, run in order.

#ifndef MOEGEN_NATIVE_METAL_METAL_DEVICE_H_
#define MOEGEN_NATIVE_METAL_METAL_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace moegen {

// What a user can cause or repair. `code` is `metal/kebab-reason`; `log` is the text of the
// compiler, where there is one.
class MetalError : public std::runtime_error {
 public:
  MetalError(std::string code, const std::string& message, std::string log = {})
      : std::runtime_error(message), code_(std::move(code)), log_(std::move(log)) {}

  const std::string& code() const { return code_; }
  const std::string& log() const { return log_; }

 private:
  std::string code_;
  std::string log_;
};

struct MetalSize {
  uint32_t x = 1;
  uint32_t y = 1;
  uint32_t z = 1;
};

// What the compiler inside the operating system needs to know about a text.
struct MetalSource {
  std::string text;
  uint32_t language_major = 3;
  uint32_t language_minor = 2;
  std::map<std::string, std::string> defines;
};

struct MetalLibrary {
  uint32_t id = 0;
  std::vector<std::string> kernels;
};

// `data` is borrowed: it stays valid until Run returns. Bytes that it does not cover are filled
// with 0xA5.
struct MetalBufferSpec {
  size_t byte_length = 0;
  std::span<const uint8_t> data;
  std::string label;
};

// A position in MetalJob::buffers, and a byte offset into that buffer.
struct MetalBufferUse {
  uint32_t buffer = 0;
  size_t offset = 0;
};

// Booleans for `bool` constants; numbers for all others.
using MetalConstant = std::variant<bool, double>;

struct MetalDispatch {
  uint32_t library = 0;
  std::string kernel;
  std::map<uint32_t, MetalConstant> constants;
  std::map<uint32_t, MetalBufferUse> buffers;
  // Bytes of each [[threadgroup(n)]] argument.
  std::map<uint32_t, size_t> threadgroup_memory;
  // Threadgroups in the grid, or where the three uint32 lie that say so when the dispatch starts.
  std::variant<MetalSize, MetalBufferUse> threadgroups;
  MetalSize threads_per_threadgroup;
  // Threads in the grid, where its edges cut threadgroups.
  std::optional<MetalSize> threads;
};

struct MetalJob {
  std::vector<MetalBufferSpec> buffers;
  std::vector<MetalDispatch> dispatches;
  // Buffers to return, by position.
  std::vector<uint32_t> outputs;
  std::optional<double> timeout_seconds;
};

struct MetalDispatchResult {
  double seconds = 0;
  uint64_t threadgroups = 0;
};

struct MetalResult {
  std::vector<std::vector<uint8_t>> outputs;
  std::vector<MetalDispatchResult> dispatches;
};

// Every function may be called from any thread, several at a time. Failures are MetalErrors.
class MetalDevice {
 public:
  // The system's default GPU; without one that can run the kernels, null and the reason.
  static std::unique_ptr<MetalDevice> Open(std::string* reason);

  ~MetalDevice();
  MetalDevice(const MetalDevice&) = delete;
  MetalDevice& operator=(const MetalDevice&) = delete;

  // A sentence for people.
  std::string Describe() const;

  MetalLibrary LoadFile(const std::string& metallib_path);
  MetalLibrary LoadSource(const MetalSource& source);

  MetalResult Run(const MetalJob& job);

 private:
  struct Impl;
  explicit MetalDevice(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace moegen

#endif  // MOEGEN_NATIVE_METAL_METAL_DEVICE_H_
