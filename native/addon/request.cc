#include "request.h"

#include <algorithm>
#include <cstring>

namespace moegen {
namespace {

Napi::Array ArrayOf(const Napi::Object& object, const char* key) { return object.Get(key).As<Napi::Array>(); }

uint32_t UintOf(const Napi::Object& object, const char* key) {
  return object.Get(key).ToNumber().Uint32Value();
}

uint64_t Uint64Of(const Napi::Object& object, const char* key) {
  return static_cast<uint64_t>(object.Get(key).ToNumber().Int64Value());
}

std::string StringOf(const Napi::Object& object, const char* key) {
  return object.Get(key).ToString().Utf8Value();
}

bool BoolOf(const Napi::Object& object, const char* key) { return object.Get(key).ToBoolean().Value(); }

void ReadSize(const Napi::Object& object, const char* key, uint32_t size[3]) {
  const Napi::Array values = ArrayOf(object, key);
  for (uint32_t i = 0; i < 3; ++i) size[i] = values.Get(i).ToNumber().Uint32Value();
}

// Parts are copied once, before the job starts: a buffer that has to be restored cannot have any.
bool ReadParts(const Napi::Array& parts, Buffer& buffer, Contents& contents) {
  buffer.has_data = true;
  for (uint32_t i = 0; i < parts.Length(); ++i) {
    const auto part = parts.Get(i).As<Napi::Object>();
    const auto bytes = part.Get("data").As<Napi::Uint8Array>();
    const uint64_t offset = Uint64Of(part, "offset");
    if (offset > buffer.bytes || bytes.ByteLength() > buffer.bytes - offset) return false;
    contents.parts.push_back({offset, bytes.ByteLength(), bytes.Data()});
  }
  return !buffer.writable;
}

bool ReadBuffers(const Napi::Object& from, Request& request, std::string& error) {
  const Napi::Array buffers = ArrayOf(from, "buffers");
  for (uint32_t i = 0; i < buffers.Length(); ++i) {
    const auto item = buffers.Get(i).As<Napi::Object>();
    Buffer buffer{};
    Contents contents{};
    buffer.bytes = Uint64Of(item, "byteLength");
    buffer.writable = BoolOf(item, "writable");
    buffer.is_output = BoolOf(item, "isOutput");
    buffer.period = std::max(1u, UintOf(item, "period"));
    buffer.used = std::max(1u, UintOf(item, "used"));
    buffer.least_gap = std::max(1u, UintOf(item, "leastGap"));
    const Napi::Value data = item.Get("data");
    if (data.IsTypedArray()) {
      const auto bytes = data.As<Napi::Uint8Array>();
      if (bytes.ByteLength() == buffer.bytes && buffer.bytes > 0) contents.data = bytes.Data();
      buffer.has_data = contents.data != nullptr;
    }
    buffer.is_sparse = item.Get("parts").IsArray();
    if (buffer.is_sparse && !ReadParts(ArrayOf(item, "parts"), buffer, contents)) {
      error = "a part lies outside of its buffer, or some kernel writes there";
      return false;
    }
    request.job.buffers.push_back(buffer);
    request.contents.push_back(std::move(contents));
  }
  return true;
}

bool ReadConstants(const Napi::Object& item, Dispatch& dispatch, std::string& error) {
  const Napi::Array constants = ArrayOf(item, "constants");
  for (uint32_t i = 0; i < constants.Length(); ++i) {
    const auto constant = constants.Get(i).As<Napi::Object>();
    const auto bytes = constant.Get("bytes").As<Napi::Uint8Array>();
    ConstantValue value{};
    value.symbol = StringOf(constant, "symbol");
    if (bytes.ByteLength() != sizeof value.bytes) {
      error = "the value of the function constant '" + value.symbol + "' has another size";
      return false;
    }
    std::memcpy(value.bytes, bytes.Data(), sizeof value.bytes);
    dispatch.constants.push_back(std::move(value));
  }
  return true;
}

bool ReadBindings(const Napi::Object& item, const Job& job, Dispatch& dispatch, std::string& error) {
  const Napi::Array bindings = ArrayOf(item, "buffers");
  for (uint32_t i = 0; i < bindings.Length(); ++i) {
    const auto from = bindings.Get(i).As<Napi::Object>();
    const BufferBinding binding{UintOf(from, "index"), UintOf(from, "buffer"), Uint64Of(from, "offset"),
                                BoolOf(from, "writable")};
    if (binding.index >= kMaxBuffers || binding.buffer >= job.buffers.size() ||
        binding.offset > job.buffers[binding.buffer].bytes) {
      error = "a buffer binding points outside of the job's buffers";
      return false;
    }
    dispatch.buffers.push_back(binding);
  }
  const Napi::Array memory = ArrayOf(item, "threadgroupMemory");
  for (uint32_t i = 0; i < memory.Length(); ++i) {
    const auto from = memory.Get(i).As<Napi::Object>();
    const ThreadgroupArgument argument{UintOf(from, "index"), UintOf(from, "bytes")};
    if (argument.index >= kMaxBuffers || argument.bytes > kThreadgroupMemoryBytes) {
      error = "a threadgroup argument is too large";
      return false;
    }
    dispatch.threadgroup_memory.push_back(argument);
  }
  return true;
}

// As many threadgroups as the threads of the grid take, where those are given.
bool FitsGrid(const Dispatch& dispatch, std::string& error) {
  for (int axis = 0; axis < 3; ++axis) {
    const uint64_t size = dispatch.threads_per_threadgroup[axis];
    const uint64_t threads = dispatch.threads[axis];
    if (threads == 0 || (threads + size - 1) / size == dispatch.threadgroups[axis]) continue;
    error = "the threadgroups of a grid are as many as its threads take";
    return false;
  }
  return true;
}

bool ReadGrid(const Napi::Object& item, const Job& job, Dispatch& dispatch, std::string& error) {
  ReadSize(item, "threadsPerThreadgroup", dispatch.threads_per_threadgroup);
  uint64_t threads = 1;
  for (const uint32_t count : dispatch.threads_per_threadgroup) {
    if (count == 0 || count > kMaxThreads) threads = kMaxThreads + 1;
    threads *= count == 0 ? 1 : count;
    if (threads > kMaxThreads) {
      error = "a threadgroup has 1 to 1024 threads";
      return false;
    }
  }
  dispatch.indirect = item.Get("indirect").IsObject();
  if (!dispatch.indirect) {
    ReadSize(item, "threadgroups", dispatch.threadgroups);
    if (item.Get("threads").IsArray()) ReadSize(item, "threads", dispatch.threads);
    return FitsGrid(dispatch, error);
  }
  const auto indirect = item.Get("indirect").As<Napi::Object>();
  dispatch.indirect_buffer = UintOf(indirect, "buffer");
  dispatch.indirect_offset = Uint64Of(indirect, "offset");
  if (dispatch.indirect_buffer >= job.buffers.size() || dispatch.indirect_offset % 4 != 0 ||
      dispatch.indirect_offset + 12 > job.buffers[dispatch.indirect_buffer].bytes) {
    error = "the threadgroup counts of an indirect dispatch lie outside of their buffer";
    return false;
  }
  return true;
}

bool ReadDispatch(const Napi::Object& item, Job& job, std::string& error) {
  Dispatch dispatch{};
  dispatch.kernel = StringOf(item, "kernel");
  dispatch.instrumented = BoolOf(item, "instrumented");
  dispatch.library = StringOf(item, "library");
  dispatch.symbol = StringOf(item, "symbol");
  dispatch.row_symbol = StringOf(item, "rowSymbol");
  if (!ReadConstants(item, dispatch, error) || !ReadBindings(item, job, dispatch, error) ||
      !ReadGrid(item, job, dispatch, error)) {
    return false;
  }
  job.dispatches.push_back(std::move(dispatch));
  return true;
}

}  // namespace

bool ReadRequest(const Napi::Object& from, Request& request, std::string& error) {
  Job& job = request.job;
  if (!ReadBuffers(from, request, error)) return false;
  const Napi::Array dispatches = ArrayOf(from, "dispatches");
  for (uint32_t i = 0; i < dispatches.Length(); ++i) {
    if (!ReadDispatch(dispatches.Get(i).As<Napi::Object>(), job, error)) return false;
  }
  const Napi::Array outputs = ArrayOf(from, "outputs");
  for (uint32_t i = 0; i < outputs.Length(); ++i) {
    request.outputs.push_back(outputs.Get(i).ToNumber().Uint32Value());
    if (request.outputs.back() >= job.buffers.size()) {
      error = "an output is not a buffer of the job";
      return false;
    }
  }
  job.checks = UintOf(from, "checks");
  job.count = BoolOf(from, "count");
  job.seed = Uint64Of(from, "seed");
  job.threads = std::max(1u, UintOf(from, "threads"));
  job.lockstep = BoolOf(from, "lockstep");
  job.flush_subnormals = BoolOf(from, "flushSubnormals");
  job.unbound_byte = static_cast<uint8_t>(UintOf(from, "unboundByte"));
  job.locals = Uint64Of(from, "localsByte") << 48 | Uint64Of(from, "localsEnd") << 24 | Uint64Of(from, "localsFirst");
  job.rows = true;
  request.program = StringOf(from, "program");
  request.timeout_seconds = from.Get("timeoutSeconds").ToNumber().DoubleValue();
  return true;
}

}  // namespace moegen
