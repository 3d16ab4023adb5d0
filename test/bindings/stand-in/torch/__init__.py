"""The part of torch that the bindings use, for machines without it."""

import struct

from . import mps  # noqa: F401


class dtype:
    def __init__(self, name, size):
        self.name, self.size = name, size


uint8 = dtype("uint8", 1)
int32 = dtype("int32", 4)
float32 = dtype("float32", 4)
bfloat16 = dtype("bfloat16", 2)


class Tensor:
    """Contiguous elements of a storage from an offset on."""

    def __init__(self, shape, dtype, storage, offset=0):
        self.shape, self.dtype, self._storage, self._offset = tuple(shape), dtype, storage, offset
        self.device = "mps"

    def numel(self):
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def element_size(self):
        return self.dtype.size

    def storage_offset(self):
        return self._offset

    def is_contiguous(self):
        return True

    def __getitem__(self, place):
        start, stop, _ = place.indices(self.shape[0])
        row = self.numel() // self.shape[0] if self.shape[0] else 0
        return Tensor((stop - start, *self.shape[1:]), self.dtype, self._storage, self._offset + start * row)

    def reshape(self, first, width):
        shape = (self.numel() // width if first == -1 else first, width)
        return Tensor(shape, self.dtype, self._storage, self._offset)

    def to(self, device):
        return self

    def cpu(self):
        mps.synchronize()
        return self

    def numpy(self):
        return self

    def tobytes(self):
        start = self._offset * self.dtype.size
        return bytes(self._storage[start : start + self.numel() * self.dtype.size])


def empty(*shape, dtype=float32, device="mps"):
    extents = shape[0] if isinstance(shape[0], tuple) else shape
    size = dtype.size
    for extent in extents:
        size *= extent
    return Tensor(extents, dtype, bytearray(b"\xa5" * size))


def empty_like(tensor):
    return empty(tensor.shape, dtype=tensor.dtype)


def frombuffer(data, dtype):
    return Tensor((len(data) // dtype.size,), dtype, bytearray(data))


def tensor(values, dtype=float32, device="mps"):
    code = {"int32": "i", "float32": "f"}[dtype.name]
    return Tensor((len(values),), dtype, bytearray(struct.pack(f"<{len(values)}{code}", *values)))
