#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>
#include <string>

#include "../job/wire.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace moegen {
namespace {

// What is not given is filled with this byte, so that results nobody wrote show.
constexpr uint8_t kFillByte = 0xa5;

// Without a name, and open in this process alone.
int MakeFile() {
#if defined(__linux__)
  return memfd_create("moegen job", MFD_CLOEXEC);
#else
  static std::atomic<uint32_t> count{0};
  const std::string name = "/moegen." + std::to_string(getpid()) + "." + std::to_string(count++);
  const int file = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
  if (file < 0) return file;
  shm_unlink(name.c_str());
  fcntl(file, F_SETFD, FD_CLOEXEC);
  return file;
#endif
}

void FillBuffer(uint8_t* target, const Buffer& buffer, const Contents& contents) {
  if (buffer.is_sparse) {
    for (const Part& part : contents.parts) std::memcpy(target + part.offset, part.data, part.bytes);
  } else if (contents.data != nullptr) {
    std::memcpy(target, contents.data, buffer.bytes);
  } else {
    std::memset(target, kFillByte, buffer.bytes);
  }
}

}  // namespace

JobMemory::JobMemory(Job& job) {
  Header made{getpid(), ControlBytes(job.dispatches.size()), Pack(job).size()};
  uint64_t place = made.buffers_place();
  for (Buffer& buffer : job.buffers) {
    buffer.place = place;
    place += PagesOf(buffer);
  }
  file_ = MakeFile();
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(place)) != 0) return;
  void* memory = mmap(nullptr, place, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
  if (memory == MAP_FAILED) return;
  begin_ = static_cast<uint8_t*>(memory);
  bytes_ = place;
  header() = made;
}

JobMemory::~JobMemory() {
  if (begin_ != nullptr) munmap(begin_, bytes_);
  if (file_ >= 0) close(file_);
}

void JobMemory::Fill(const Job& job, const std::vector<Contents>& contents) {
  for (size_t i = 0; i < job.buffers.size(); ++i) FillBuffer(Of(job.buffers[i]), job.buffers[i], contents[i]);
}

void JobMemory::Restore(const Job& job, const std::vector<Contents>& contents) {
  for (size_t i = 0; i < job.buffers.size(); ++i) {
    if (job.buffers[i].writable) FillBuffer(Of(job.buffers[i]), job.buffers[i], contents[i]);
  }
}

void JobMemory::Tell(const Job& job) {
  const std::vector<uint8_t> words = Pack(job);
  std::memcpy(begin_ + header().words_place(), words.data(), words.size());
  std::memset(static_cast<void*>(control()), 0, header().control_bytes);
  new (control()) Control{};
}

}  // namespace moegen
