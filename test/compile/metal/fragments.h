// Tiles of 16 x 16 fragments over cooperative tensors, in the style of the libraries that engines use on GPUs with
// matrix units: static shapes, integral constants, lambdas over constants, elements copied one by one.
#pragma once

#include <metal_simdgroup>
#include <metal_simdgroup_matrix>
#include <metal_stdlib>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

#define TILE_CONST static constant constexpr const
#define TILE_UNROLL _Pragma("clang loop unroll(full)")

using namespace metal;

#pragma METAL internals : enable
namespace tiles {

template <typename T, T v>
struct constant_of {
  static constant constexpr T value = v;
  METAL_FUNC constexpr operator T() const { return value; }
};
template <int v>
using Int = constant_of<int, v>;

#define CONSTANT_OPERATOR(OP)                                                                  \
  template <typename T, T a, typename U, U b>                                                  \
  METAL_FUNC constexpr auto operator OP(constant_of<T, a>, constant_of<U, b>) {                \
    constexpr auto result = a OP b;                                                            \
    return constant_of<decltype(result), result>{};                                            \
  }
CONSTANT_OPERATOR(+)
CONSTANT_OPERATOR(*)
#undef CONSTANT_OPERATOR

template <typename P>
struct pointee {};
template <typename T>
struct pointee<device T*> {
  using type = T;
};
template <typename T>
struct pointee<threadgroup T*> {
  using type = T;
};
template <typename P>
using pointee_t = typename pointee<metal::remove_cv_t<P>>::type;

template <int begin, int end, int step, typename F>
METAL_FUNC constexpr void for_constants(F f) {
  if constexpr (begin < end) {
    f(Int<begin>{});
    for_constants<begin + step, end, step, F>(f);
  }
}

template <typename F>
METAL_FUNC void with_bool(bool v, F f) {
  if (v)
    f(constant_of<bool, true>{});
  else
    f(constant_of<bool, false>{});
}

struct Fragment {
  TILE_CONST short rows = 16;
  TILE_CONST short columns = 16;
  TILE_CONST short elements = (rows * columns) / 32;
  TILE_CONST short lane_rows = 2;
  TILE_CONST short lane_columns = 4;
  TILE_CONST short row_jump = 8;

  static_assert(lane_rows * lane_columns == elements, "a lane holds two rows of four");

  template <typename U>
  using registers = typename metal::vec<U, elements>;

  METAL_FUNC static short2 coordinate() {
    const ushort lane = __metal_get_thread_index_in_simdgroup(ushort());
    const short quad = lane >> 2;
    const short row = ((quad & 4) | ((lane >> 1) & 3));
    const short column = ((quad & 2) | (lane & 1)) * 4;
    return short2{column, row};
  }
  METAL_FUNC static short2 coordinate(short i) {
    return coordinate() + short2(i % 4, (i >> 2) * row_jump);
  }

  template <typename T, typename P, typename DX, typename DY, typename OX = Int<0>, typename OY = Int<0>>
  METAL_FUNC static constexpr void load(thread registers<T>& to, P from, DX dx, DY dy, OX x = {}, OY y = {}) {
    const short2 at = coordinate();
    from += at.y * dx + at.x * dy;
    TILE_UNROLL
    for (short i = 0; i < lane_rows; i++) {
      const auto r = x + i * row_jump;
      const auto c = y;
      if constexpr (metal::is_same_v<DY, Int<1>>) {
        TILE_UNROLL
        for (short j = 0; j < lane_columns; j++) to[i * lane_columns + j] = static_cast<T>(from[r * dx + c + j]);
      } else {
        TILE_UNROLL
        for (short j = 0; j < lane_columns; j++) to[i * lane_columns + j] = static_cast<T>(from[r * dx + (c + j) * dy]);
      }
    }
  }

  template <typename T, typename P, typename DX, typename DY, typename LX, typename LY, typename OX = Int<0>,
            typename OY = Int<0>>
  METAL_FUNC static constexpr void load_within(thread registers<T>& to, P from, DX dx, DY dy, LX limit_x, LY limit_y,
                                               OX x = {}, OY y = {}) {
    const short2 at = coordinate();
    from += at.y * dx + at.x * dy;
    auto lx = limit_x - at.y;
    auto ly = limit_y - at.x;
    TILE_UNROLL
    for (short i = 0; i < lane_rows; i++) {
      const auto r = x + i * row_jump;
      const auto c = y;
      TILE_UNROLL
      for (short j = 0; j < lane_columns; j++) {
        if ((r < lx) && ((c + j) < ly)) {
          to[i * lane_columns + j] = static_cast<T>(from[r * dx + (c + j) * dy]);
        } else {
          to[i * lane_columns + j] = T(0);
        }
      }
    }
  }

  template <typename T, typename P, typename DX, typename DY, typename OX = Int<0>, typename OY = Int<0>>
  METAL_FUNC static constexpr void store(const thread registers<T>& from, P to, DX dx, DY dy, OX x = {}, OY y = {}) {
    using U = pointee_t<P>;
    const short2 at = coordinate();
    to += at.y * dx + at.x * dy;
    TILE_UNROLL
    for (short i = 0; i < lane_rows; i++) {
      const auto r = x + i * row_jump;
      TILE_UNROLL
      for (short j = 0; j < lane_columns; j++) to[r * dx + (y + j) * dy] = static_cast<U>(from[i * lane_columns + j]);
    }
  }

  template <typename T, typename P, typename DX, typename DY, typename BX, typename EX, typename BY, typename EY,
            typename OX = Int<0>, typename OY = Int<0>>
  METAL_FUNC static constexpr void store_slice(const thread registers<T>& from, P to, DX dx, DY dy, BX begin_x,
                                               EX end_x, BY begin_y, EY end_y, OX x = Int<0>{}, OY y = Int<0>{}) {
    using U = pointee_t<P>;
    const short2 at = coordinate();
    for_constants<0, lane_rows, 1>([&](auto i) {
      const auto r = x + i * Int<row_jump>{};
      if (r >= end_x - at.y || r < begin_x - at.y) {
        return;
      }
      for_constants<0, lane_columns, 1>([&](auto j) {
        const auto c = y + j;
        if (c >= end_y - at.x || c < begin_y - at.x) {
          return;
        }
        const auto index = i * Int<lane_columns>{} + j;
        to[(r + at.y) * dx + (c + at.x) * dy] = static_cast<U>(from[index]);
      });
    });
  }

  template <typename Op, typename T>
  METAL_FUNC static constexpr void reduce_row(thread const registers<T>& values, thread T* reduced) {
    TILE_UNROLL
    for (short i = 0; i < lane_rows; i++) {
      T own = Op::apply(Op::apply(values[i * lane_columns + 0], values[i * lane_columns + 1]),
                        Op::apply(values[i * lane_columns + 2], values[i * lane_columns + 3]));
      own = Op::apply(own, simd_shuffle_xor(own, ushort(1)));
      own = Op::apply(own, simd_shuffle_xor(own, ushort(8)));
      reduced[i] = Op::apply(reduced[i], own);
    }
  }

  template <typename Op, typename T>
  METAL_FUNC static constexpr void combine_row(thread registers<T>& values, thread T* row) {
    TILE_UNROLL
    for (short i = 0; i < lane_rows; i++) {
      TILE_UNROLL
      for (short j = 0; j < lane_columns; j++)
        values[i * lane_columns + j] = Op::apply(values[i * lane_columns + j], row[i]);
    }
  }

  // Two fragments of the result side by side.
  template <typename C, typename A, typename B, bool transpose_a = false, bool transpose_b = false>
  METAL_FUNC static constexpr void multiply(thread registers<C>& c0, thread registers<C>& c1,
                                            const thread registers<A>& a, metal::bool_constant<transpose_a>,
                                            const thread registers<B>& b0, const thread registers<B>& b1,
                                            metal::bool_constant<transpose_b>) {
    constexpr auto descriptor = mpp::tensor_ops::matmul2d_descriptor(
        16, 32, 16, transpose_a, transpose_b, true, mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);
    mpp::tensor_ops::matmul2d<descriptor, metal::execution_simdgroup> op;

    auto left = op.template get_left_input_cooperative_tensor<A, B, C>();
    auto right = op.template get_right_input_cooperative_tensor<A, B, C>();
    auto sum = op.template get_destination_cooperative_tensor<metal::remove_addrspace_t<decltype(left)>,
                                                              metal::remove_addrspace_t<decltype(right)>, C>();
    TILE_UNROLL
    for (short i = 0; i < elements; i++) {
      left[i] = a[i];
      right[i] = b0[i];
      right[elements + i] = b1[i];
      sum[i] = c0[i];
      sum[elements + i] = c1[i];
    }
    op.run(left, right, sum);
    TILE_UNROLL
    for (short i = 0; i < elements; i++) {
      c0[i] = sum[i];
      c1[i] = sum[elements + i];
    }
  }
};

template <typename T, short tile_rows_, short tile_columns_, class Fragment_ = Fragment>
struct Tile {
  using fragment_t = Fragment_;
  using element_t = T;
  TILE_CONST short tile_rows = tile_rows_;
  TILE_CONST short tile_columns = tile_columns_;
  TILE_CONST short count = tile_rows * tile_columns;
  TILE_CONST short elements = count * fragment_t::elements;
  TILE_CONST short rows_per_lane = tile_rows * fragment_t::lane_rows;

  typedef typename fragment_t::template registers<T> registers;
  registers fragments[count];

  METAL_FUNC Tile() thread {}

  METAL_FUNC constexpr void clear() thread {
    TILE_UNROLL
    for (short i = 0; i < count; ++i) fragments[i] = registers(0);
  }

  METAL_FUNC constexpr thread registers& at(const short i, const short j) thread {
    return fragments[i * tile_columns + j];
  }
  METAL_FUNC constexpr const thread registers& at(const short i, const short j) const thread {
    return fragments[i * tile_columns + j];
  }
  template <int i, int j>
  METAL_FUNC constexpr thread registers& at() thread {
    return fragments[i * tile_columns + j];
  }
  template <int i, int j>
  METAL_FUNC constexpr const thread registers& at() const thread {
    return fragments[i * tile_columns + j];
  }
  template <bool transpose>
  METAL_FUNC constexpr thread registers& at(const short i, const short j, metal::bool_constant<transpose>) thread {
    if constexpr (transpose) {
      return at(j, i);
    } else {
      return at(i, j);
    }
  }

  METAL_FUNC thread element_t* data() thread { return reinterpret_cast<thread element_t*>(fragments); }
  METAL_FUNC const thread element_t* data() const thread {
    return reinterpret_cast<const thread element_t*>(fragments);
  }

  template <typename Op>
  METAL_FUNC void reduce_rows(thread metal::vec<T, rows_per_lane>& values) const thread {
    auto pointer = (thread T*)(&values);
    TILE_UNROLL
    for (short i = 0; i < tile_rows; ++i) {
      TILE_UNROLL
      for (short j = 0; j < tile_columns; ++j)
        fragment_t::template reduce_row<Op>(at(i, j), &pointer[i * fragment_t::lane_rows]);
    }
  }
  template <typename Op>
  METAL_FUNC void combine_rows(thread metal::vec<T, rows_per_lane>& values) thread {
    auto pointer = (thread T*)(&values);
    TILE_UNROLL
    for (short i = 0; i < tile_rows; ++i) {
      TILE_UNROLL
      for (short j = 0; j < tile_columns; ++j)
        fragment_t::template combine_row<Op>(at(i, j), &pointer[i * fragment_t::lane_rows]);
    }
  }

  template <typename U, int dx, int dy>
  METAL_FUNC void load(const threadgroup U* from) thread {
    for_constants<0, tile_rows, 1>([&](auto i) {
      for_constants<0, tile_columns, 1>([&](auto j) {
        fragment_t::load(at<i.value, j.value>(), from, Int<dx>{}, Int<dy>{}, i * Int<fragment_t::rows>{},
                         j * Int<fragment_t::columns>{});
      });
    });
  }
  template <typename U>
  METAL_FUNC void load(const device U* from, const int stride) thread {
    for_constants<0, tile_rows, 1>([&](auto i) {
      for_constants<0, tile_columns, 1>([&](auto j) {
        fragment_t::load(at<i.value, j.value>(), from, stride, Int<1>{}, i * Int<fragment_t::rows>{},
                         j * Int<fragment_t::columns>{});
      });
    });
  }
  template <typename U>
  METAL_FUNC void load_within(const device U* from, const int stride, const short2 size) thread {
    for_constants<0, tile_rows, 1>([&](auto i) {
      for_constants<0, tile_columns, 1>([&](auto j) {
        fragment_t::load_within(at<i.value, j.value>(), from, stride, Int<1>{}, size.y, size.x,
                                i * Int<fragment_t::rows>{}, j * Int<fragment_t::columns>{});
      });
    });
  }
  template <typename U>
  METAL_FUNC void store(device U* to, const int stride) const thread {
    for_constants<0, tile_rows, 1>([&](auto i) {
      for_constants<0, tile_columns, 1>([&](auto j) {
        fragment_t::store(at<i.value, j.value>(), to, stride, Int<1>{}, i * Int<fragment_t::rows>{},
                          j * Int<fragment_t::columns>{});
      });
    });
  }
  template <typename U>
  METAL_FUNC void store_slice(device U* to, const int stride, const short2 begin, const short2 end) const thread {
    for_constants<0, tile_rows, 1>([&](auto i) {
      for_constants<0, tile_columns, 1>([&](auto j) {
        fragment_t::store_slice(at<i.value, j.value>(), to, stride, Int<1>{}, begin.y, end.y, begin.x, end.x,
                                i * Int<fragment_t::rows>{}, j * Int<fragment_t::columns>{});
      });
    });
  }
};

template <class C, class A, class B, bool transpose_a, bool transpose_b>
METAL_FUNC void multiply_tiles(thread C& c, thread A& a, metal::bool_constant<transpose_a>, thread B& b,
                               metal::bool_constant<transpose_b>) {
  constexpr short M = C::tile_rows;
  constexpr short N = C::tile_columns;
  constexpr short K = transpose_a ? A::tile_rows : A::tile_columns;
  static_assert((transpose_a ? A::tile_columns : A::tile_rows) == M, "rows of a and c");
  static_assert((transpose_b ? B::tile_rows : B::tile_columns) == N, "columns of b and c");
  static_assert((transpose_b ? B::tile_columns : B::tile_rows) == K, "columns of a and rows of b");
  constexpr auto ta = metal::bool_constant<transpose_a>{};
  constexpr auto tb = metal::bool_constant<transpose_b>{};
  TILE_UNROLL
  for (short m = 0; m < M; ++m) {
    TILE_UNROLL
    for (short n = 0; n < N; n += 2) {
      TILE_UNROLL
      for (short k = 0; k < K; ++k) {
        C::fragment_t::multiply(c.at(m, n), c.at(m, n + 1), a.at(m, k, ta), metal::bool_constant<transpose_a>{},
                                b.at(k, n, tb), b.at(k, n + 1, tb), metal::bool_constant<transpose_b>{});
      }
    }
  }
}

}  // namespace tiles
#pragma METAL internals : disable
