"""Runs a layer through the bindings, as a JSON file says: with torch, with MLX, or through the package, which brings its kernels."""

import importlib
import json
import sys

with open(sys.argv[2], encoding="utf-8") as stream:
    task = json.load(stream)
moegen = importlib.import_module({"torch": "moegen_torch", "mlx": "moegen_mlx", "package": "moegen"}[task["through"]])

if task["through"] == "mlx":
    import mlx.core as framework

    from_bytes, to_bytes = framework.from_bytes, framework.to_bytes
else:
    import torch as framework

    from_bytes, to_bytes = framework.frombuffer, lambda tensor: tensor.cpu().numpy().tobytes()

dtype = getattr(framework, task["dtype"])


def read(file):
    with open(file, "rb") as stream:
        return from_bytes(bytearray(stream.read()), dtype=dtype)


try:
    tensors = {name: read(file) for name, file in task["files"].items()}
    states = tensors.pop("hidden_states").reshape(-1, task["width"])
    layer = moegen.Layer(tensors, task["constants"], **task["choice"])
    if "layer" in task:
        layer.group = moegen.group_of(task["layer"])
    run_layer = moegen.run_layer if task["through"] == "package" else moegen.Runner(sys.argv[1]).run_layer
    for count, file in task["runs"]:
        output = run_layer(layer, states[:count])
        with open(file, "wb") as stream:
            stream.write(to_bytes(output))
except moegen.Error as error:
    sys.exit(f"error: {error}")
