// Turns the end of a job into what JavaScript gets.
#pragma once

#include <napi.h>

#include <string>

#include "memory.h"
#include "process.h"
#include "request.h"

namespace moegen {

Napi::Value MakeResult(const Napi::Env& env, const Request& request, const JobMemory& memory);

// An Error with `code`, and with `dispatch`, `thread` and `threadgroup` where they are known.
Napi::Value MakeError(const Napi::Env& env, const Request& request, const JobMemory& memory, Ending ending);
Napi::Value MakeError(const Napi::Env& env, const std::string& code, const std::string& message);

}  // namespace moegen
