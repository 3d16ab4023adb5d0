"""Runs a layer through the package for Hugging Face's kernels, which brings its kernels, as a JSON file says."""

import json
import sys

import moegen
import torch

with open(sys.argv[2], encoding="utf-8") as stream:
    task = json.load(stream)
dtype = getattr(torch, task["dtype"])


def read(file):
    with open(file, "rb") as stream:
        return torch.frombuffer(bytearray(stream.read()), dtype=dtype)


tensors = {name: read(file) for name, file in task["files"].items()}
states = tensors.pop("hidden_states").reshape(-1, task["width"])
layer = moegen.Layer(tensors, task["constants"], **task["choice"])
for count, file in task["runs"]:
    output = moegen.run_layer(layer, states[:count])
    with open(file, "wb") as stream:
        stream.write(output.cpu().numpy().tobytes())
