"""Runs a layer through the bindings, as a JSON file says."""

import json
import sys

import moegen_torch
import torch

with open(sys.argv[2], encoding="utf-8") as stream:
    task = json.load(stream)
dtype = getattr(torch, task["dtype"])


def read(file):
    with open(file, "rb") as stream:
        return torch.frombuffer(bytearray(stream.read()), dtype=dtype)


try:
    tensors = {name: read(file) for name, file in task["files"].items()}
    states = tensors.pop("hidden_states").reshape(-1, task["width"])
    layer = moegen_torch.Layer(tensors, task["constants"], **task["choice"])
    if "layer" in task:
        layer.group = moegen_torch.group_of(task["layer"])
    runner = moegen_torch.Runner(sys.argv[1])
    for count, file in task["runs"]:
        output = runner.run_layer(layer, states[:count])
        with open(file, "wb") as stream:
            stream.write(output.cpu().numpy().tobytes())
except moegen_torch.Error as error:
    sys.exit(f"error: {error}")
