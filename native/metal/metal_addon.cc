// The Node binding of MetalDevice: `open()`, `describe()`, and promises of `loadFile`, `loadSource`
// and `run`. The device works on threads of the pool, never on the thread of JavaScript. Each
// environment (worker thread) has its own device.

#include <napi.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "job_reader.h"
#include "metal_device.h"

namespace moegen {
namespace {

// Does `work` on a thread of the pool, then resolves a promise with what `convert` makes of the
// result. `arguments` is kept alive meanwhile, because a job borrows its bytes.
template <typename Result>
class DeviceWork : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result(MetalDevice&)>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  DeviceWork(const Napi::Object& arguments, std::shared_ptr<MetalDevice> device, Work work,
             Convert convert)
      : Napi::AsyncWorker(arguments.Env(), "moegen.metal"),
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
    } catch (const MetalError& error) {
      code_ = error.code();
      log_ = error.log();
      SetError(error.what());
    } catch (const std::exception& error) {
      code_ = "metal/failure";
      SetError(error.what());
    }
  }

  void OnOK() override { deferred_.Resolve(convert_(Env(), result_)); }

  void OnError(const Napi::Error& error) override {
    error.Set("code", Napi::String::New(Env(), code_));
    error.Set("log", Napi::String::New(Env(), log_));
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference arguments_;
  std::shared_ptr<MetalDevice> device_;
  Work work_;
  Convert convert_;
  Result result_;
  std::string code_;
  std::string log_;
};

Napi::Value FromLibrary(Napi::Env env, const MetalLibrary& library) {
  Napi::Array kernels = Napi::Array::New(env, library.kernels.size());
  for (uint32_t i = 0; i < library.kernels.size(); ++i)
    kernels.Set(i, Napi::String::New(env, library.kernels[i]));
  Napi::Object value = Napi::Object::New(env);
  value.Set("id", Napi::Number::New(env, library.id));
  value.Set("kernels", kernels);
  return value;
}

Napi::Value FromResult(Napi::Env env, const MetalResult& result) {
  Napi::Array outputs = Napi::Array::New(env, result.outputs.size());
  for (uint32_t i = 0; i < result.outputs.size(); ++i) {
    outputs.Set(
        i, Napi::Buffer<uint8_t>::Copy(env, result.outputs[i].data(), result.outputs[i].size()));
  }
  Napi::Array dispatches = Napi::Array::New(env, result.dispatches.size());
  for (uint32_t i = 0; i < result.dispatches.size(); ++i) {
    Napi::Object dispatch = Napi::Object::New(env);
    dispatch.Set("seconds", Napi::Number::New(env, result.dispatches[i].seconds));
    dispatch.Set("threadgroups",
                 Napi::Number::New(env, static_cast<double>(result.dispatches[i].threadgroups)));
    dispatches.Set(i, dispatch);
  }
  Napi::Object value = Napi::Object::New(env);
  value.Set("outputs", outputs);
  value.Set("dispatches", dispatches);
  return value;
}

class MetalAddon : public Napi::Addon<MetalAddon> {
 public:
  MetalAddon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod("open", &MetalAddon::Open),
                             InstanceMethod("describe", &MetalAddon::Describe),
                             InstanceMethod("loadFile", &MetalAddon::LoadFile),
                             InstanceMethod("loadSource", &MetalAddon::LoadSource),
                             InstanceMethod("run", &MetalAddon::Run),
                         });
  }

 private:
  // The reason why there is no device; undefined where there is one.
  Napi::Value Open(const Napi::CallbackInfo& info) {
    std::string reason;
    device_ = MetalDevice::Open(&reason);
    if (device_ == nullptr) return Napi::String::New(info.Env(), reason);
    return info.Env().Undefined();
  }

  Napi::Value Describe(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), Opened(info)->Describe());
  }

  Napi::Value LoadFile(const Napi::CallbackInfo& info) {
    const auto arguments = info[0].As<Napi::Object>();
    std::string path = arguments.Get("path").As<Napi::String>();
    return Start<MetalLibrary>(
        info, [path = std::move(path)](MetalDevice& device) { return device.LoadFile(path); },
        FromLibrary);
  }

  Napi::Value LoadSource(const Napi::CallbackInfo& info) {
    MetalSource source = ReadSource(info[0].As<Napi::Object>());
    return Start<MetalLibrary>(
        info,
        [source = std::move(source)](MetalDevice& device) { return device.LoadSource(source); },
        FromLibrary);
  }

  Napi::Value Run(const Napi::CallbackInfo& info) {
    MetalJob job = ReadJob(info[0].As<Napi::Object>());
    return Start<MetalResult>(
        info, [job = std::move(job)](MetalDevice& device) { return device.Run(job); }, FromResult);
  }

  std::shared_ptr<MetalDevice> Opened(const Napi::CallbackInfo& info) const {
    if (device_ == nullptr)
      throw Napi::Error::New(info.Env(), "open() has not found a Metal device");
    return device_;
  }

  template <typename Result>
  Napi::Value Start(const Napi::CallbackInfo& info, typename DeviceWork<Result>::Work work,
                    typename DeviceWork<Result>::Convert convert) {
    auto* worker = new DeviceWork<Result>(info[0].As<Napi::Object>(), Opened(info), std::move(work),
                                          std::move(convert));
    return worker->Start();
  }

  std::shared_ptr<MetalDevice> device_;
};

}  // namespace

NODE_API_ADDON(MetalAddon)

}  // namespace moegen
