"""Runs Metal kernels on NumPy arrays, on any Linux or macOS machine: calls the command line of moegen.

    import moegen, numpy as np

    out = np.empty(4, np.float32)
    moegen.run(
        source="scale.metal",
        kernel="scale",
        buffers={0: np.arange(4, dtype=np.float32), 1: out},
        threads=4,
        threads_per_threadgroup=4,
        outputs=[1],
    ).outputs[1]
"""

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np

__all__ = ["MoegenError", "Result", "run"]

_DTYPES = {
    "int8": "i8", "uint8": "u8", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32",
    "int64": "i64", "uint64": "u64", "float16": "f16", "bfloat16": "bf16", "float32": "f32", "bool": "bool",
}


class MoegenError(Exception):
    """What the command line refused; the text is its own."""


@dataclasses.dataclass(frozen=True)
class Result:
    """`outputs` by the keys that were asked for; `reports` of the checks; `info`, all that the command line said."""

    outputs: dict
    reports: list
    info: dict

    @property
    def ok(self):
        return not self.reports


def run(job=None, /, *, command=None, outputs=(), device="host", **keys):
    """Runs a job: a dictionary as in a job's file, or its keys as arguments. Relative paths start in the current folder.

    Buffers may be NumPy arrays, also of `ml_dtypes.bfloat16`; other contents are as in a file. `outputs` lists buffers by their
    keys; they come back as arrays with the type and shape of the array that was given, else as the job says. `command` is how
    to call moegen, as a list; by default the environment variable MOEGEN, or `moegen` on the PATH. Raises MoegenError where the
    job is refused or a kernel does not compile; what checks find is in the result.
    """
    job = dict(job or {}, **keys)
    buffers = {str(key): value for key, value in job.get("buffers", {}).items()}
    missing = [key for key in outputs if str(key) not in buffers]
    if missing:
        raise MoegenError(f"outputs names buffer {missing[0]}, but there is no such buffer")
    with tempfile.TemporaryDirectory(prefix="moegen-") as folder:
        job["buffers"] = {key: _written(key, value, folder) for key, value in buffers.items()}
        job["outputs"] = {str(key): os.path.join(folder, f"{key}.out") for key in outputs}
        for key in ("source", "include"):
            if key in job:
                job[key] = _absolute(job[key])
        file = os.path.join(folder, "job.json")
        with open(file, "w", encoding="utf-8") as handle:
            json.dump(job, handle)
        done = subprocess.run(
            [*_command(command), "run", file, "--device", device], capture_output=True, text=True, check=False
        )
        if not done.stdout:
            raise MoegenError(done.stderr.strip())
        info = json.loads(done.stdout)
        arrays = {key: _read(buffers[str(key)], job["outputs"][str(key)]) for key in outputs}
    return Result(arrays, info["reports"], info)


def _command(command):
    if command is not None:
        return list(command)
    given = os.environ.get("MOEGEN")
    if given:
        return [given]
    found = shutil.which("moegen")
    if found is None:
        raise MoegenError("moegen is not on the PATH: npm install -g moegen, or set MOEGEN to its file")
    return [found]


def _absolute(given):
    return [os.path.abspath(each) for each in given] if isinstance(given, list) else os.path.abspath(given)


def _written(key, value, folder):
    if isinstance(value, dict):
        return {**value, "file": os.path.abspath(value["file"])} if "file" in value else value
    array = np.asarray(value)
    dtype = _DTYPES.get(array.dtype.name)
    if dtype is None:
        raise MoegenError(f"buffer {key} is an array of {array.dtype.name}, which Metal does not have")
    file = os.path.join(folder, f"{key}.bin")
    np.ascontiguousarray(array).tofile(file)
    return {"dtype": dtype, "shape": list(array.shape), "file": file}


_PLAIN = {short: name for name, short in _DTYPES.items() if name != "bfloat16"}


def _read(buffer, file):
    """As the array that was given; else by the job's type, where NumPy has it, and as bytes where it has not."""
    if not isinstance(buffer, dict):
        array = np.asarray(buffer)
        return np.fromfile(file, dtype=array.dtype).reshape(array.shape)
    name = _PLAIN.get(buffer.get("dtype"))
    if name is None:
        return np.fromfile(file, dtype=np.uint8)
    array = np.fromfile(file, dtype=name)
    return array.reshape(buffer["shape"]) if "shape" in buffer else array
