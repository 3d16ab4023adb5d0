// Atomics in the style of array libraries: one interface for all element types, with small types packed into words.
#include <metal_atomic>
#include <metal_stdlib>

using namespace metal;

#pragma METAL internals : enable
template <typename T>
constexpr constant bool is_native_atomic =
    _disjunction<is_same<T, int>, is_same<T, uint>, is_same<T, ulong>, is_same<T, float>>::value;
#pragma METAL internals : disable

template <typename T, typename = void>
struct any_atomic {
  atomic<uint> val;
};
template <typename T>
struct any_atomic<T, enable_if_t<is_native_atomic<T>>> {
  atomic<T> val;
};

template <typename T, enable_if_t<is_native_atomic<T>, bool> = true>
METAL_FUNC T any_load(device any_atomic<T>* object, uint offset) {
  return atomic_load_explicit(&(object[offset].val), memory_order_relaxed);
}
template <typename T, enable_if_t<is_native_atomic<T>, bool> = true>
METAL_FUNC void any_fetch_add(device any_atomic<T>* object, T val, uint offset) {
  atomic_fetch_add_explicit(&(object[offset].val), val, memory_order_relaxed);
}
template <typename T, enable_if_t<is_native_atomic<T>, bool> = true>
METAL_FUNC void any_fetch_min(device any_atomic<T>* object, T val, uint offset) {
  atomic_fetch_min_explicit(&(object[offset].val), val, memory_order_relaxed);
}
template <typename T, enable_if_t<is_native_atomic<T>, bool> = true>
METAL_FUNC void any_fetch_mul(device any_atomic<T>* object, T val, uint offset) {
  T expected = any_load(object, offset);
  while (!any_compare_exchange(object, &expected, val * expected, offset)) {
  }
}
template <typename T, enable_if_t<is_native_atomic<T>, bool> = true>
METAL_FUNC bool any_compare_exchange(device any_atomic<T>* object, thread T* expected, T val, uint offset) {
  return atomic_compare_exchange_weak_explicit(&(object[offset].val), expected, val, memory_order_relaxed,
                                               memory_order_relaxed);
}
// There is no atomic minimum of floats.
template <>
METAL_FUNC void any_fetch_min<float>(device any_atomic<float>* object, float val, uint offset) {
  float expected = any_load(object, offset);
  while (val < expected) {
    if (any_compare_exchange(object, &expected, val, offset)) {
      return;
    }
  }
}

namespace {

template <typename T>
constexpr constant uint packing_size = sizeof(uint) / sizeof(T);

template <typename T>
union uint_or_packed {
  T val[packing_size<T>];
  uint bits;
};

template <typename T, typename Op>
struct update_helper {
  uint operator()(uint_or_packed<T> init, T update, uint elem_offset) {
    Op op;
    init.val[elem_offset] = op(update, init.val[elem_offset]);
    return init.bits;
  }
};

template <typename T, typename Op>
METAL_FUNC void update_and_store(device any_atomic<T>* object, T update, uint offset) {
  uint pack_offset = offset / packing_size<T>;
  uint elem_offset = offset % packing_size<T>;
  update_helper<T, Op> helper;
  uint_or_packed<T> expected;
  expected.bits = atomic_load_explicit(&(object[pack_offset].val), memory_order_relaxed);
  while (Op::condition(update, expected.val[elem_offset]) &&
         !any_compare_exchange(object, &(expected.bits), helper(expected, update, elem_offset), pack_offset)) {
  }
}

template <typename T>
struct Add {
  static bool condition(T a, T b) {
#pragma unused(a)
#pragma unused(b)
    return true;
  }
  T operator()(T a, T b) { return a + b; }
};
template <typename T>
struct Min {
  static bool condition(T a, T b) { return a < b; }
  T operator()(T a, T b) { return min(a, b); }
};

}  // namespace

template <typename T, enable_if_t<!is_native_atomic<T>, bool> = true>
METAL_FUNC T any_load(device any_atomic<T>* object, uint offset) {
  uint_or_packed<T> packed_val;
  packed_val.bits = atomic_load_explicit(&(object[offset / sizeof(T)].val), memory_order_relaxed);
  return packed_val.val[offset % sizeof(T)];
}
template <typename T, enable_if_t<!is_native_atomic<T>, bool> = true>
METAL_FUNC void any_fetch_add(device any_atomic<T>* object, T val, uint offset) {
  update_and_store<T, Add<T>>(object, val, offset);
}
template <typename T, enable_if_t<!is_native_atomic<T>, bool> = true>
METAL_FUNC void any_fetch_min(device any_atomic<T>* object, T val, uint offset) {
  update_and_store<T, Min<T>>(object, val, offset);
}
template <typename T, enable_if_t<!is_native_atomic<T>, bool> = true>
METAL_FUNC bool any_compare_exchange(device any_atomic<T>* object, thread uint* expected, uint val, uint offset) {
  return atomic_compare_exchange_weak_explicit(&(object[offset].val), expected, val, memory_order_relaxed,
                                               memory_order_relaxed);
}

template <typename IdxT, int NIDX>
struct Indices {
  const array<const device IdxT*, NIDX> buffers;
  const constant int* shapes;
  const constant bool* row_contiguous;
  const int ndim;
};

struct ScatterAdd {
  template <typename T>
  void atomic_update(device any_atomic<T>* out, T val, size_t offset) {
    any_fetch_add(out, val, offset);
  }
};
struct ScatterMin {
  template <typename T>
  void atomic_update(device any_atomic<T>* out, T val, size_t offset) {
    any_fetch_min(out, val, offset);
  }
};

template <typename T, typename IdxT, typename Op, int NIDX>
METAL_FUNC void scatter_impl(const device T* updates, device any_atomic<T>* out, const constant size_t& size,
                             const thread Indices<IdxT, NIDX>& indices, uint2 gid [[thread_position_in_grid]]) {
  Op op;
  size_t out_idx = 0;
  for (int i = 0; i < NIDX; ++i) {
    auto place = indices.row_contiguous[i] ? gid.y : uint(indices.shapes[indices.ndim * i]);
    out_idx += indices.buffers[i][place] * size;
  }
  op.atomic_update(out, updates[gid.x], out_idx);
}

template <typename T, typename IdxT, typename Op>
[[kernel]] void scatter(const device T* updates [[buffer(0)]], device any_atomic<T>* out [[buffer(1)]],
                        const device IdxT* idx0 [[buffer(2)]], const device IdxT* idx1 [[buffer(3)]],
                        const constant int* shapes [[buffer(4)]], const constant bool* contiguous [[buffer(5)]],
                        const constant size_t& size [[buffer(6)]], uint2 gid [[thread_position_in_grid]]) {
  Indices<IdxT, 2> idxs{{{idx0, idx1}}, shapes, contiguous, 2};
  return scatter_impl<T, IdxT, Op, 2>(updates, out, size, idxs, gid);
}

#define instantiate(name, ...) template [[host_name(name)]] [[kernel]] decltype(scatter<__VA_ARGS__>) scatter<__VA_ARGS__>;
instantiate("scatter_add_float", float, uint, ScatterAdd)
instantiate("scatter_min_float", float, int, ScatterMin)
instantiate("scatter_add_half", half, uint, ScatterAdd)
instantiate("scatter_min_uchar", uchar, uint, ScatterMin)
instantiate("scatter_add_ulong", ulong, int, ScatterAdd)
