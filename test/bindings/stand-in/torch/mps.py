"""Compiles and calls kernels as torch does: tensors by position, threads in all and in a threadgroup."""

import recording
from recording import synchronize  # noqa: F401


def compile_shader(source):
    return _Library(recording.source_file(source))


class _Library:
    def __init__(self, file):
        self._file = file

    def __getattr__(self, kernel):
        return lambda *tensors, **sizes: _call(self._file, kernel, tensors, **sizes)


def _call(file, kernel, tensors, threads, group_size):
    places = [recording.place(own._storage, own.storage_offset() * own.element_size()) for own in tensors]
    recording.record(file, kernel, places, threads, group_size)
