// Reads a job from JavaScript. generator/native/request.ts writes it and has checked it for the user; what is
// checked again here is what could touch memory outside of the job.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "memory.h"

namespace moegen {

struct Request {
  Job job;
  double timeout_seconds;
  std::vector<uint32_t> outputs;
  // The engine's program.
  std::string program;
  // Of each buffer.
  std::vector<Contents> contents;
  // Initial contents of the buffers that kernels write, for another run.
  std::vector<std::vector<uint8_t>> copies;
};

// False with `error` set: the job is malformed.
bool ReadRequest(const Napi::Object& from, Request& request, std::string& error);

}  // namespace moegen
