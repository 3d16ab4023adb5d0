// The part of metal-cpp's Metal that the bindings use, for machines without Metal: what is encoded is written down as a job, which
// `moegen host` runs on its engine. Jobs go out on file descriptor 3, one line of JSON each; a line on descriptor 4 says that the
// buffers' files hold the results.

#pragma once

#include <Foundation/Foundation.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace MTL {

using ResourceOptions = NS::UInteger;
inline constexpr ResourceOptions ResourceStorageModeShared = 0;
inline constexpr ResourceOptions ResourceStorageModePrivate = 32;
enum BarrierScope : NS::UInteger { BarrierScopeBuffers = 1 };
enum DataType : NS::UInteger { DataTypeFloat = 3, DataTypeUInt = 33, DataTypeBool = 53 };
enum DispatchType : NS::UInteger { DispatchTypeSerial = 0, DispatchTypeConcurrent = 1 };

struct Size {
  Size(NS::UInteger w, NS::UInteger h, NS::UInteger d) : width(w), height(h), depth(d) {}
  NS::UInteger width, height, depth;
};

inline std::string folder() {
  const char* place = std::getenv("MOEGEN_STAND_IN");
  if (place == nullptr) {
    std::fputs("this program needs `moegen host`, which runs what it encodes\n", stderr);
    std::exit(1);
  }
  return place;
}

inline std::string text(const Size& size) {
  std::stringstream out;
  out << '[' << size.width << ',' << size.height << ',' << size.depth << ']';
  return out.str();
}

class Buffer : public NS::Object {
 public:
  Buffer(NS::UInteger length, ResourceOptions options) : bytes_(length, 0xA5), options_(options) {}
  /// Of private memory the host sees nothing.
  void* contents() { return options_ == ResourceStorageModePrivate ? nullptr : bytes_.data(); }
  NS::UInteger length() const { return bytes_.size(); }
  std::vector<unsigned char>& bytes() { return bytes_; }

 private:
  std::vector<unsigned char> bytes_;
  ResourceOptions options_;
};

class FunctionConstantValues : public NS::Object {
 public:
  static FunctionConstantValues* alloc() { return new FunctionConstantValues; }
  FunctionConstantValues* init() { return this; }
  void setConstantValue(const void* value, DataType type, NS::UInteger index) {
    std::stringstream out;
    out.precision(17);
    if (type == DataTypeUInt) out << *static_cast<const std::uint32_t*>(value);
    if (type == DataTypeBool) out << (*static_cast<const bool*>(value) ? "true" : "false");
    if (type == DataTypeFloat) out << *static_cast<const float*>(value);
    values[index] = out.str();
  }
  std::map<NS::UInteger, std::string> values;
};

class Function : public NS::Object {
 public:
  std::string file, name, constants;
};

class Library : public NS::Object {
 public:
  explicit Library(std::string file) : file_(std::move(file)) {}
  Function* newFunction(const NS::String* name, const FunctionConstantValues* constants, NS::Error**) {
    auto* function = new Function;
    function->file = file_;
    function->name = name->utf8String();
    for (const auto& [index, value] : constants->values) {
      if (!function->constants.empty()) function->constants += ',';
      function->constants += '"' + std::to_string(index) + "\":" + value;
    }
    return function;
  }

 private:
  std::string file_;
};

class ComputePipelineState : public NS::Object {
 public:
  explicit ComputePipelineState(const Function& function) : function(function) {}
  NS::UInteger maxTotalThreadsPerThreadgroup() const { return 1024; }
  Function function;
};

class CompileOptions : public NS::Object {
 public:
  static CompileOptions* alloc() { return new CompileOptions; }
  CompileOptions* init() { return this; }
  void setFastMathEnabled(bool enabled) { fastMath = enabled; }
  bool fastMath = true;
};

class ComputeCommandEncoder : public NS::Object {
 public:
  void setComputePipelineState(const ComputePipelineState* state) { state_ = state; }
  void setBuffer(Buffer* buffer, NS::UInteger offset, NS::UInteger index) {
    std::stringstream out;
    out << "{\"buffer\":" << position(buffer) << ",\"offset\":" << offset << '}';
    arguments_[index] = out.str();
  }
  void setBytes(const void* bytes, NS::UInteger length, NS::UInteger index) {
    std::stringstream out;
    out << "{\"bytes\":[";
    for (NS::UInteger i = 0; i < length; ++i) out << (i > 0 ? "," : "") << int(static_cast<const unsigned char*>(bytes)[i]);
    out << "]}";
    arguments_[index] = out.str();
  }
  void memoryBarrier(BarrierScope) { barrier_ = true; }
  void dispatchThreadgroups(Size threadgroups, Size threads) { dispatch(text(threadgroups), threads); }
  void dispatchThreadgroups(Buffer* buffer, NS::UInteger offset, Size threads) {
    std::stringstream out;
    out << "{\"indirect\":{\"buffer\":" << position(buffer) << ",\"offset\":" << offset << "}}";
    dispatch(out.str(), threads);
  }
  void endEncoding() {}

  std::vector<Buffer*> buffers;
  std::string dispatches;

 private:
  std::size_t position(Buffer* buffer) {
    for (std::size_t i = 0; i < buffers.size(); ++i)
      if (buffers[i] == buffer) return i;
    buffers.push_back(buffer);
    return buffers.size() - 1;
  }

  /// What one dispatch sets is not passed on to the next: each has to set all that its kernel takes.
  void dispatch(const std::string& threadgroups, const Size& threads) {
    std::stringstream out;
    if (!dispatches.empty()) out << ',';
    const Function& function = state_->function;
    out << "{\"file\":\"" << function.file << "\",\"kernel\":\"" << function.name << "\",\"constants\":{" << function.constants
        << "},\"barrier\":" << (barrier_ ? "true" : "false") << ",\"arguments\":{";
    bool isFirst = true;
    for (const auto& [index, argument] : arguments_) {
      out << (isFirst ? "" : ",") << '"' << index << "\":" << argument;
      isFirst = false;
    }
    out << "},\"threadgroups\":" << threadgroups << ",\"threads\":" << text(threads) << '}';
    dispatches += out.str();
    arguments_.clear();
    barrier_ = false;
  }

  const ComputePipelineState* state_ = nullptr;
  std::map<NS::UInteger, std::string> arguments_;
  bool barrier_ = false;
};

class CommandBuffer : public NS::Object {
 public:
  ComputeCommandEncoder* computeCommandEncoder(DispatchType = DispatchTypeSerial) { return &encoder_; }
  void commit() {
    std::stringstream job;
    job << "{\"buffers\":[";
    for (std::size_t i = 0; i < encoder_.buffers.size(); ++i) {
      std::ofstream(file(i), std::ios::binary)
          .write(reinterpret_cast<const char*>(encoder_.buffers[i]->bytes().data()), encoder_.buffers[i]->length());
      job << (i > 0 ? "," : "") << '"' << file(i) << '"';
    }
    job << "],\"dispatches\":[" << encoder_.dispatches << "]}\n";
    const std::string line = job.str();
    for (std::size_t sent = 0; sent < line.size();) {
      const auto count = ::write(3, line.data() + sent, line.size() - sent);
      if (count <= 0) std::abort();
      sent += static_cast<std::size_t>(count);
    }
  }
  void waitUntilCompleted() {
    char answer = 0;
    while (answer != '\n')
      if (::read(4, &answer, 1) != 1) std::abort();
    for (std::size_t i = 0; i < encoder_.buffers.size(); ++i)
      std::ifstream(file(i), std::ios::binary)
          .read(reinterpret_cast<char*>(encoder_.buffers[i]->bytes().data()), encoder_.buffers[i]->length());
  }

 private:
  static std::string file(std::size_t i) { return folder() + "/buffer-" + std::to_string(i) + ".bin"; }
  ComputeCommandEncoder encoder_;
};

class CommandQueue : public NS::Object {
 public:
  CommandBuffer* commandBuffer() { return new CommandBuffer; }
};

class Device : public NS::Object {
 public:
  Buffer* newBuffer(NS::UInteger length, ResourceOptions options) { return new Buffer(length, options); }
  Buffer* newBuffer(const void* bytes, NS::UInteger length, ResourceOptions options) {
    auto* buffer = newBuffer(length, options);
    std::memcpy(buffer->contents(), bytes, length);
    return buffer;
  }
  CommandQueue* newCommandQueue() { return new CommandQueue; }
  /// A library is the file that its source is put into.
  Library* newLibrary(const NS::String* source, const CompileOptions* options, NS::Error** error) {
    if (options->fastMath) {
      *error = new NS::Error("the kernels require safe math");
      return nullptr;
    }
    const std::string file = folder() + "/library-" + std::to_string(libraries_++) + ".metal";
    std::ofstream(file) << source->utf8String();
    return new Library(file);
  }
  ComputePipelineState* newComputePipelineState(const Function* function, NS::Error**) {
    return new ComputePipelineState(*function);
  }

 private:
  int libraries_ = 0;
};

inline Device* CreateSystemDefaultDevice() { return new Device; }

}  // namespace MTL
