// Matrices, stored as columns, and metal::array.
#pragma once

namespace metal {
template <class T, int C, int R>
struct matrix {
  static_assert(__float_v<T>, "a matrix has elements of type half, bfloat or float");
  static_assert(C >= 2 && C <= 4 && R >= 2 && R <= 4, "a matrix has 2 to 4 columns and rows");
  typedef vec<T, R> __column;
  vec<T, R> columns[C];

  matrix() = default;
  matrix(const matrix&) = default;
  matrix& operator=(const matrix&) = default;
  constexpr explicit matrix(T diagonal) {
    for (int i = 0; i < C; i++) {
      for (int j = 0; j < R; j++) columns[i][j] = i == j ? diagonal : T(0);
    }
  }
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit matrix(matrix<U, C, R> o) {
    for (int i = 0; i < C; i++) columns[i] = vec<T, R>(o.columns[i]);
  }
  // From columns, or from all elements column by column.
  template <int N = C, class = enable_if_t<N == 2>>
  constexpr matrix(__column a, __column b) : columns{a, b} {}
  template <int N = C, class = enable_if_t<N == 3>>
  constexpr matrix(__column a, __column b, __column c) : columns{a, b, c} {}
  template <int N = C, class = enable_if_t<N == 4>>
  constexpr matrix(__column a, __column b, __column c, __column d) : columns{a, b, c, d} {}
  template <class... V, class = enable_if_t<sizeof...(V) == C * R && (__number_v<V> && ...)>>
  constexpr matrix(V... v) {
    const T elements[C * R] = {T(v)...};
    for (int i = 0; i < C * R; i++) columns[i / R][i % R] = elements[i];
  }

  __MSL_INDEXING(__column, columns)

  friend __MSL_INL vec<T, R> operator*(matrix m, vec<T, C> x) {
    vec<T, R> r(T(0));
    for (int i = 0; i < C; i++) r += m.columns[i] * T(x[i]);
    return r;
  }
  friend __MSL_INL vec<T, C> operator*(vec<T, R> x, matrix m) {
    vec<T, C> r;
    for (int i = 0; i < C; i++) {
      T s = T(0);
      for (int j = 0; j < R; j++) s += T(x[j]) * T(m.columns[i][j]);
      r[i] = s;
    }
    return r;
  }
  friend __MSL_INL matrix operator*(matrix m, T s) {
    for (int i = 0; i < C; i++) m.columns[i] *= s;
    return m;
  }
  friend __MSL_INL matrix operator*(T s, matrix m) { return m * s; }
  friend __MSL_INL matrix operator+(matrix m, matrix n) {
    for (int i = 0; i < C; i++) m.columns[i] += n.columns[i];
    return m;
  }
  friend __MSL_INL matrix operator-(matrix m, matrix n) {
    for (int i = 0; i < C; i++) m.columns[i] -= n.columns[i];
    return m;
  }
  friend __MSL_INL matrix operator-(matrix m) {
    for (int i = 0; i < C; i++) m.columns[i] = -m.columns[i];
    return m;
  }
  friend __MSL_INL bool operator==(matrix m, matrix n) {
    for (int i = 0; i < C; i++) {
      for (int j = 0; j < R; j++) {
        if (!(T(m.columns[i][j]) == T(n.columns[i][j]))) return false;
      }
    }
    return true;
  }
  friend __MSL_INL bool operator!=(matrix m, matrix n) { return !(m == n); }
  __MSL_INL matrix& operator*=(T s) { return *this = *this * s; }
  __MSL_INL matrix& operator*=(matrix<T, C, C> m) { return *this = *this * m; }
  __MSL_INL matrix& operator+=(matrix m) { return *this = *this + m; }
  __MSL_INL matrix& operator-=(matrix m) { return *this = *this - m; }
};

template <class T, int C, int R, int K>
__MSL_INL matrix<T, C, R> operator*(matrix<T, K, R> a, matrix<T, C, K> b) {
  matrix<T, C, R> r;
  for (int i = 0; i < C; i++) r.columns[i] = a * b.columns[i];
  return r;
}
template <class T, int C, int R>
__MSL_INL matrix<T, R, C> transpose(matrix<T, C, R> m) {
  matrix<T, R, C> r;
  for (int i = 0; i < R; i++) {
    for (int j = 0; j < C; j++) r.columns[i][j] = T(m.columns[j][i]);
  }
  return r;
}
template <class T>
__MSL_INL T determinant(matrix<T, 2, 2> m) {
  return T(m[0][0]) * T(m[1][1]) - T(m[1][0]) * T(m[0][1]);
}
template <class T>
__MSL_INL T determinant(matrix<T, 3, 3> m) {
  T sum = T(0);
  for (int i = 0; i < 3; i++) {
    const int j = (i + 1) % 3, k = (i + 2) % 3;
    sum += T(m[i][0]) * (T(m[j][1]) * T(m[k][2]) - T(m[k][1]) * T(m[j][2]));
  }
  return sum;
}
template <class T>
__MSL_INL T determinant(matrix<T, 4, 4> m) {
  T sum = T(0);
  for (int i = 0; i < 4; i++) {
    matrix<T, 3, 3> minor;
    for (int c = 0, to = 0; c < 4; c++) {
      if (c == i) continue;
      for (int r = 0; r < 3; r++) minor.columns[to][r] = T(m[c][r + 1]);
      to++;
    }
    sum += (i % 2 == 0 ? T(1) : T(-1)) * T(m[i][0]) * determinant(minor);
  }
  return sum;
}

#define __MSL_ELEMENT(SPACE)                                                                   \
  __MSL_INL constexpr SPACE T& operator[](size_t i) SPACE { return __elements[i]; }            \
  __MSL_INL constexpr const SPACE T& operator[](size_t i) const SPACE { return __elements[i]; } \
  __MSL_INL constexpr SPACE T* data() SPACE { return __elements; }                             \
  __MSL_INL constexpr const SPACE T* data() const SPACE { return __elements; }                 \
  __MSL_INL constexpr SPACE T* begin() SPACE { return __elements; }                            \
  __MSL_INL constexpr const SPACE T* begin() const SPACE { return __elements; }                \
  __MSL_INL constexpr SPACE T* end() SPACE { return __elements + N; }                          \
  __MSL_INL constexpr const SPACE T* end() const SPACE { return __elements + N; }              \
  __MSL_INL constexpr SPACE T& front() SPACE { return __elements[0]; }                         \
  __MSL_INL constexpr const SPACE T& front() const SPACE { return __elements[0]; }             \
  __MSL_INL constexpr SPACE T& back() SPACE { return __elements[N - 1]; }                      \
  __MSL_INL constexpr const SPACE T& back() const SPACE { return __elements[N - 1]; }          \
  __MSL_INL constexpr void fill(T x) SPACE {                                                   \
    for (size_t i = 0; i < N; i++) __elements[i] = x;                                          \
  }
template <class T, size_t N>
struct array {
  T __elements[N];
  typedef T value_type;
  static constexpr size_t size() { return N; }
  static constexpr size_t max_size() { return N; }
  static constexpr bool empty() { return N == 0; }
  __MSL_WRITABLE(__MSL_ELEMENT)
  __MSL_INL constexpr T& operator[](size_t i) { return __elements[i]; }
  __MSL_INL constexpr const T& operator[](size_t i) const { return __elements[i]; }
  __MSL_INL constexpr const T* data() const { return __elements; }
  __MSL_INL constexpr const T* begin() const { return __elements; }
  __MSL_INL constexpr const T* end() const { return __elements + N; }
  __MSL_INL constexpr const T& front() const { return __elements[0]; }
  __MSL_INL constexpr const T& back() const { return __elements[N - 1]; }
};
#undef __MSL_ELEMENT

// Elements that lie somewhere else.
template <class T>
struct array_ref {
  typedef T value_type;
  constexpr array_ref() : __elements(nullptr), __count(0) {}
  constexpr array_ref(const __generic T* elements, size_t count) : __elements(elements), __count(count) {}
  template <size_t N>
  constexpr array_ref(const array<T, N>& elements) : array_ref(elements.__elements, N) {}
  constexpr size_t size() const { return __count; }
  constexpr bool empty() const { return __count == 0; }
  __MSL_INL constexpr const T& operator[](size_t i) const { return __elements[i]; }
  __MSL_INL constexpr const __generic T* data() const { return __elements; }
  __MSL_INL constexpr const __generic T* begin() const { return __elements; }
  __MSL_INL constexpr const __generic T* end() const { return __elements + __count; }

  const __generic T* __elements;
  size_t __count;
};
template <class T>
constexpr array_ref<T> make_array_ref(const __generic T* elements, size_t count) {
  return array_ref<T>(elements, count);
}
template <class T, size_t N>
constexpr array_ref<T> make_array_ref(const array<T, N>& elements) {
  return array_ref<T>(elements);
}
template <class T, size_t N>
constexpr array_ref<T> make_array_ref(const T (&elements)[N]) {
  return array_ref<T>(elements, N);
}
}  // namespace metal

#define __MSL_MATRIX_NAMES(T, C)            \
  typedef metal::matrix<T, C, 2> T##C##x2;  \
  typedef metal::matrix<T, C, 3> T##C##x3;  \
  typedef metal::matrix<T, C, 4> T##C##x4;  \
  namespace metal {                         \
  using ::T##C##x2;                         \
  using ::T##C##x3;                         \
  using ::T##C##x4;                         \
  }
__MSL_MATRIX_NAMES(half, 2)
__MSL_MATRIX_NAMES(half, 3)
__MSL_MATRIX_NAMES(half, 4)
__MSL_MATRIX_NAMES(float, 2)
__MSL_MATRIX_NAMES(float, 3)
__MSL_MATRIX_NAMES(float, 4)
#undef __MSL_MATRIX_NAMES
