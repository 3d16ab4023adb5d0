// Runs a layer through the bindings as a file of instructions says:
//   choice NAME VALUE | constant NAME VALUE | layer NUMBER | buffer NAME FILE | run TOKENS BYTES FILE

#include "moegen.hpp"

#include <cstdio>
#include <iterator>

namespace {

std::vector<char> readFile(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("no file " + file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void choose(moegen::Choice& choice, const std::string& name, const std::string& value) {
  if (name == "activation") choice.activation = value;
  if (name == "weight") choice.weight = value;
  if (name == "intermediate") choice.intermediate = value;
  if (name == "scoring") choice.scoring = value;
  if (name == "glu") choice.glu = value;
}

/// One command buffer with one layer; what comes out goes into a file.
void run(MTL::Device* device, moegen::Encoder& encoder, const moegen::Layer& layer, std::uint32_t tokens, std::size_t bytes,
         const std::string& file) {
  auto* output = device->newBuffer(bytes, MTL::ResourceStorageModeShared);
  auto* commands = device->newCommandQueue()->commandBuffer();
  auto* compute = commands->computeCommandEncoder(MTL::DispatchTypeConcurrent);
  moegen::Places others = layer.parameters;
  encoder.encodeLayer(compute, layer, tokens, others.at("hidden_states"), {output, 0}, others);
  compute->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  std::ofstream(file, std::ios::binary).write(static_cast<const char*>(output->contents()), bytes);
}

}  // namespace

int main(int, char** arguments) try {
  auto* device = MTL::CreateSystemDefaultDevice();
  moegen::Encoder encoder(device, moegen::sourcesBelow(device, arguments[1]));
  moegen::Layer layer;
  std::ifstream instructions(arguments[2]);
  std::string word, name, value;
  while (instructions >> word) {
    instructions >> name;
    if (word != "layer") instructions >> value;
    if (word == "choice") choose(layer.choice, name, value);
    if (word == "constant") layer.constants[name] = std::stod(value);
    if (word == "layer") layer.group = moegen::groupOf(std::stoul(name));
    if (word == "buffer") {
      const auto bytes = readFile(value);
      layer.parameters[name] = {device->newBuffer(bytes.data(), bytes.size(), MTL::ResourceStorageModeShared), 0};
    }
    if (word == "run") {
      std::string file;
      instructions >> file;
      run(device, encoder, layer, std::stoul(name), std::stoul(value), file);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
