#include "runner.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "process.h"
#include "request.h"
#include "result.h"

namespace moegen {

class RunningJob {
 public:
  RunningJob(Environment& environment, const Napi::Env& env, Request request)
      : environment_(environment),
        deferred_(Napi::Promise::Deferred::New(env)),
        request_(std::move(request)),
        memory_(request_.job) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  bool has_memory() const { return memory_.ok(); }
  void RejectWith(const Napi::Value& error) const { deferred_.Reject(error); }

  void Start(const Napi::Env& env) {
    // The buffers' contents belong to JavaScript until this returns.
    memory_.Fill(request_.job, request_.contents);
    KeepCopies();
    const auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    settle_ = Napi::ThreadSafeFunction::New(env, nothing, "moegen job", 0, 1);
    thread_ = std::thread([this] { Work(); });
  }

  void Cancel() { cancellation_.Cancel(); }
  void Join() { thread_.join(); }

 private:
  // Only what kernels may change is needed again.
  void KeepCopies() {
    request_.copies.resize(request_.job.buffers.size());
    for (size_t i = 0; i < request_.job.buffers.size(); ++i) {
      const Buffer& buffer = request_.job.buffers[i];
      Contents& contents = request_.contents[i];
      if (contents.data == nullptr) continue;
      if (buffer.writable) request_.copies[i].assign(contents.data, contents.data + buffer.bytes);
      contents.data = buffer.writable ? request_.copies[i].data() : nullptr;
    }
  }

  void Work() {
    ending_ = RunOnce();
    if (ending_ == Ending::kNeedsLockstep) {
      request_.job.lockstep = true;
      ending_ = RunAgain();
    }
    // After a crash: to find out which thread it was.
    if (ending_ == Ending::kNeedsThreads || (ending_ == Ending::kCrashed && RunsRows())) {
      request_.job.rows = false;
      ending_ = RunAgain();
    }
    FixReports();
    settle_.BlockingCall([this](const Napi::Env& env, const Napi::Function&) { Settle(env); });
    settle_.Release();
  }

  Ending RunOnce() {
    memory_.Tell(request_.job);
    return RunInProcess(request_.program, memory_, request_.timeout_seconds, cancellation_);
  }

  bool RunsRows() const {
    const std::vector<Dispatch>& dispatches = request_.job.dispatches;
    return request_.job.rows &&
           std::any_of(dispatches.begin(), dispatches.end(), [](const Dispatch& d) { return !d.row_symbol.empty(); });
  }

  Ending RunAgain() {
    memory_.Restore(request_.job, request_.contents);
    return RunOnce();
  }

  // With several workers, which of two racing accesses is found depends on time: what there is to report
  // comes from a run with one.
  void FixReports() {
    const bool has_reports = memory_.control()->reports.size > 0;
    if (!has_reports || request_.job.threads == 1 || ending_ != Ending::kDone) return;
    const auto first = std::make_unique<Reports>(memory_.control()->reports);
    const uint32_t threads = std::exchange(request_.job.threads, 1);
    ending_ = RunAgain();
    request_.job.threads = threads;
    if (ending_ == Ending::kDone && memory_.control()->reports.size == 0) memory_.control()->reports = *first;
  }

  void Settle(const Napi::Env& env) {
    Join();
    environment_.jobs_.erase(this);
    const std::unique_ptr<RunningJob> owner(this);
    if (ending_ == Ending::kDone) {
      deferred_.Resolve(MakeResult(env, request_, memory_));
    } else {
      deferred_.Reject(MakeError(env, request_, memory_, ending_));
    }
  }

  Environment& environment_;
  Napi::Promise::Deferred deferred_;
  Request request_;
  JobMemory memory_;
  Cancellation cancellation_;
  Ending ending_ = Ending::kFailed;
  Napi::ThreadSafeFunction settle_;
  std::thread thread_;
};

Environment::~Environment() { CancelAll(); }

void Environment::CancelAll() {
  for (RunningJob* job : jobs_) {
    job->Cancel();
    job->Join();
    delete job;
  }
  jobs_.clear();
}

Napi::Value Environment::Run(const Napi::Env& env, const Napi::Object& object) {
  Request request{};
  std::string error;
  const bool read = ReadRequest(object, request, error);
  auto job = std::make_unique<RunningJob>(*this, env, std::move(request));
  const Napi::Promise promise = job->promise();
  if (!read) {
    job->RejectWith(MakeError(env, "bad-job", error));
    return promise;
  }
  if (!job->has_memory()) {
    job->RejectWith(MakeError(env, "out-of-memory", "the system grants no memory for the job's buffers"));
    return promise;
  }
  job->Start(env);
  jobs_.insert(job.release());
  return promise;
}

}  // namespace moegen
