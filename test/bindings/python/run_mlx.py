"""Runs a layer through the bindings for MLX, as a JSON file says."""

import json
import sys

import mlx.core as mx
import moegen_mlx

with open(sys.argv[2], encoding="utf-8") as stream:
    task = json.load(stream)
dtype = getattr(mx, task["dtype"])


def read(file):
    with open(file, "rb") as stream:
        return mx.from_bytes(stream.read(), dtype)


try:
    arrays = {name: read(file) for name, file in task["files"].items()}
    states = mx.reshape(arrays.pop("hidden_states"), (-1, task["width"]))
    layer = moegen_mlx.Layer(arrays, task["constants"], **task["choice"])
    if "layer" in task:
        layer.group = moegen_mlx.group_of(task["layer"])
    runner = moegen_mlx.Runner(sys.argv[1])
    for count, file in task["runs"]:
        output = runner.run_layer(layer, states[:count])
        with open(file, "wb") as stream:
            stream.write(mx.to_bytes(output))
except moegen_mlx.Error as error:
    sys.exit(f"error: {error}")
