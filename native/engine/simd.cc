// Simdgroup and quadgroup operations: each lane leaves its operand and waits; the last one that comes
// computes all results. Reductions combine in a fixed tree, so that a sum has the same bits in every run.
#include <bit>
#include <cmath>
#include <limits>

#include "hooks.h"
#include "scheduler.h"

namespace moegen {
namespace {

constexpr uint32_t kQuadLanes = 4;

struct Source {
  uint32_t lane;
  bool inside;
};

Source ShuffleSource(uint32_t kind, uint32_t lane, uint32_t argument, uint32_t first_active) {
  const uint32_t quad = lane & ~(kQuadLanes - 1);
  const uint32_t in_quad = lane & (kQuadLanes - 1);
  switch (kind) {
    case MSL_RT_SHUFFLE:
      return {argument, argument < kLanes};
    case MSL_RT_SHUFFLE_XOR:
      return {lane ^ argument, (lane ^ argument) < kLanes};
    case MSL_RT_SHUFFLE_DOWN:
      return {lane + argument, argument < kLanes && lane + argument < kLanes};
    case MSL_RT_SHUFFLE_UP:
      return {lane - argument, argument <= lane};
    case MSL_RT_ROTATE_DOWN:
      return {(lane + argument) % kLanes, true};
    case MSL_RT_ROTATE_UP:
      return {(lane - argument) % kLanes, true};
    case MSL_RT_QUAD_SHUFFLE:
      return {quad + argument, argument < kQuadLanes};
    case MSL_RT_QUAD_XOR:
      return {lane ^ argument, argument < kQuadLanes};
    case MSL_RT_QUAD_DOWN:
      return {lane + argument, argument < kQuadLanes && in_quad + argument < kQuadLanes};
    case MSL_RT_QUAD_UP:
      return {lane - argument, argument <= in_quad};
    case MSL_RT_QUAD_ROTATE_DOWN:
      return {quad + (in_quad + argument) % kQuadLanes, true};
    case MSL_RT_QUAD_ROTATE_UP:
      return {quad + (in_quad - argument) % kQuadLanes, true};
    default:
      return {first_active, true};
  }
}

// Shuffles by a number of lanes within blocks of `modulo` lanes: what would come from outside of a block
// comes from the filling data instead.
bool IsFill(uint32_t kind) {
  return kind == MSL_RT_FILL_DOWN || kind == MSL_RT_FILL_UP || kind == MSL_RT_QUAD_FILL_DOWN ||
         kind == MSL_RT_QUAD_FILL_UP;
}

struct FillSource {
  uint32_t lane;
  bool from_fill;
};

FillSource SourceWithFill(uint32_t kind, uint32_t lane, uint32_t argument, uint32_t modulo) {
  const bool quad = kind == MSL_RT_QUAD_FILL_DOWN || kind == MSL_RT_QUAD_FILL_UP;
  const bool down = kind == MSL_RT_FILL_DOWN || kind == MSL_RT_QUAD_FILL_DOWN;
  const uint32_t width = quad ? kQuadLanes : kLanes;
  const uint32_t block = modulo == 0 || modulo > width ? width : modulo;
  const uint32_t begin = lane / block * block;
  const uint32_t delta = argument % (2 * block);
  const uint32_t moved = down ? lane - begin + delta : lane - begin + 2 * block - delta;
  const bool from_fill = down ? lane - begin + delta >= block : delta > lane - begin;
  return {begin + moved % block, from_fill};
}

void ExecuteShuffle(Simdgroup& simdgroup, uint32_t mask) {
  const uint32_t first = LowestBit(mask);
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const uint32_t lane = LowestBit(rest);
    const uint32_t kind = simdgroup.operands.kind[lane];
    const uint32_t argument = simdgroup.operands.argument[lane];
    if (IsFill(kind)) {
      const FillSource source = SourceWithFill(kind, lane, argument, simdgroup.operands.modulo[lane]);
      const uint64_t* values = source.from_fill ? simdgroup.operands.fill : simdgroup.operands.input;
      simdgroup.operands.output[lane] = (mask >> source.lane & 1) != 0 ? values[source.lane] : 0;
      continue;
    }
    const uint32_t in_quad = mask >> (lane & ~(kQuadLanes - 1)) & 0xf;
    const uint32_t first_active =
        kind == MSL_RT_QUAD_FIRST ? (lane & ~(kQuadLanes - 1)) + LowestBit(in_quad) : first;
    const Source source = ShuffleSource(kind, lane, argument, first_active);
    if (!source.inside) {
      simdgroup.operands.output[lane] = simdgroup.operands.input[lane];
    } else if ((mask >> source.lane & 1) != 0) {
      simdgroup.operands.output[lane] = simdgroup.operands.input[source.lane];
    } else {
      simdgroup.operands.output[lane] = 0;
      ReadFromInactiveLane(simdgroup, lane, source.lane);
    }
  }
}

// Calls `visit(combine, identity)` with the operator of a reduction of floats. Each operator has loops of its own:
// choosing it for every value would take most of the time.
template <typename Visit>
void WithFloatOperator(uint32_t operation, Visit visit) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  switch (operation) {
    case MSL_RT_SUM:
      return visit([](float a, float b) { return a + b; }, -0.0f);
    case MSL_RT_MAX:
      return visit([](float a, float b) { return std::fmax(a, b); }, kNone);
    case MSL_RT_MIN:
      return visit([](float a, float b) { return std::fmin(a, b); }, kNone);
    default:
      return visit([](float a, float b) { return a * b; }, 1.0f);
  }
}

// The same for integers.
template <typename Visit>
void WithIntOperator(uint32_t operation, Visit visit) {
  const auto is_less = [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a) < static_cast<int64_t>(b); };
  switch (operation & (MSL_RT_OPERATOR | MSL_RT_UNSIGNED)) {
    case MSL_RT_MAX:
      return visit([=](uint64_t a, uint64_t b) { return is_less(a, b) ? b : a; });
    case MSL_RT_MAX | MSL_RT_UNSIGNED:
      return visit([](uint64_t a, uint64_t b) { return a < b ? b : a; });
    case MSL_RT_MIN:
      return visit([=](uint64_t a, uint64_t b) { return is_less(a, b) ? a : b; });
    case MSL_RT_MIN | MSL_RT_UNSIGNED:
      return visit([](uint64_t a, uint64_t b) { return a < b ? a : b; });
    default:
      break;
  }
  switch (operation & MSL_RT_OPERATOR) {
    case MSL_RT_SUM:
      return visit([](uint64_t a, uint64_t b) { return a + b; });
    case MSL_RT_PRODUCT:
      return visit([](uint64_t a, uint64_t b) { return a * b; });
    case MSL_RT_AND:
      return visit([](uint64_t a, uint64_t b) { return a & b; });
    case MSL_RT_OR:
      return visit([](uint64_t a, uint64_t b) { return a | b; });
    default:
      return visit([](uint64_t a, uint64_t b) { return a ^ b; });
  }
}

uint32_t FloatBits(float value) { return std::bit_cast<uint32_t>(value); }
float AsFloat(uint64_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits)); }

// Halves the lanes of a block until one value is left. Lanes that are not active hold the identity.
template <uint32_t kWidth, typename Combine>
void ReduceFloat(Simdgroup& simdgroup, Combine combine, float identity, uint32_t mask, uint32_t begin) {
  float values[kWidth];
  for (uint32_t i = 0; i < kWidth; ++i) {
    values[i] = (mask >> (begin + i) & 1) != 0 ? AsFloat(simdgroup.operands.input[begin + i]) : identity;
  }
  for (uint32_t half = kWidth / 2; half != 0; half /= 2) {
    for (uint32_t i = 0; i < half; ++i) {
      values[i] = combine(values[i], values[i + half]);
    }
  }
  for (uint32_t i = 0; i < kWidth; ++i) simdgroup.operands.output[begin + i] = FloatBits(values[0]);
}

// Running totals over the active lanes of [begin, begin + width).
template <typename Combine, typename Value, typename FromBits, typename ToBits>
void Scan(Simdgroup& simdgroup, uint32_t mask, uint32_t begin, uint32_t width, uint32_t kind, Combine combine,
          Value identity, FromBits from_bits, ToBits to_bits) {
  Value total = identity;
  bool first = true;
  for (uint32_t lane = begin; lane < begin + width; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    const Value value = from_bits(simdgroup.operands.input[lane]);
    if ((kind & MSL_RT_EXCLUSIVE) != 0) simdgroup.operands.output[lane] = to_bits(total);
    total = first ? value : combine(total, value);
    first = false;
    if ((kind & MSL_RT_INCLUSIVE) != 0) simdgroup.operands.output[lane] = to_bits(total);
  }
  if ((kind & (MSL_RT_INCLUSIVE | MSL_RT_EXCLUSIVE)) != 0) return;
  for (uint32_t lane = begin; lane < begin + width; ++lane) simdgroup.operands.output[lane] = to_bits(total);
}

// Each value but the first takes one operation.
void CountReduction(Simdgroup& simdgroup, uint32_t mask, uint32_t begin, uint32_t width) {
  const uint32_t block = width == kLanes ? mask : mask >> begin & ((1u << width) - 1);
  if (block != 0) simdgroup.group->operations += static_cast<uint32_t>(std::popcount(block)) - 1;
}

// A reduction needs all lanes of what it reaches over: the simdgroup, or each quad that comes to it.
void RequireWhole(Simdgroup& simdgroup, uint32_t mask, uint32_t kind) {
  if (mask == simdgroup.members) return;
  if ((kind & MSL_RT_QUAD) == 0) return PartialOperation(simdgroup, mask, simdgroup.members, "simdgroup reduction");
  // In each quad, whether any of its lanes is here.
  uint32_t quads = mask | mask >> 1;
  quads = (quads | quads >> 2) & 0x11111111u;
  const uint32_t wanted = (quads * 0xfu) & simdgroup.members;
  if (mask != wanted) PartialOperation(simdgroup, mask, wanted, "quad reduction");
}

void ExecuteReduceFloat(Simdgroup& simdgroup, uint32_t mask) {
  const uint32_t kind = simdgroup.operands.kind[LowestBit(mask)];
  RequireWhole(simdgroup, mask, kind);
  const uint32_t operation = kind & MSL_RT_OPERATOR;
  const uint32_t width = (kind & MSL_RT_QUAD) != 0 ? kQuadLanes : kLanes;
  for (uint32_t begin = 0; begin < kLanes; begin += width) {
    if (operation == MSL_RT_SUM || operation == MSL_RT_PRODUCT) CountReduction(simdgroup, mask, begin, width);
    WithFloatOperator(operation, [&](auto combine, float identity) {
      if ((kind & (MSL_RT_INCLUSIVE | MSL_RT_EXCLUSIVE)) != 0) {
        const float start = operation == MSL_RT_SUM ? 0.0f : 1.0f;
        Scan(simdgroup, mask, begin, width, kind, combine, start, AsFloat, FloatBits);
      } else if (width == kLanes) {
        ReduceFloat<kLanes>(simdgroup, combine, identity, mask, begin);
      } else {
        ReduceFloat<kQuadLanes>(simdgroup, combine, identity, mask, begin);
      }
    });
  }
}

void ExecuteReduceInt(Simdgroup& simdgroup, uint32_t mask) {
  const uint32_t kind = simdgroup.operands.kind[LowestBit(mask)];
  RequireWhole(simdgroup, mask, kind);
  const uint32_t operation = kind & MSL_RT_OPERATOR;
  const uint32_t width = (kind & MSL_RT_QUAD) != 0 ? kQuadLanes : kLanes;
  const uint64_t identity = operation == MSL_RT_PRODUCT ? 1 : 0;
  const auto same = [](uint64_t bits) { return bits; };
  for (uint32_t begin = 0; begin < kLanes; begin += width) {
    WithIntOperator(kind, [&](auto combine) {
      Scan(simdgroup, mask, begin, width, kind, combine, identity, same, same);
    });
  }
}

void ExecuteBallot(Simdgroup& simdgroup, uint32_t mask) {
  uint32_t votes = 0;
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const uint32_t lane = LowestBit(rest);
    if (simdgroup.operands.input[lane] != 0) votes |= 1u << lane;
  }
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) simdgroup.operands.output[LowestBit(rest)] = votes;
}

void ExecuteBarrier(Simdgroup& simdgroup, uint32_t mask) {
  if (mask != simdgroup.members) PartialOperation(simdgroup, mask, simdgroup.members, "simdgroup barrier");
  uint32_t flags = ~0u;
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) flags &= simdgroup.operands.argument[LowestBit(rest)];
  SimdgroupBarrierOpens(simdgroup, flags);
}

// Compilers merge calls at the ends of branches: the operation has to be part of what tells two places apart.
uint64_t Site(void* return_address, uint32_t tag) {
  return reinterpret_cast<uint64_t>(return_address) ^ (static_cast<uint64_t>(tag) << 48);
}

}  // namespace
}  // namespace moegen

using moegen::Current;
using moegen::Rendezvous;
using moegen::Self;
using moegen::Simdgroup;
using moegen::SimdgroupOf;
using moegen::Site;

extern "C" {

void __msl_rt_simdgroup_barrier(uint32_t flags) {
  Self* self = Current();
  SimdgroupOf(self).operands.argument[self->lane] = flags;
  Rendezvous(self, Site(__builtin_return_address(0), 1), moegen::ExecuteBarrier);
}

uint64_t __msl_rt_shuffle(uint64_t value, uint32_t kind, uint32_t argument, uint64_t fill, uint32_t modulo) {
  Self* self = Current();
  Simdgroup& simdgroup = SimdgroupOf(self);
  const uint32_t lane = self->lane;
  simdgroup.operands.input[lane] = value;
  simdgroup.operands.kind[lane] = kind;
  simdgroup.operands.argument[lane] = argument;
  simdgroup.operands.fill[lane] = fill;
  simdgroup.operands.modulo[lane] = modulo;
  Rendezvous(self, Site(__builtin_return_address(0), 0x100 + kind), moegen::ExecuteShuffle);
  return simdgroup.operands.output[lane];
}

float __msl_rt_reduce_float(float value, uint32_t operation) {
  Self* self = Current();
  Simdgroup& simdgroup = SimdgroupOf(self);
  const uint32_t lane = self->lane;
  simdgroup.operands.input[lane] = moegen::FloatBits(value);
  simdgroup.operands.kind[lane] = operation;
  Rendezvous(self, Site(__builtin_return_address(0), 0x200 + operation), moegen::ExecuteReduceFloat);
  return moegen::AsFloat(simdgroup.operands.output[lane]);
}

uint64_t __msl_rt_reduce_int(uint64_t value, uint32_t operation) {
  Self* self = Current();
  Simdgroup& simdgroup = SimdgroupOf(self);
  const uint32_t lane = self->lane;
  simdgroup.operands.input[lane] = value;
  simdgroup.operands.kind[lane] = operation;
  Rendezvous(self, Site(__builtin_return_address(0), 0x300 + operation), moegen::ExecuteReduceInt);
  return simdgroup.operands.output[lane];
}

uint32_t __msl_rt_ballot(uint32_t predicate) {
  Self* self = Current();
  Simdgroup& simdgroup = SimdgroupOf(self);
  simdgroup.operands.input[self->lane] = predicate;
  Rendezvous(self, Site(__builtin_return_address(0), 0x400), moegen::ExecuteBallot);
  return static_cast<uint32_t>(simdgroup.operands.output[self->lane]);
}
}
