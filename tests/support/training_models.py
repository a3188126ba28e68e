"""Training steps of any size as kernel graphs: equal layers, chains of layers, random networks."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from training_steps import Step

from tyc.compiler.planning.graph import Graph


def equal(layers: int, nbytes: int = 1 << 20) -> Graph:
    """Equal layers, each of one kernel whose backward reads its operand and costs twice as much."""
    step = Step()
    x = step.input()
    for _ in range(layers):
        x = step.layer("f", [x], nbytes, 1e9)
    graph = step.finish(x)
    kernels = [replace(k, cost=2e9) if k.name == "f.dx" else k for k in graph.kernels]
    return Graph(graph.sizes, kernels)


def chain(nodes: int, seed: int = 0) -> Graph:
    """A convolutional chain with norms and residual sums, of random widths, whose step has about so
    many kernels."""
    random, step = Random(seed), Step()
    x, side, channels = step.input(), 64, 16
    while len(step.kernels) < nodes * _OUT:
        width = channels if random.random() < 0.5 else random.randint(*_WIDTHS) * 64 // side
        if side > 16 and random.random() < 0.1:
            side //= 2
        nbytes, weights = 4 * width * side * side, 9 * channels * width
        y = step.layer("conv", [x], nbytes, 2.0 * weights * side * side, weight=4 * weights)
        if random.random() < 0.5:
            statistics = step.value(8 * width)
            step.kernel("bn.statistics", [y], [statistics], nbytes)
            alike = step.sizes[x] == nbytes and random.random() < 0.5
            operands = [y, x] if alike else [y]
            x = step.layer(
                "bn", operands, nbytes, 1.5 * nbytes, "xy", 8 * width, True, [statistics]
            )
        else:
            x = step.layer("relu", [y], nbytes, nbytes / 4, "y", in_place=True)
        channels = width
    return step.finish(step.layer("dense", [x], 4000, 2.0 * 1000 * step.sizes[x], weight=64000))


_OUT, _WIDTHS = 0.26, (8, 24)
"""The share of a chain's kernels that run before the turn; its least and most channels at first."""


def random_layers(nodes: int, seed: int = 0) -> Graph:
    """A random layered network whose step has about so many kernels."""
    random, step = Random(seed), Step()
    layer = [step.input()]
    while len(step.kernels) < nodes * 0.36:
        before, layer = layer, []
        for _ in range(random.randint(1, 4)):
            operands = random.sample(before, min(len(before), random.randint(1, 2)))
            older = [x.result for x in step.layers[-24:]]
            if older and random.random() < 0.15:
                operands.append(random.choice(older))
            nbytes = int(2 ** random.uniform(14, 22))
            heavy = random.random() < 0.5
            layer.append(
                step.layer(
                    "heavy" if heavy else "light", list(dict.fromkeys(operands)), nbytes,
                    nbytes * (random.uniform(50, 800) if heavy else random.uniform(0.25, 4)),
                    random.choice(["x", "y", "xy"]), nbytes // 8 if heavy else 0, not heavy,
                )
            )  # fmt: skip
    last = step.layer("join", layer, 4096, 4096)
    return step.finish(last)
