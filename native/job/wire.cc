#include "wire.h"

#include <cstring>
#include <type_traits>

namespace moegen {
namespace {

class Writer {
 public:
  template <typename T>
  void operator()(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    Add(&value, sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(uint64_t{text.size()});
    Add(text.data(), text.size());
  }
  template <typename T, size_t n>
  void operator()(const T (&values)[n]) {
    for (const T& value : values) (*this)(value);
  }
  template <typename T>
  void operator()(const std::vector<T>& items) {
    (*this)(uint64_t{items.size()});
    for (const T& item : items) Visit(*this, item);
  }

  std::vector<uint8_t> bytes;

 private:
  void Add(const void* from, size_t size) {
    const auto* begin = static_cast<const uint8_t*>(from);
    bytes.insert(bytes.end(), begin, begin + size);
  }
};

// Reads what the writer wrote. What is missing reads as zeros, and is remembered.
class Reader {
 public:
  Reader(const uint8_t* bytes, uint64_t size) : at_(bytes), left_(size) {}

  template <typename T>
  void operator()(T& value) {
    static_assert(std::is_arithmetic_v<T>);
    value = T{};
    Take(&value, sizeof value);
  }
  void operator()(std::string& text) {
    text.resize(Size());
    Take(text.data(), text.size());
  }
  template <typename T, size_t n>
  void operator()(T (&values)[n]) {
    for (T& value : values) (*this)(value);
  }
  template <typename T>
  void operator()(std::vector<T>& items) {
    items.resize(Size());
    for (T& item : items) Visit(*this, item);
  }
  bool IsDone() const { return ok_ && left_ == 0; }

 private:
  // Every item takes a byte at least.
  uint64_t Size() {
    uint64_t size;
    (*this)(size);
    if (size <= left_) return size;
    ok_ = false;
    return 0;
  }
  void Take(void* to, uint64_t size) {
    if (size > left_) {
      ok_ = false;
      return;
    }
    std::memcpy(to, at_, size);
    at_ += size;
    left_ -= size;
  }

  const uint8_t* at_;
  uint64_t left_;
  bool ok_ = true;
};

// The members of each struct, for both directions.

template <typename Wire, typename T>
void VisitConstant(Wire& wire, T& constant) {
  wire(constant.symbol);
  wire(constant.bytes);
}

template <typename Wire, typename T>
void VisitBinding(Wire& wire, T& binding) {
  wire(binding.index);
  wire(binding.buffer);
  wire(binding.offset);
  wire(binding.writable);
}

template <typename Wire, typename T>
void VisitArgument(Wire& wire, T& argument) {
  wire(argument.index);
  wire(argument.bytes);
}

template <typename Wire, typename T>
void VisitDispatch(Wire& wire, T& dispatch) {
  wire(dispatch.kernel);
  wire(dispatch.library);
  wire(dispatch.symbol);
  wire(dispatch.row_symbol);
  wire(dispatch.instrumented);
  wire(dispatch.constants);
  wire(dispatch.buffers);
  wire(dispatch.threadgroup_memory);
  wire(dispatch.indirect);
  wire(dispatch.indirect_buffer);
  wire(dispatch.indirect_offset);
  wire(dispatch.threadgroups);
  wire(dispatch.threads_per_threadgroup);
  wire(dispatch.threads);
}

template <typename Wire, typename T>
void VisitBuffer(Wire& wire, T& buffer) {
  wire(buffer.bytes);
  wire(buffer.writable);
  wire(buffer.is_output);
  wire(buffer.has_data);
  wire(buffer.is_sparse);
  wire(buffer.period);
  wire(buffer.used);
  wire(buffer.least_gap);
  wire(buffer.place);
}

template <typename Wire, typename T>
void Visit(Wire& wire, T& item) {
  using Item = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Item, ConstantValue>) VisitConstant(wire, item);
  if constexpr (std::is_same_v<Item, BufferBinding>) VisitBinding(wire, item);
  if constexpr (std::is_same_v<Item, ThreadgroupArgument>) VisitArgument(wire, item);
  if constexpr (std::is_same_v<Item, Dispatch>) VisitDispatch(wire, item);
  if constexpr (std::is_same_v<Item, Buffer>) VisitBuffer(wire, item);
}

template <typename Wire, typename T>
void VisitJob(Wire& wire, T& job) {
  wire(job.buffers);
  wire(job.dispatches);
  wire(job.checks);
  wire(job.count);
  wire(job.seed);
  wire(job.threads);
  wire(job.lockstep);
  wire(job.flush_subnormals);
  wire(job.unbound_byte);
  wire(job.locals);
  wire(job.rows);
}

}  // namespace

std::vector<uint8_t> Pack(const Job& job) {
  Writer writer;
  VisitJob(writer, job);
  return std::move(writer.bytes);
}

bool Unpack(const uint8_t* bytes, uint64_t size, Job& job) {
  Reader reader(bytes, size);
  VisitJob(reader, job);
  return reader.IsDone();
}

}  // namespace moegen
