#include "result.h"

#include <signal.h>

#include <cstring>

namespace moegen {
namespace {

const char* SignalName(int number) {
  switch (number) {
    case SIGSEGV:
    case SIGBUS:
      return "it accessed memory outside of its buffers";
    case SIGFPE:
      return "it divided an integer by zero";
    case SIGILL:
    case SIGTRAP:
      return "it reached a trap, or this processor lacks an instruction";
    case SIGABRT:
      return "it was aborted";
    default:
      return "its process was ended, perhaps for lack of memory";
  }
}

std::string Describe(const Control& control, Ending ending) {
  switch (ending) {
    case Ending::kFailed:
      return control.message;
    case Ending::kTimedOut:
      return "the kernel did not end in time";
    case Ending::kNoProcess:
      return "the system grants no new process to run kernels in";
    case Ending::kNotExecutable:
      return "the engine was built, but the system does not execute it";
    case Ending::kCancelled:
      return "the job was cancelled";
    default:
      break;
  }
  if (control.stack_overflow) return "the kernel crashed: the variables of one thread exceed its stack";
  return std::string("the kernel crashed: ") + SignalName(control.signal);
}

std::string CodeOf(const Control& control, Ending ending) {
  switch (ending) {
    case Ending::kFailed:
      return control.code;
    case Ending::kTimedOut:
      return "kernel-timed-out";
    case Ending::kNoProcess:
      return "no-process";
    case Ending::kNotExecutable:
      return "not-executable";
    case Ending::kCancelled:
      return "cancelled";
    default:
      return "kernel-crashed";
  }
}

Napi::Value CopyOf(const Napi::Env& env, const JobMemory& memory, const Buffer& buffer) {
  auto bytes = Napi::ArrayBuffer::New(env, buffer.bytes);
  if (buffer.bytes > 0) std::memcpy(bytes.Data(), memory.Of(buffer), buffer.bytes);
  return Napi::Uint8Array::New(env, buffer.bytes, bytes, 0);
}

Napi::Value Number(const Napi::Env& env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Object MakeCounters(const Napi::Env& env, const Dispatch& dispatch, const DispatchOutcome& outcome) {
  auto buffers = Napi::Array::New(env, dispatch.buffers.size());
  for (uint32_t i = 0; i < dispatch.buffers.size(); ++i) {
    const uint32_t index = dispatch.buffers[i].index;
    const BufferCounters& counters = outcome.buffers[index];
    auto item = Napi::Object::New(env);
    item.Set("index", index);
    item.Set("bytesRead", Number(env, counters.bytes_read));
    item.Set("bytesWritten", Number(env, counters.bytes_written));
    item.Set("reads", Number(env, counters.reads));
    item.Set("writes", Number(env, counters.writes));
    buffers.Set(i, item);
  }
  auto result = Napi::Object::New(env);
  result.Set("buffers", buffers);
  result.Set("threadgroupBytesRead", Number(env, outcome.threadgroup_bytes_read));
  result.Set("threadgroupBytesWritten", Number(env, outcome.threadgroup_bytes_written));
  result.Set("idleThreadgroups", Number(env, outcome.idle_threadgroups));
  result.Set("barriers", Number(env, outcome.barriers));
  result.Set("floatingPointOperations", Number(env, outcome.operations));
  result.Set("matrixOperations", Number(env, outcome.matrix_operations));
  return result;
}

// Where code of a dispatch lies: its library, and the offset in it.
void SetPlace(Napi::Object item, const Request& request, const JobMemory& memory, uint32_t dispatch, uint64_t address,
              const char* offset = "offset") {
  if (address == 0 || dispatch >= request.job.dispatches.size()) return;
  const DispatchOutcome& outcome = memory.control()->outcomes()[dispatch];
  if (address < outcome.code_begin || address > outcome.code_end) return;
  item.Set("library", request.job.dispatches[dispatch].library);
  item.Set(offset, static_cast<double>(address - outcome.code_begin));
}

Napi::Array MakeReports(const Napi::Env& env, const Request& request, const JobMemory& memory) {
  const Reports& reports = memory.control()->reports;
  auto result = Napi::Array::New(env, reports.size);
  for (uint32_t i = 0; i < reports.size; ++i) {
    const Report& report = reports.items[i];
    auto item = Napi::Object::New(env);
    item.Set("check", static_cast<uint32_t>(report.check));
    item.Set("dispatch", report.dispatch);
    item.Set("message", report.message);
    item.Set("count", Number(env, report.count));
    SetPlace(item, request, memory, report.dispatch, report.address);
    SetPlace(item, request, memory, report.dispatch, report.other_address, "otherOffset");
    result.Set(i, item);
  }
  return result;
}

}  // namespace

Napi::Value MakeResult(const Napi::Env& env, const Request& request, const JobMemory& memory) {
  auto result = Napi::Object::New(env);
  auto outputs = Napi::Array::New(env, request.outputs.size());
  for (uint32_t i = 0; i < request.outputs.size(); ++i) {
    outputs.Set(i, CopyOf(env, memory, request.job.buffers[request.outputs[i]]));
  }
  auto dispatches = Napi::Array::New(env, request.job.dispatches.size());
  for (uint32_t i = 0; i < request.job.dispatches.size(); ++i) {
    const DispatchOutcome& outcome = memory.control()->outcomes()[i];
    auto item = Napi::Object::New(env);
    item.Set("seconds", outcome.seconds);
    item.Set("threadgroups", Number(env, outcome.threadgroups));
    item.Set("threadgroupMemory", Number(env, outcome.threadgroup_memory));
    if (request.job.count) item.Set("counters", MakeCounters(env, request.job.dispatches[i], outcome));
    dispatches.Set(i, item);
  }
  result.Set("outputs", outputs);
  result.Set("dispatches", dispatches);
  result.Set("reports", MakeReports(env, request, memory));
  result.Set("lockstep", request.job.lockstep);
  result.Set("isConfined", memory.control()->is_confined);
  return result;
}

Napi::Value MakeError(const Napi::Env& env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  return error.Value();
}

Napi::Value MakeError(const Napi::Env& env, const Request& request, const JobMemory& memory, Ending ending) {
  const Control& control = *memory.control();
  const auto error = MakeError(env, CodeOf(control, ending), Describe(control, ending)).As<Napi::Object>();
  if (control.dispatch < request.job.dispatches.size()) error.Set("dispatch", control.dispatch);
  const bool has_thread = ending == Ending::kCrashed || ending == Ending::kFailed;
  if (has_thread && control.signal + static_cast<int>(control.code[0]) != 0 && control.thread != kNoThread) {
    error.Set("thread", control.thread);
    error.Set("threadgroup", Number(env, control.threadgroup));
  }
  if (ending == Ending::kCrashed) SetPlace(error, request, memory, control.dispatch, control.instruction);
  // What was found before the end.
  error.Set("reports", MakeReports(env, request, memory));
  return error;
}

}  // namespace moegen
