"""Optimizers, schedules of their learning rate, and clipping of gradients.

    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = optim.schedules.Cosine(opt, steps=1000, warm_up=50)
    with gm:
        gm.backward(loss)
    opt.step().clear_grad()
    schedule.step()

The same lines run eagerly and inside of a trace: learning rates, step counts and moments are
tensors that `step` assigns, so that a recorded step updates them, and a new learning rate needs no
new recording. Read `optimizer.py` first.
"""

from __future__ import annotations

from tyc.optim import schedules
from tyc.optim.adagrad import Adadelta, Adagrad
from tyc.optim.adam import LAMB, Adam, AdamW
from tyc.optim.clipping import clip_grad_norm, clip_grad_value
from tyc.optim.optimizer import Group, Optimizer
from tyc.optim.sgd import SGD

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "Optimizer",
    "clip_grad_norm",
    "clip_grad_value",
    "schedules",
]
