#include "job_reader.h"

namespace moegen::cuda {
namespace {

uint32_t ReadUint(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// Lengths and offsets may exceed 32 bits; JavaScript counts exactly up to 2^53.
int64_t ReadLong(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }

// Calls `read(value)` for each element of an array.
template <typename Item, typename Read>
std::vector<Item> ReadArray(const Napi::Value& value, const Read& read) {
  const auto array = value.As<Napi::Array>();
  std::vector<Item> items;
  items.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) items.push_back(read(array.Get(i)));
  return items;
}

void ReadSize(const Napi::Value& value, uint32_t size[3]) {
  const auto array = value.As<Napi::Array>();
  for (uint32_t axis = 0; axis < 3; ++axis) size[axis] = ReadUint(array.Get(axis));
}

Bytes ReadBytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

BufferSpec ReadBuffer(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  BufferSpec buffer;
  buffer.bytes = static_cast<size_t>(ReadLong(object.Get("byteLength")));
  buffer.instances = ReadArray<Bytes>(object.Get("instances"), ReadBytes);
  return buffer;
}

Argument ReadArgument(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  Argument argument;
  argument.is_buffer = object.Has("buffer");
  if (argument.is_buffer) argument.buffer = ReadLong(object.Get("buffer"));
  argument.offset = static_cast<uint64_t>(ReadLong(object.Get("offset")));
  return argument;
}

Dispatch ReadDispatch(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  Dispatch dispatch;
  dispatch.module = object.Get("module").As<Napi::String>();
  dispatch.symbol = object.Get("symbol").As<Napi::String>();
  dispatch.arguments = ReadArray<Argument>(object.Get("arguments"), ReadArgument);
  dispatch.shared_bytes = ReadUint(object.Get("sharedBytes"));
  ReadSize(object.Get("threadgroups"), dispatch.grid);
  ReadSize(object.Get("threadsPerThreadgroup"), dispatch.block);
  const Napi::Value indirect = object.Get("indirect");
  if (indirect.IsObject()) {
    const auto place = indirect.As<Napi::Object>();
    dispatch.indirect_buffer = ReadLong(place.Get("buffer"));
    dispatch.indirect_offset = static_cast<uint64_t>(ReadLong(place.Get("offset")));
  }
  return dispatch;
}

}  // namespace

Job ReadJob(const Napi::Object& value) {
  Job job;
  job.buffers = ReadArray<BufferSpec>(value.Get("buffers"), ReadBuffer);
  job.dispatches = ReadArray<Dispatch>(value.Get("dispatches"), ReadDispatch);
  job.outputs = ReadArray<uint32_t>(value.Get("outputs"), ReadUint);
  job.timeout_seconds = value.Get("timeoutSeconds").As<Napi::Number>().DoubleValue();
  return job;
}

TimingJob ReadTimingJob(const Napi::Object& value) {
  TimingJob timing;
  timing.job = ReadJob(value);
  timing.stages = ReadArray<std::pair<uint32_t, uint32_t>>(value.Get("stages"), [](const Napi::Value& stage) {
    const auto range = stage.As<Napi::Array>();
    return std::pair<uint32_t, uint32_t>(ReadUint(range.Get(0u)), ReadUint(range.Get(1u)));
  });
  timing.copies = ReadUint(value.Get("copies"));
  timing.repetitions = ReadUint(value.Get("repetitions"));
  timing.flush_bytes = static_cast<size_t>(ReadLong(value.Get("flushBytes")));
  return timing;
}

}  // namespace moegen::cuda
