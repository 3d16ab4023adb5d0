"""Dispatches of a stand-in for a GPU: they are written down as a job on file descriptor 3, and once a line comes on descriptor 4, the
buffers' files hold the results."""

import json
import os

_dispatches = []
_storages = []
_sources = {}


def source_file(source):
    """The file with a source; equal sources have one."""
    file = _sources.setdefault(source, os.path.join(os.environ["MOEGEN_STAND_IN"], f"source-{len(_sources)}.metal"))
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(source)
    return file


def place(storage, offset=0):
    position = next((at for at, other in enumerate(_storages) if other is storage), None)
    if position is None:
        position = len(_storages)
        _storages.append(storage)
    return {"buffer": position, "offset": offset}


def record(file, kernel, arguments, threads, group_size):
    assert all(count % size == 0 for count, size in zip(threads, group_size))
    _dispatches.append(
        {
            "file": file,
            "kernel": kernel,
            "constants": {},
            "barrier": True,
            "arguments": {str(index): argument for index, argument in enumerate(arguments)},
            "threadgroups": [count // size for count, size in zip(threads, group_size)],
            "threads": list(group_size),
        }
    )


def synchronize():
    if not _dispatches:
        return
    files = [os.path.join(os.environ["MOEGEN_STAND_IN"], f"storage-{at}.bin") for at in range(len(_storages))]
    for file, storage in zip(files, _storages):
        with open(file, "wb") as stream:
            stream.write(storage)
    with os.fdopen(os.dup(3), "w") as requests:
        requests.write(json.dumps({"buffers": files, "dispatches": _dispatches}) + "\n")
    while os.read(4, 1) != b"\n":
        pass
    for file, storage in zip(files, _storages):
        with open(file, "rb") as stream:
            storage[:] = stream.read()
    _dispatches.clear()
    _storages.clear()
