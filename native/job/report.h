// What the checks found: a fixed table in memory that the engine's process shares with its parent.
#pragma once

#include <cstdint>

namespace moegen {

// The order of CHECKS in generator/native/types.ts.
enum class Check : uint32_t { kBounds, kRaces, kDivergence, kUninitialized, kUnwritten, kReadonly, kOrder, kAlignment, kSameValue };

constexpr uint32_t Bit(Check check) { return 1u << static_cast<uint32_t>(check); }

constexpr uint32_t kMaxReports = 200;

// Where the kernel was: the address that it returns to from the engine, and a second one for some reports.
struct Places {
  Places(uint64_t first, uint64_t second = 0) : address(first), other_address(second) {}

  uint64_t address;
  uint64_t other_address;
};

struct Report {
  Check check;
  uint32_t dispatch;
  // Where in its library the kernel was; 0 where no place is known.
  uint64_t address;
  // A second place that the report is about, or 0. Code at one source line is one place.
  uint64_t other_address;
  uint64_t count;
  char message[232];
};

struct Reports {
  uint32_t size;
  // Found but not kept: the table was full.
  uint32_t dropped;
  Report items[kMaxReports];
};

}  // namespace moegen
