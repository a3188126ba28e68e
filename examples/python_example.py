"""Layers, a trace, a library: the same network three times."""

import numpy as np

import tyc
from tyc import nn

net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
x = tyc.tensor(np.ones((8, 4), np.float32))
print(net(x).shape)  # at once, op by op

fast = tyc.trace(net)  # one added line: fused, compiled at the first call
print(fast(x).shape)

tyc.compile(net, "net.so", x)  # a library, for C as well
module = tyc.runtime.load("net.so")  # needs NumPy and nothing else
print(module(np.ones((8, 4), np.float32)).shape)


program = tyc.load_onnx("magika.onnx", {"bytes": (1, 2048)})
tyc.compile(program, "magika.so")  # the same, of an ONNX model
