"""Calls a function of a Python file for `moegen test`: python3 reference.py REQUEST.json.

Buffers come as NumPy arrays under their names, structs as dictionaries; the function takes those that it names. It returns an
array, or a dictionary of arrays. The answer goes beside the request.
"""

import importlib.util
import inspect
import json
import os
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("references in Python need NumPy: pip install numpy")

DTYPES = {
    "i8": "<i1", "u8": "<u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4",
    "i64": "<i8", "u64": "<u8", "f32": "<f4", "bool": "?",
}

KINDS = {"float": "<f8", "signed": "<i8", "unsigned": "<u8"}


def load(file):
    sys.path.insert(0, os.path.dirname(file))
    spec = importlib.util.spec_from_file_location("moegen_reference", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def received(buffer, folder):
    if "file" not in buffer:
        return buffer["value"]
    array = np.fromfile(os.path.join(folder, buffer["file"]), dtype=DTYPES[buffer["dtype"]])
    return array.reshape(buffer["shape"])


def sent(name, array, folder):
    array = np.asarray(array)
    kind = {"u": "unsigned", "i": "signed", "b": "unsigned"}.get(array.dtype.kind, "float")
    file = name + ".out"
    np.ascontiguousarray(array).astype(KINDS[kind]).tofile(os.path.join(folder, file))
    return {"file": file, "kind": kind}


def arguments(function, buffers, constants):
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return buffers
    given = dict(buffers, constants={int(index): value for index, value in constants.items()})
    return {each.name: given[each.name] for each in parameters if each.name in given}


def main(request_file):
    folder = os.path.dirname(request_file)
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    function = getattr(load(request["file"]), request["function"], None)
    if not callable(function):
        sys.exit(f"{request['file']} has no function '{request['function']}'")
    buffers = {each["name"]: received(each, folder) for each in request["buffers"]}
    result = function(**arguments(function, buffers, request["constants"]))
    names = request["outputs"]
    if isinstance(result, tuple):
        result = dict(zip(names, result))
    elif not isinstance(result, dict):
        result = {names[0]: result} if names else {}
    outputs = {name: sent(name, result[name], folder) for name in names if name in result}
    with open(os.path.join(folder, "response.json"), "w", encoding="utf-8") as file:
        json.dump({"outputs": outputs}, file)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
