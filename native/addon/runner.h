// Runs jobs beside JavaScript: one thread per job, which waits for the engine's process and then settles a
// promise.
#pragma once

#include <napi.h>

#include <memory>
#include <set>

namespace moegen {

class RunningJob;

// State of one JavaScript environment (the main thread or a worker thread).
class Environment {
 public:
  ~Environment();
  // A promise of the result object; rejected with an Error that has `code` and `details`.
  Napi::Value Run(const Napi::Env& env, const Napi::Object& request);

 private:
  friend class RunningJob;
  // Ends all jobs: the environment goes away.
  void CancelAll();
  std::set<RunningJob*> jobs_;
};

}  // namespace moegen
