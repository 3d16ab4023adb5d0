// EXPECTED: compiles. A copy comes from every address space, whatever name the class is called by.
#include <metal_stdlib>
using namespace metal;
template <typename T> struct pair_of {
  T real, imag;
  constexpr pair_of(T real, T imag) thread : real(real), imag(imag) {}
  template <typename U, typename = enable_if_t<is_same_v<U, int>>> constexpr pair_of(U x) thread : real(x), imag(0) {}
};
template <typename T> struct scalar_of { using type = T; };
template <typename T> struct scalar_of<pair_of<T>> { using type = T; };
template <typename in_T> struct reader {
  using scalar = typename scalar_of<in_T>::type;
  using lanes = vec<scalar, 2>;
  const device in_T* in;
  lanes take(lanes x) const thread { return x; }
  lanes take(pair_of<scalar> x) const thread { return lanes(x.real, x.imag); }
  lanes take(scalar x) const thread { return lanes(x, 0); }
  lanes load(uint i) const thread { return take(in[i]); }
};
template <typename T> kernel void sums(const device T* x [[buffer(0)]], device float* o [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  reader<T> from{x};
  o[i] = float(from.load(i).y);
}
template [[host_name("sums_pair")]] kernel void sums<pair_of<half>>(const device pair_of<half>*, device float*, uint);
template [[host_name("sums_half")]] kernel void sums<half>(const device half*, device float*, uint);
