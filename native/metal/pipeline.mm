#import "pipeline.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "objc_text.h"

namespace moegen {
namespace {

// MTLPipelineOptionBindingInfo; SDKs before macOS 15 call the same bit
// MTLPipelineOptionArgumentInfo.
constexpr MTLPipelineOption kBindingInfo = static_cast<MTLPipelineOption>(1);

std::string ConstantName(MTLFunctionConstant* constant) {
  return "function constant " + std::to_string(constant.index) + " (" + ToString(constant.name) +
         ")";
}

template <typename Integer>
void PutInteger(MTLFunctionConstantValues* values, MTLFunctionConstant* constant, double number) {
  // 2^digits is exact in a double, and the first number that no longer fits.
  const double limit = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
  const double lowest = std::numeric_limits<Integer>::is_signed ? -limit : 0.0;
  if (std::trunc(number) != number || number < lowest || number >= limit) {
    throw MetalError("metal/bad-constant", ConstantName(constant) + " is an integer of " +
                                               std::to_string(8 * sizeof(Integer)) + " bits; " +
                                               std::to_string(number) + " does not fit");
  }
  const Integer value = static_cast<Integer>(number);
  [values setConstantValue:&value type:constant.type atIndex:constant.index];
}

// Writes the value in the type that the kernel declares: Metal reads as many bytes as that type
// has.
void PutConstant(MTLFunctionConstantValues* values, MTLFunctionConstant* constant,
                 const MetalConstant& given) {
  const bool* boolean = std::get_if<bool>(&given);
  const double number = boolean != nullptr ? (*boolean ? 1.0 : 0.0) : std::get<double>(given);
  switch (constant.type) {
    case MTLDataTypeBool: {
      const bool value = number != 0.0;
      [values setConstantValue:&value type:MTLDataTypeBool atIndex:constant.index];
      return;
    }
    case MTLDataTypeFloat: {
      const float value = static_cast<float>(number);
      [values setConstantValue:&value type:MTLDataTypeFloat atIndex:constant.index];
      return;
    }
    case MTLDataTypeHalf: {
      const _Float16 value = static_cast<_Float16>(number);
      [values setConstantValue:&value type:MTLDataTypeHalf atIndex:constant.index];
      return;
    }
    case MTLDataTypeChar:
      return PutInteger<int8_t>(values, constant, number);
    case MTLDataTypeUChar:
      return PutInteger<uint8_t>(values, constant, number);
    case MTLDataTypeShort:
      return PutInteger<int16_t>(values, constant, number);
    case MTLDataTypeUShort:
      return PutInteger<uint16_t>(values, constant, number);
    case MTLDataTypeInt:
      return PutInteger<int32_t>(values, constant, number);
    case MTLDataTypeUInt:
      return PutInteger<uint32_t>(values, constant, number);
    case MTLDataTypeLong:
      return PutInteger<int64_t>(values, constant, number);
    case MTLDataTypeULong:
      return PutInteger<uint64_t>(values, constant, number);
    default:
      throw MetalError(
          "metal/bad-constant",
          ConstantName(constant) + " is not a scalar: expected bool, an integer, half or float");
  }
}

MTLFunctionConstant* FindConstant(id<MTLFunction> function, uint32_t index) {
  for (MTLFunctionConstant* constant in function.functionConstantsDictionary.allValues) {
    if (constant.index == index) return constant;
  }
  return nil;
}

// A constant that the kernel does not have is left out: kernels of one file share one list of
// constants, and each declares those alone that it uses. One that the kernel cannot do without is
// an error.
MTLFunctionConstantValues* ConstantValues(id<MTLFunction> function, const MetalDispatch& dispatch) {
  MTLFunctionConstantValues* values = [[MTLFunctionConstantValues alloc] init];
  for (const auto& [index, value] : dispatch.constants) {
    MTLFunctionConstant* constant = FindConstant(function, index);
    if (constant != nil) PutConstant(values, constant, value);
  }
  for (MTLFunctionConstant* constant in function.functionConstantsDictionary.allValues) {
    if (constant.required && !dispatch.constants.contains(static_cast<uint32_t>(constant.index))) {
      throw MetalError("metal/missing-constant",
                       dispatch.kernel + " needs a value for " + ConstantName(constant));
    }
  }
  return values;
}

id<MTLFunction> SpecializedFunction(id<MTLLibrary> library, const MetalDispatch& dispatch) {
  NSString* name = ToNSString(dispatch.kernel);
  id<MTLFunction> generic = name == nil ? nil : [library newFunctionWithName:name];
  if (generic == nil) {
    throw MetalError("metal/no-such-kernel", "the library has no kernel named " + dispatch.kernel);
  }
  if (generic.functionConstantsDictionary.count == 0) return generic;
  NSError* error = nil;
  id<MTLFunction> function = [library newFunctionWithName:name
                                           constantValues:ConstantValues(generic, dispatch)
                                                    error:&error];
  if (function == nil) {
    throw MetalError(
        "metal/bad-constants",
        dispatch.kernel + " does not take these function constants: " + ErrorText(error));
  }
  return function;
}

void AppendBits(std::string* key, const MetalConstant& value) {
  char bytes[sizeof(double)] = {};
  if (const bool* boolean = std::get_if<bool>(&value)) {
    bytes[0] = *boolean ? 1 : 0;
  } else {
    std::memcpy(bytes, &std::get<double>(value), sizeof(double));
  }
  key->append(1, static_cast<char>(value.index())).append(bytes, sizeof(bytes));
}

std::string CacheKey(const MetalDispatch& dispatch) {
  std::string key = std::to_string(dispatch.library) + ":" + dispatch.kernel;
  for (const auto& [index, value] : dispatch.constants) {
    key += ":" + std::to_string(index) + "=";
    AppendBits(&key, value);
  }
  return key;
}

}  // namespace

Pipeline PipelineCache::Get(id<MTLLibrary> library, const MetalDispatch& dispatch) {
  const std::string key = CacheKey(dispatch);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = pipelines_.find(key);
    if (found != pipelines_.end()) return found->second;
  }
  // Built outside the lock: the compiler takes long, and two threads that build the same pipeline
  // do no harm.
  Pipeline pipeline = Build(library, dispatch);
  const std::lock_guard<std::mutex> lock(mutex_);
  pipelines_.emplace(key, pipeline);
  return pipeline;
}

Pipeline PipelineCache::Build(id<MTLLibrary> library, const MetalDispatch& dispatch) const {
  id<MTLFunction> function = SpecializedFunction(library, dispatch);
  MTLComputePipelineReflection* reflection = nil;
  NSError* error = nil;
  id<MTLComputePipelineState> state = [device_ newComputePipelineStateWithFunction:function
                                                                           options:kBindingInfo
                                                                        reflection:&reflection
                                                                             error:&error];
  if (state == nil) {
    throw MetalError("metal/no-pipeline",
                     "the GPU's compiler refused " + dispatch.kernel + ": " + ErrorText(error));
  }
  Pipeline pipeline{state, {}};
  for (id<MTLBinding> binding in reflection.bindings) {
    if (binding.type == MTLBindingTypeBuffer && binding.argument && binding.used) {
      pipeline.used_buffers.push_back(static_cast<uint32_t>(binding.index));
    }
  }
  return pipeline;
}

}  // namespace moegen
