// What a kernel library and the host engine share: the state of one running thread. Both sides include this file, so it
// uses plain C types only. The kernels reach their state through the stack pointer: every thread runs on a stack that
// is aligned to its size, and the state lies near its end.
#pragma once

// Stack of one thread. A power of two, so that masking the stack pointer finds the thread.
#define MSL_RT_STACK_BYTES 262144ul
// Where in stack number `n` the state lies. Equal offsets in all stacks would share few sets of the caches and of the
// translation buffer.
#define MSL_RT_STATE_OFFSET(n) \
  (MSL_RT_STACK_BYTES - 65536ul - 192ul + ((n) % 16ul * 4096ul) + ((n) % 64ul * 64ul))

// A worker's stacks are the second half of a range that is aligned to its size. The first half begins with one link per
// stack: what a barrier touches of a thread. Barriers are part of the kernels, so they share these offsets with the engine.
#define MSL_RT_STACKS 1024ul
#define MSL_RT_STACKS_ALIGNMENT (2ul * MSL_RT_STACKS * MSL_RT_STACK_BYTES)
#define MSL_RT_LINK_BYTES 64
// (address >> shift) & mask is the offset of the link.
#define MSL_RT_LINK_SHIFT 12
#define MSL_RT_LINK_MASK 0xffc0
#define MSL_RT_LINK_STACK 0
#define MSL_RT_LINK_RESUME 8
#define MSL_RT_LINK_FRAME 16
#define MSL_RT_LINK_BASE 24
#define MSL_RT_LINK_NEXT 32
#define MSL_RT_LINK_SIMDGROUP 40
#define MSL_RT_SIMDGROUP_SITE 16
// Behind the links, and one more that stands for nobody: floating-point operations of instrumented kernels.
#define MSL_RT_OPERATIONS ((MSL_RT_STACKS + 1ul) * MSL_RT_LINK_BYTES)
// Behind those: what variables of instrumented kernels hold that nothing was written to. The line of the program from which
// on, and up to which, in 24 bits each, and above them the byte; all others hold zeros.
#define MSL_RT_LOCALS (MSL_RT_OPERATIONS + 8ul)

// How far the state of the next stack mostly lies from this one: a guess at where the next lane continues that needs no
// memory.
#define MSL_RT_NEXT_STACK (MSL_RT_STACK_BYTES + 4096ul + 64ul)

// Bits of __msl_self::matrix_mode. Zero means: another lane does the matrix operations of this simdgroup.
#define MSL_RT_MATRIX_LEADER 1u
// Elements of a matrix were handed out since the last rendezvous.
#define MSL_RT_MATRIX_HAZARD 2u
// Some matrix of this thread has handed out its elements: look at the operands.
#define MSL_RT_MATRIX_EXPOSED 4u
// Every matrix operation is a rendezvous of the simdgroup.
#define MSL_RT_MATRIX_LOCKSTEP 8u

struct __msl_self {
  // Touched at every switch or matrix operation.
  unsigned long stack_pointer;
  unsigned int matrix_mode;
  unsigned int lane;
  // Simdgroup within its threadgroup.
  unsigned int sg;
  unsigned int titg;
  // Owned by the engine.
  unsigned long simdgroup;
  unsigned long group;
  // A matrix whose object lies `d` bytes below this state has its 64 elements at matrix_base + 32 * d.
  unsigned long matrix_base;
  const unsigned long* buf;
  const unsigned long* tgbuf;

  // thread_position_in_grid, thread_position_in_threadgroup, threadgroup_position_in_grid, threads_per_threadgroup,
  // threadgroups_per_grid, threads_per_grid, simdgroups_per_threadgroup. Threadgroups at the edges of a grid may have fewer
  // threads than others: dispatch_simdgroups_per_threadgroup and dispatch_threads_per_threadgroup are about the others.
  unsigned int tpig[3];
  unsigned int tpitg[3];
  unsigned int tgpig[3];
  unsigned int tptg[3];
  unsigned int tgpg[3];
  unsigned int tpg[3];
  unsigned int nsg;
  unsigned int dnsg;
  unsigned int dtptg[3];
  unsigned int padding;
};

// Memory that a barrier orders: bits of metal::mem_flags.
#define MSL_RT_FLAG_DEVICE 1u
#define MSL_RT_FLAG_THREADGROUP 2u

// Operations of __msl_rt_reduce_*: the low bits choose the operator, the others how far it reaches.
#define MSL_RT_SUM 0u
#define MSL_RT_MAX 1u
#define MSL_RT_MIN 2u
#define MSL_RT_PRODUCT 3u
#define MSL_RT_AND 4u
#define MSL_RT_OR 5u
#define MSL_RT_XOR 6u
#define MSL_RT_OPERATOR 7u
#define MSL_RT_UNSIGNED 8u
#define MSL_RT_QUAD 16u
#define MSL_RT_INCLUSIVE 32u
#define MSL_RT_EXCLUSIVE 64u

// Kinds of __msl_rt_shuffle.
#define MSL_RT_SHUFFLE 0u
#define MSL_RT_SHUFFLE_XOR 1u
#define MSL_RT_SHUFFLE_DOWN 2u
#define MSL_RT_SHUFFLE_UP 3u
#define MSL_RT_ROTATE_DOWN 4u
#define MSL_RT_ROTATE_UP 5u
#define MSL_RT_FIRST 6u
#define MSL_RT_FILL_DOWN 7u
#define MSL_RT_FILL_UP 8u
#define MSL_RT_QUAD_SHUFFLE 9u
#define MSL_RT_QUAD_XOR 10u
#define MSL_RT_QUAD_DOWN 11u
#define MSL_RT_QUAD_UP 12u
#define MSL_RT_QUAD_ROTATE_DOWN 13u
#define MSL_RT_QUAD_ROTATE_UP 14u
#define MSL_RT_QUAD_FILL_DOWN 15u
#define MSL_RT_QUAD_FILL_UP 16u
#define MSL_RT_QUAD_FIRST 17u

// Element types of a simdgroup matrix.
#define MSL_RT_FLOAT 0u
#define MSL_RT_HALF 1u
#define MSL_RT_BFLOAT 2u

// More of them: the element types of a cooperative tensor.
#define MSL_RT_CHAR 3u
#define MSL_RT_UCHAR 4u
#define MSL_RT_INT 5u

// Flags of __msl_rt_tensor_multiply: the left, the right operand is given transposed; the product is added.
#define MSL_RT_TENSOR_LEFT 1u
#define MSL_RT_TENSOR_RIGHT 2u
#define MSL_RT_TENSOR_ACCUMULATE 4u

// A matrix in memory: element (i, j) lies at data[i * row_stride + j * column_stride], of the elements' type. What is not
// within `rows` and `columns` does not exist.
struct __msl_tensor {
  const void* data;
  long row_stride, column_stride;
  long rows, columns;
};

// destination = left * right, m x k by k x n, of the simdgroups of a scope. Without a destination in memory the lanes hold
// the elements, each at `elements`, `capacity` of them, as cooperative_tensor.h says. A negative k: as many as both have.
struct __msl_tensor_product {
  struct __msl_tensor left, right, destination;
  int m, n, k;
  unsigned int simdgroups;
  // Element types of left, right and destination in bytes 0 to 2.
  unsigned int types;
  // MSL_RT_TENSOR_ACCUMULATE and MSL_RT_TENSOR_FRAGMENTS.
  unsigned int flags;
  // Differs from lane to lane, unlike the rest.
  void* elements;
};
// The lanes hold the elements as fragments of 16 x 16.
#define MSL_RT_TENSOR_FRAGMENTS 8u

// Codes of __msl_rt_trap: 0 and 1 are the compiler's. An element that a cooperative tensor does not have.
#define MSL_RT_TRAP_TENSOR_ELEMENT 2u

// Operations of __msl_rt_atomic.
#define MSL_RT_ATOMIC_LOAD 0u
#define MSL_RT_ATOMIC_STORE 1u
#define MSL_RT_ATOMIC_EXCHANGE 2u
#define MSL_RT_ATOMIC_ADD 3u
#define MSL_RT_ATOMIC_SUB 4u
#define MSL_RT_ATOMIC_AND 5u
#define MSL_RT_ATOMIC_OR 6u
#define MSL_RT_ATOMIC_XOR 7u
#define MSL_RT_ATOMIC_MAX 8u
#define MSL_RT_ATOMIC_MIN 9u
#define MSL_RT_ATOMIC_COMPARE_EXCHANGE 10u
// Type of the operand: 4-byte unsigned, 4-byte signed, float, 8-byte unsigned, 1-byte bool.
#define MSL_RT_ATOMIC_UINT 0u
#define MSL_RT_ATOMIC_INT 1u
#define MSL_RT_ATOMIC_FLOAT 2u
#define MSL_RT_ATOMIC_ULONG 3u
#define MSL_RT_ATOMIC_BOOL 4u
