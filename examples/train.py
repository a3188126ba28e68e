"""Trains a network to tell the inside of a ring, then writes the whole step as a library."""

import numpy as np

import tyc
from tyc import functional as F
from tyc import nn, optim


class Net(nn.Module):
    """Two layers."""

    def __init__(self):
        self.hidden = nn.Linear(2, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, point):
        """Scores of outside and inside."""
        return self.out(F.tanh(self.hidden(point)))


net = Net()
gm = tyc.GradManager().attach(net.parameters())
opt = optim.SGD(net.parameters(), lr=0.5, momentum=0.9)


@tyc.trace  # without this line: the same, op by op
def step(point, label):
    """One step of training; changes the parameters and the optimizer's state in place."""
    with gm:
        loss = F.cross_entropy(net(point), label)
        gm.backward(loss)
    opt.step().clear_grad()
    return loss


def batch(seed):
    """64 points of a generator that C has too, and whether they are inside."""
    x = np.empty(128, np.uint32)
    for i in range(128):
        seed = (1664525 * seed + 1013904223) % 2**32
        x[i] = seed >> 8
    point = (x / 2.0**23 - 1).astype(np.float32).reshape(64, 2)
    return seed, point, ((point**2).sum(1) < 0.5).astype(np.int64)


seed, point, label = batch(1)
step.compile("step.so", point, label)  # with the parameters as they are now
seed = 1
for i in range(300):
    seed, point, label = batch(seed)
    loss = step(point, label)
    if i % 100 == 99:
        print(f"{i + 1}: {loss.item():.6f}")
