// The Node binding of CudaDevice: `open(library)`, `describe()`, `l2Bytes()`, and promises of `run` and `time`. The device
// works on threads of the pool, never on the thread of JavaScript. Each environment (worker thread) has its own device.

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cuda_device.h"
#include "job_reader.h"

namespace moegen::cuda {
namespace {

// Does `work` on a thread of the pool, then resolves a promise with what `convert` makes of the result. `arguments` is kept
// alive meanwhile, because a job borrows its bytes. Nothing throws across the binding: errors are values of their own.
template <typename T>
class DeviceWork : public Napi::AsyncWorker {
 public:
  using Work = std::function<T(CudaDevice&)>;
  using Convert = std::function<Napi::Value(Napi::Env, const T&)>;

  DeviceWork(const Napi::Object& arguments, std::shared_ptr<CudaDevice> device, Work work, Convert convert)
      : Napi::AsyncWorker(arguments.Env(), "moegen.cuda"),
        deferred_(Napi::Promise::Deferred::New(arguments.Env())),
        arguments_(Napi::Persistent(arguments)),
        device_(std::move(device)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise Start() {
    const Napi::Promise promise = deferred_.Promise();
    Queue();  // From here on the worker deletes itself.
    return promise;
  }

 protected:
  void Execute() override {
    try {
      result_ = work_(*device_);
    } catch (const CudaError& error) {
      code_ = error.code();
      log_ = error.log();
      SetError(error.what());
    } catch (const std::exception& error) {
      code_ = "cuda-failed";
      SetError(error.what());
    }
  }

  void OnOK() override { deferred_.Resolve(convert_(Env(), *result_)); }

  void OnError(const Napi::Error& error) override {
    error.Set("code", Napi::String::New(Env(), code_));
    error.Set("log", Napi::String::New(Env(), log_));
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference arguments_;
  std::shared_ptr<CudaDevice> device_;
  Work work_;
  Convert convert_;
  std::optional<T> result_;
  std::string code_;
  std::string log_;
};

Napi::Array Numbers(Napi::Env env, const std::vector<double>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, Napi::Number::New(env, values[i]));
  return array;
}

Napi::Value FromResult(Napi::Env env, const JobResult& result) {
  Napi::Array outputs = Napi::Array::New(env, result.outputs.size());
  for (uint32_t i = 0; i < result.outputs.size(); ++i) {
    outputs.Set(i, Napi::Buffer<uint8_t>::Copy(env, result.outputs[i].data(), result.outputs[i].size()));
  }
  Napi::Array dispatches = Napi::Array::New(env, result.dispatches.size());
  for (uint32_t i = 0; i < result.dispatches.size(); ++i) {
    Napi::Object dispatch = Napi::Object::New(env);
    dispatch.Set("seconds", Napi::Number::New(env, result.dispatches[i].seconds));
    dispatch.Set("threadgroups", Napi::Number::New(env, static_cast<double>(result.dispatches[i].threadgroups)));
    dispatches.Set(i, dispatch);
  }
  Napi::Object value = Napi::Object::New(env);
  value.Set("outputs", outputs);
  value.Set("dispatches", dispatches);
  return value;
}

Napi::Value FromTiming(Napi::Env env, const TimingResult& result) {
  Napi::Array stages = Napi::Array::New(env, result.stages.size());
  for (uint32_t i = 0; i < result.stages.size(); ++i) stages.Set(i, Numbers(env, result.stages[i]));
  Napi::Object value = Napi::Object::New(env);
  value.Set("whole", Numbers(env, result.whole));
  value.Set("stages", stages);
  return value;
}

class CudaAddon : public Napi::Addon<CudaAddon> {
 public:
  CudaAddon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod("open", &CudaAddon::Open),
                             InstanceMethod("describe", &CudaAddon::Describe),
                             InstanceMethod("l2Bytes", &CudaAddon::L2Bytes),
                             InstanceMethod("run", &CudaAddon::Run),
                             InstanceMethod("time", &CudaAddon::Time),
                         });
  }

 private:
  // The reason why there is no device; undefined where there is one.
  Napi::Value Open(const Napi::CallbackInfo& info) {
    std::string reason;
    device_ = CudaDevice::Open(info[0].As<Napi::String>(), &reason);
    if (device_ == nullptr) return Napi::String::New(info.Env(), reason);
    return info.Env().Undefined();
  }

  Napi::Value Describe(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), device_ == nullptr ? "" : device_->Describe());
  }

  Napi::Value L2Bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), device_ == nullptr ? 0 : static_cast<double>(device_->L2Bytes()));
  }

  Napi::Value Run(const Napi::CallbackInfo& info) {
    Job job = ReadJob(info[0].As<Napi::Object>());
    return Start<JobResult>(
        info, [job = std::move(job)](CudaDevice& device) { return device.Run(job); }, FromResult);
  }

  Napi::Value Time(const Napi::CallbackInfo& info) {
    TimingJob timing = ReadTimingJob(info[0].As<Napi::Object>());
    return Start<TimingResult>(
        info, [timing = std::move(timing)](CudaDevice& device) { return device.Time(timing); }, FromTiming);
  }

  template <typename T>
  Napi::Value Start(const Napi::CallbackInfo& info, typename DeviceWork<T>::Work work,
                    typename DeviceWork<T>::Convert convert) {
    auto* worker = new DeviceWork<T>(info[0].As<Napi::Object>(), device_, std::move(work), std::move(convert));
    return worker->Start();
  }

  std::shared_ptr<CudaDevice> device_;
};

}  // namespace

NODE_API_ADDON(CudaAddon)

}  // namespace moegen::cuda
