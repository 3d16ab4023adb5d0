"""The part of MLX that the bindings use, for machines without it. Signatures are written as its documentation and messages say: an input of
fewer than 8 elements is `constant`, one of no dimensions a reference, shapes and attributes come where the source names them."""

import re
import struct
import types

import recording


class Dtype:
    def __init__(self, name, size, code=""):
        self.name, self.size, self.code = name, size, code


float32 = Dtype("float", 4, "f")
float16 = Dtype("float16_t", 2)
bfloat16 = Dtype("bfloat16_t", 2)
uint32 = Dtype("uint32_t", 4, "I")
int32 = Dtype("int32_t", 4, "i")
uint16 = Dtype("uint16_t", 2)
uint8 = Dtype("uint8_t", 1)
int8 = Dtype("int8_t", 1)

PRELUDE = """#include <metal_stdlib>
using namespace metal;
typedef bfloat bfloat16_t;
typedef half float16_t;
"""

WIDE = ("thread_position_in_grid", "thread_position_in_threadgroup", "threadgroup_position_in_grid", "threads_per_threadgroup")
NARROW = ("simdgroup_index_in_threadgroup", "thread_index_in_simdgroup", "thread_index_in_threadgroup")


class _Array:
    def __init__(self, shape, dtype, storage):
        self.shape, self.dtype, self._storage = tuple(shape), dtype, storage

    @property
    def size(self):
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def nbytes(self):
        return self.size * self.dtype.size

    def reshape(self, *shape):
        return reshape(self, shape)

    def __getitem__(self, rows):
        recording.synchronize()
        row = self.nbytes // self.shape[0]
        storage = self._storage[rows.start or 0 : (rows.stop or self.shape[0]) * row]
        return _Array((len(storage) // row, *self.shape[1:]), self.dtype, storage)


def array(value, dtype=float32):
    return _Array((), dtype, bytearray(struct.pack(f"<{dtype.code}", value)))


def from_bytes(data, dtype):
    return _Array((len(data) // dtype.size,), dtype, bytearray(data))


def to_bytes(own):
    recording.synchronize()
    return bytes(own._storage[: own.nbytes])


def zeros(shape, dtype=float32):
    empty = _Array(shape, dtype, bytearray())
    empty._storage = bytearray(empty.nbytes)
    return empty


def zeros_like(own):
    return zeros(own.shape, own.dtype)


def reshape(own, shape):
    extents = [own.size // shape[1 - at] if extent == -1 and len(shape) == 2 else extent for at, extent in enumerate(shape)]
    return _Array([own.size if extent == -1 else extent for extent in extents], own.dtype, own._storage)


def concatenate(arrays):
    recording.synchronize()
    data = bytearray(b"".join(bytes(own._storage[: own.nbytes]) for own in arrays))
    return _Array((len(data) // arrays[0].dtype.size,), arrays[0].dtype, data)


class _Kernel:
    def __init__(self, name, input_names, output_names, source, header=""):
        self._name, self._inputs, self._outputs, self._source, self._header = name, input_names, output_names, source, header

    def __call__(self, inputs, grid, threadgroup, output_shapes, output_dtypes):
        assert len(inputs) == len(self._inputs) and len(output_shapes) == len(output_dtypes) == len(self._outputs)
        outputs = []
        for shape, dtype in zip(output_shapes, output_dtypes):
            own = zeros(shape, dtype)
            own._storage[:] = b"\xa5" * own.nbytes
            outputs.append(own)
        rows, arguments = [], []

        def bind(row, argument):
            rows.append(f"{row} [[buffer({len(arguments)})]]")
            arguments.append(argument)

        for name, own in zip(self._inputs, inputs):
            space = "constant" if own.size < 8 else "device"
            mark = "*" if own.shape else "&"
            bind(f"const {space} {own.dtype.name}{mark} {name}", recording.place(own._storage))
            if f"{name}_shape" in self._source:
                extents = struct.pack(f"<{len(own.shape)}i", *own.shape)
                bind(f"const constant int* {name}_shape", {"bytes": list(extents)})
        for name, own in zip(self._outputs, outputs):
            bind(f"device {own.dtype.name}* {name}", recording.place(own._storage))
        for names, kind in ((WIDE, "uint3"), (NARROW, "uint")):
            rows += [f"{kind} {own} [[{own}]]" for own in names if re.search(rf"\b{own}\b", self._source)]
        kernel = f"custom_kernel_{self._name}"
        text = f"{PRELUDE}{self._header}\n[[kernel]] void {kernel}(\n  {', '.join(rows)}) {{\n{self._source}\n}}\n"
        recording.record(recording.source_file(text), kernel, arguments, grid, threadgroup)
        return outputs


fast = types.SimpleNamespace(metal_kernel=_Kernel)
