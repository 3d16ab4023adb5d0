// A MetalDevice without Metal, so that the Node binding runs on any machine: it answers with what
// it was asked, and every dispatch adds one to each byte of the buffers that it binds.

#include <cstdlib>
#include <sstream>

#include "metal_device.h"

namespace moegen {
namespace {

std::string TextOf(const MetalConstant& constant) {
  if (const bool* boolean = std::get_if<bool>(&constant)) return *boolean ? "true" : "false";
  std::ostringstream text;
  text << std::get<double>(constant);
  return text.str();
}

std::string TextOf(const MetalSize& size) {
  return std::to_string(size.x) + "x" + std::to_string(size.y) + "x" + std::to_string(size.z);
}

std::string TextOf(const MetalBufferUse& use) {
  return std::to_string(use.buffer) + "+" + std::to_string(use.offset);
}

std::string TextOf(size_t bytes) { return std::to_string(bytes); }

template <typename Item>
std::string TextOf(const std::map<uint32_t, Item>& items) {
  std::string text = "{";
  for (const auto& [index, item] : items) text += std::to_string(index) + ":" + TextOf(item) + ";";
  return text + "}";
}

std::string TextOf(const MetalDispatch& dispatch) {
  return dispatch.kernel + " of " + std::to_string(dispatch.library) + " constants " +
         TextOf(dispatch.constants) + " buffers " + TextOf(dispatch.buffers) + " memory " +
         TextOf(dispatch.threadgroup_memory) + " grid " +
         std::visit([](const auto& grid) { return TextOf(grid); }, dispatch.threadgroups) +
         " threads " + TextOf(dispatch.threads_per_threadgroup);
}

}  // namespace

struct MetalDevice::Impl {};

MetalDevice::MetalDevice(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetalDevice::~MetalDevice() = default;

std::unique_ptr<MetalDevice> MetalDevice::Open(std::string* reason) {
  if (const char* given = std::getenv("STAND_IN_REASON"); given != nullptr) {
    *reason = given;
    return nullptr;
  }
  return std::unique_ptr<MetalDevice>(new MetalDevice(std::make_unique<Impl>()));
}

std::string MetalDevice::Describe() const { return "stand-in GPU"; }

MetalLibrary MetalDevice::LoadFile(const std::string& metallib_path) {
  return {1, {metallib_path}};
}

MetalLibrary MetalDevice::LoadSource(const MetalSource& source) {
  if (source.text.find("broken") != std::string::npos) {
    throw MetalError("metal/does-not-compile", "refused", "program_source:1:1: error: broken");
  }
  std::string version =
      std::to_string(source.language_major) + "." + std::to_string(source.language_minor);
  MetalLibrary library{2, {source.text, version}};
  for (const auto& [name, value] : source.defines) library.kernels.push_back(name + "=" + value);
  return library;
}

MetalResult MetalDevice::Run(const MetalJob& job) {
  std::vector<std::vector<uint8_t>> buffers;
  for (const MetalBufferSpec& spec : job.buffers) {
    std::vector<uint8_t>& bytes = buffers.emplace_back(spec.data.begin(), spec.data.end());
    bytes.resize(spec.byte_length, 0xA5);
  }
  MetalResult result;
  std::string log =
      "timeout " + (job.timeout_seconds ? TextOf(MetalConstant(*job.timeout_seconds)) : "none");
  for (const MetalDispatch& dispatch : job.dispatches) {
    log += "\n" + TextOf(dispatch);
    for (const auto& [index, use] : dispatch.buffers) {
      for (uint8_t& byte : buffers[use.buffer]) ++byte;
    }
    result.dispatches.push_back({0.25, uint64_t{1} << 40});
  }
  for (const MetalBufferSpec& spec : job.buffers) log += "\n" + spec.label;
  if (job.dispatches.front().kernel == "explain")
    throw MetalError("metal/explained", "explained", log);
  for (const uint32_t position : job.outputs) result.outputs.push_back(buffers[position]);
  return result;
}

}  // namespace moegen
