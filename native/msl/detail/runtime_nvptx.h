// Barriers, shuffles and the thread's state on NVIDIA GPUs: a simdgroup is a warp, a threadgroup a block. Simdgroup
// operations wait for all lanes that have not returned; Metal's rule that lanes in other branches do not count has no
// counterpart here, so programs must not use them in divergent control flow.
#pragma once

__asm__(".extern .shared .align 16 .b8 __msl_smem[];");
// Where the memory of threadgroup arguments begins, as an address in the shared space.
__MSL_INL uint __msl_smem_base() {
  uint base;
  __asm__("mov.u32 %0, __msl_smem;" : "=r"(base));
  return base;
}

__MSL_INL void __msl_fill_self(__private __msl_self& self) {
  self.tpitg[0] = __nvvm_read_ptx_sreg_tid_x();
  self.tpitg[1] = __nvvm_read_ptx_sreg_tid_y();
  self.tpitg[2] = __nvvm_read_ptx_sreg_tid_z();
  self.tptg[0] = __nvvm_read_ptx_sreg_ntid_x();
  self.tptg[1] = __nvvm_read_ptx_sreg_ntid_y();
  self.tptg[2] = __nvvm_read_ptx_sreg_ntid_z();
  self.tgpig[0] = __nvvm_read_ptx_sreg_ctaid_x();
  self.tgpig[1] = __nvvm_read_ptx_sreg_ctaid_y();
  self.tgpig[2] = __nvvm_read_ptx_sreg_ctaid_z();
  self.tgpg[0] = __nvvm_read_ptx_sreg_nctaid_x();
  self.tgpg[1] = __nvvm_read_ptx_sreg_nctaid_y();
  self.tgpg[2] = __nvvm_read_ptx_sreg_nctaid_z();
  for (int axis = 0; axis < 3; axis++) {
    self.tpig[axis] = self.tgpig[axis] * self.tptg[axis] + self.tpitg[axis];
    self.tpg[axis] = self.tgpg[axis] * self.tptg[axis];
    self.dtptg[axis] = self.tptg[axis];
  }
  self.titg = (self.tpitg[2] * self.tptg[1] + self.tpitg[1]) * self.tptg[0] + self.tpitg[0];
  self.lane = self.titg & 31;
  self.sg = self.titg >> 5;
  self.nsg = (self.tptg[0] * self.tptg[1] * self.tptg[2] + 31) / 32;
  self.dnsg = self.nsg;
}

__MSL_INL uint __msl_lane() { return (uint)__nvvm_read_ptx_sreg_laneid(); }
__MSL_CONV void __msl_threadgroup_barrier(uint) { __nvvm_bar_sync(0); }
__MSL_CONV void __msl_rt_simdgroup_barrier(uint) { __nvvm_bar_warp_sync(0xffffffffu); }
__MSL_INL void __msl_rt_trap(uint) { __builtin_trap(); }
__MSL_INL void __msl_rt_fence(bool) { __nvvm_membar_gl(); }
__MSL_CONV uint __msl_rt_ballot(uint predicate) {
  return (uint)__nvvm_vote_ballot_sync(0xffffffffu, predicate != 0);
}

__MSL_CONV uint __msl_shuffle_word(uint value, uint source) {
  return (uint)__nvvm_shfl_sync_idx_i32(0xffffffffu, (int)value, (int)source, 0x1f);
}
__MSL_CONV ulong __msl_shuffle_long(ulong value, uint source) {
  return (ulong)__msl_shuffle_word((uint)value, source) |
         (ulong)__msl_shuffle_word((uint)(value >> 32), source) << 32;
}
__MSL_CONV float __msl_shuffle_float(float value, uint source) {
  return __builtin_bit_cast(float, __msl_shuffle_word(__builtin_bit_cast(uint, value), source));
}

__MSL_CONV ulong __msl_shuffle_fill(ulong value, uint kind, uint delta, ulong fill, uint modulo) {
  const bool down = kind == MSL_RT_FILL_DOWN || kind == MSL_RT_QUAD_FILL_DOWN;
  const uint width = kind == MSL_RT_FILL_DOWN || kind == MSL_RT_FILL_UP ? 32 : 4;
  const uint block = modulo == 0 || modulo > width ? width : modulo;
  const uint in_block = __msl_lane() % block;
  const uint steps = delta % (2 * block);
  const uint moved = down ? in_block + steps : in_block + 2 * block - steps;
  const bool from_fill = down ? in_block + steps >= block : steps > in_block;
  const uint source = __msl_lane() - in_block + moved % block;
  const ulong data = __msl_shuffle_long(value, source);
  const ulong filling = __msl_shuffle_long(fill, source);
  return from_fill ? filling : data;
}

__MSL_CONV ulong __msl_rt_shuffle(ulong value, uint kind, uint argument, ulong fill, uint modulo) {
  const uint lane = __msl_lane(), quad = lane & ~3u, in_quad = lane & 3u;
  uint source = lane;
  switch (kind) {
    case MSL_RT_SHUFFLE: source = argument; break;
    case MSL_RT_SHUFFLE_XOR: source = lane ^ argument; break;
    case MSL_RT_SHUFFLE_DOWN: source = argument < 32 ? lane + argument : 32; break;
    case MSL_RT_SHUFFLE_UP: source = argument <= lane ? lane - argument : 32; break;
    case MSL_RT_ROTATE_DOWN: source = (lane + argument) & 31; break;
    case MSL_RT_ROTATE_UP: source = (lane - argument) & 31; break;
    case MSL_RT_FIRST: source = (uint)__builtin_ctz(__msl_rt_ballot(1)); break;
    case MSL_RT_QUAD_SHUFFLE: source = argument < 4 ? quad + argument : lane; break;
    case MSL_RT_QUAD_XOR: source = argument < 4 ? lane ^ argument : lane; break;
    case MSL_RT_QUAD_DOWN: source = argument < 4 && in_quad + argument < 4 ? lane + argument : lane; break;
    case MSL_RT_QUAD_UP: source = argument <= in_quad ? lane - argument : lane; break;
    case MSL_RT_QUAD_ROTATE_DOWN: source = quad + ((in_quad + argument) & 3); break;
    case MSL_RT_QUAD_ROTATE_UP: source = quad + ((in_quad - argument) & 3); break;
    case MSL_RT_QUAD_FIRST:
      source = quad + (uint)__builtin_ctz(__msl_rt_ballot(1) >> quad & 0xfu);
      break;
    default: return __msl_shuffle_fill(value, kind, argument, fill, modulo);
  }
  return __msl_shuffle_long(value, source < 32 ? source : lane);
}

__MSL_INL float __msl_combine(uint operation, float a, float b) {
  switch (operation & MSL_RT_OPERATOR) {
    case MSL_RT_SUM: return a + b;
    case MSL_RT_MAX: return __nvvm_fmax_f(a, b);
    case MSL_RT_MIN: return __nvvm_fmin_f(a, b);
    default: return a * b;
  }
}
__MSL_INL ulong __msl_combine(uint operation, ulong a, ulong b) {
  switch (operation & (MSL_RT_OPERATOR | MSL_RT_UNSIGNED)) {
    case MSL_RT_MAX: return (long)a > (long)b ? a : b;
    case MSL_RT_MIN: return (long)a < (long)b ? a : b;
    case MSL_RT_MAX | MSL_RT_UNSIGNED: return a > b ? a : b;
    case MSL_RT_MIN | MSL_RT_UNSIGNED: return a < b ? a : b;
    default: break;
  }
  switch (operation & MSL_RT_OPERATOR) {
    case MSL_RT_SUM: return a + b;
    case MSL_RT_PRODUCT: return a * b;
    case MSL_RT_AND: return a & b;
    case MSL_RT_OR: return a | b;
    default: return a ^ b;
  }
}
__MSL_CONV float __msl_shuffle_value(float value, uint source) { return __msl_shuffle_float(value, source); }
__MSL_CONV ulong __msl_shuffle_value(ulong value, uint source) { return __msl_shuffle_long(value, source); }

// Running totals over the lanes of the block that have not returned, lowest first.
template <class T>
__MSL_CONV T __msl_scan(T value, uint operation, T start) {
  const uint lane = __msl_lane();
  const uint begin = operation & MSL_RT_QUAD ? lane & ~3u : 0u;
  const uint width = operation & MSL_RT_QUAD ? 4u : 32u;
  const uint active = __msl_rt_ballot(1);
  T total = start;
  bool first = true;
  for (uint i = 0; i < width; i++) {
    const T other = __msl_shuffle_value(value, begin + i);
    const bool counts = (active >> (begin + i) & 1u) != 0 &&
                        (operation & MSL_RT_EXCLUSIVE ? begin + i < lane : begin + i <= lane);
    if (!counts) continue;
    total = first ? other : __msl_combine(operation, total, other);
    first = false;
  }
  return total;
}

// Halves the lanes of the block until one value is left, as the host does: the same tree gives the same bits.
template <class T>
__MSL_CONV T __msl_tree(T value, uint operation) {
  const uint lane = __msl_lane();
  const uint active = __msl_rt_ballot(1);
  for (uint half_width = operation & MSL_RT_QUAD ? 2 : 16; half_width != 0; half_width /= 2) {
    const uint partner = lane ^ half_width;
    const T other = __msl_shuffle_value(value, partner);
    if ((active >> partner & 1u) != 0) value = __msl_combine(operation, value, other);
  }
  return __msl_shuffle_value(value, operation & MSL_RT_QUAD ? lane & ~3u : 0u);
}

__MSL_CONV float __msl_rt_reduce_float(float value, uint operation) {
  if (operation & (MSL_RT_INCLUSIVE | MSL_RT_EXCLUSIVE))
    return __msl_scan(value, operation, (operation & MSL_RT_OPERATOR) == MSL_RT_SUM ? 0.0f : 1.0f);
  return __msl_tree(value, operation);
}
// Running sums of words over a whole simdgroup, in five steps.
__MSL_CONV uint __msl_scan_words(uint value, uint operation) {
  uint total = value;
  for (uint distance = 1; distance < 32; distance *= 2) {
    const uint before = __msl_shuffle_word(total, __msl_lane() - distance & 31u);
    total += __msl_lane() >= distance ? before : 0u;
  }
  return operation & MSL_RT_EXCLUSIVE ? total - value : total;
}

// Of words, where all lanes take part, one instruction does it; their operations give the same in any order.
__MSL_CONV bool __msl_rt_reduce_word(uint& value, uint operation) {
  if ((operation & MSL_RT_QUAD) != 0 || __msl_rt_ballot(1) != 0xffffffffu) return false;
  const uint operator_ = operation & MSL_RT_OPERATOR;
  if ((operation & (MSL_RT_INCLUSIVE | MSL_RT_EXCLUSIVE)) != 0) {
    if (operator_ != MSL_RT_SUM) return false;
    value = __msl_scan_words(value, operation);
    return true;
  }
  const bool is_unsigned = (operation & MSL_RT_UNSIGNED) != 0;
  switch (operator_) {
    case MSL_RT_SUM: value = (uint)__nvvm_redux_sync_add((int)value, -1); return true;
    case MSL_RT_MIN:
      value = is_unsigned ? (uint)__nvvm_redux_sync_umin(value, -1) : (uint)__nvvm_redux_sync_min((int)value, -1);
      return true;
    case MSL_RT_MAX:
      value = is_unsigned ? (uint)__nvvm_redux_sync_umax(value, -1) : (uint)__nvvm_redux_sync_max((int)value, -1);
      return true;
    default: return false;
  }
}
__MSL_CONV ulong __msl_rt_reduce_int(ulong value, uint operation) {
  if (operation & (MSL_RT_INCLUSIVE | MSL_RT_EXCLUSIVE))
    return __msl_scan(value, operation, (operation & MSL_RT_OPERATOR) == MSL_RT_PRODUCT ? 1ul : 0ul);
  return __msl_tree(value, operation);
}
