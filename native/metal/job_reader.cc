#include "job_reader.h"

#include <string>

namespace moegen {
namespace {

bool IsMissing(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

uint32_t ReadUint(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// Lengths and offsets may exceed 32 bits; JavaScript counts exactly up to 2^53.
size_t ReadLength(const Napi::Value& value) {
  return static_cast<size_t>(value.As<Napi::Number>().Int64Value());
}

// Calls `read(value)` for each element of an array.
template <typename Item, typename Read>
std::vector<Item> ReadArray(const Napi::Value& value, const Read& read) {
  const auto array = value.As<Napi::Array>();
  std::vector<Item> items;
  items.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) items.push_back(read(array.Get(i)));
  return items;
}

// Calls `read(value)` for each entry of a record whose keys are indices.
template <typename Item, typename Read>
std::map<uint32_t, Item> ReadIndexed(const Napi::Value& value, const Read& read) {
  std::map<uint32_t, Item> items;
  if (IsMissing(value)) return items;
  const auto record = value.As<Napi::Object>();
  const Napi::Array names = record.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const Napi::Value name = names.Get(i);
    items.emplace(ReadUint(name.ToNumber()), read(record.Get(name)));
  }
  return items;
}

MetalSize ReadSize(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  return {ReadUint(array.Get(0u)), ReadUint(array.Get(1u)), ReadUint(array.Get(2u))};
}

MetalBufferUse ReadUse(const Napi::Value& value) {
  const auto use = value.As<Napi::Object>();
  const Napi::Value offset = use.Get("offset");
  return {ReadUint(use.Get("buffer")), IsMissing(offset) ? 0 : ReadLength(offset)};
}

MetalConstant ReadConstant(const Napi::Value& value) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  return value.As<Napi::Number>().DoubleValue();
}

MetalBufferSpec ReadBuffer(const Napi::Value& value) {
  const auto spec = value.As<Napi::Object>();
  MetalBufferSpec buffer;
  buffer.byte_length = ReadLength(spec.Get("byteLength"));
  if (const Napi::Value label = spec.Get("label"); !IsMissing(label))
    buffer.label = label.As<Napi::String>();
  if (const Napi::Value data = spec.Get("data"); !IsMissing(data)) {
    const auto bytes = data.As<Napi::Uint8Array>();
    buffer.data = {bytes.Data(), bytes.ByteLength()};
  }
  return buffer;
}

MetalDispatch ReadDispatch(const Napi::Value& value) {
  const auto spec = value.As<Napi::Object>();
  MetalDispatch dispatch;
  dispatch.library = ReadUint(spec.Get("library"));
  dispatch.kernel = spec.Get("kernel").As<Napi::String>();
  dispatch.constants = ReadIndexed<MetalConstant>(spec.Get("constants"), ReadConstant);
  dispatch.buffers = ReadIndexed<MetalBufferUse>(spec.Get("buffers"), ReadUse);
  dispatch.threadgroup_memory = ReadIndexed<size_t>(spec.Get("threadgroupMemory"), ReadLength);
  dispatch.threads_per_threadgroup = ReadSize(spec.Get("threadsPerThreadgroup"));
  if (const Napi::Value threads = spec.Get("threads"); !IsMissing(threads)) dispatch.threads = ReadSize(threads);
  const Napi::Value grid = spec.Get("threadgroups");
  if (grid.IsArray()) {
    dispatch.threadgroups = ReadSize(grid);
  } else {
    dispatch.threadgroups = ReadUse(grid.As<Napi::Object>().Get("indirect"));
  }
  return dispatch;
}

}  // namespace

MetalJob ReadJob(const Napi::Object& value) {
  MetalJob job;
  job.buffers = ReadArray<MetalBufferSpec>(value.Get("buffers"), ReadBuffer);
  job.dispatches = ReadArray<MetalDispatch>(value.Get("dispatches"), ReadDispatch);
  job.outputs = ReadArray<uint32_t>(value.Get("outputs"), ReadUint);
  const Napi::Value timeout = value.Get("timeoutSeconds");
  if (!IsMissing(timeout)) job.timeout_seconds = timeout.As<Napi::Number>().DoubleValue();
  return job;
}

MetalSource ReadSource(const Napi::Object& value) {
  MetalSource source;
  source.text = value.Get("text").As<Napi::String>();
  source.language_major = ReadUint(value.Get("languageMajor"));
  source.language_minor = ReadUint(value.Get("languageMinor"));
  const auto defines = value.Get("defines").As<Napi::Object>();
  const Napi::Array names = defines.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const Napi::Value name = names.Get(i);
    source.defines.emplace(name.As<Napi::String>(), defines.Get(name).As<Napi::String>());
  }
  return source;
}

}  // namespace moegen
