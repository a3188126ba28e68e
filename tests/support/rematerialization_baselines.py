"""What others do under a budget, as planners on the same graphs: for comparison only.

Each gives sequences of kernels, whose true peak and cost `Replayer` tells. `chen`: equal segments
on the way out, whose inside is made again (Chen 2016). `rotor`: the dynamic programme over a chain
of the stretches between the graph's cuts, each kept whole, or made again from its beginning, at
exact bytes (Beaumont 2019, persistent schedules). `dtr`: kernels run in order, and whenever the
budget is exceeded the value with the least cost / (bytes x staleness) is dropped (Kirisame 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tyc.compiler.planning.chain import best_cuts
from tyc.compiler.planning.checkpoints import Cuts, Line
from tyc.compiler.planning.replay import Replay, Replayer


def chen(line: Line) -> Iterator[Replay]:
    """Plans with equal segments by bytes, for each number of segments up to twice the root."""
    total = float(line.made.sum())
    made = np.cumsum(line.made)
    for count in range(2, 2 * int(line.turn**0.5) + 2):
        ends: list[int] = []
        for i in range(1, count):
            at = int(np.searchsorted(made, total * i / count))
            low, high = max(at - 3, 0), min(at + 4, line.turn)
            at = low + int(np.argmin(line.crossing[low:high]))
            if at < line.turn and (not ends or at > ends[-1]):
                ends.append(at)
        if line.replayer.follow(line.rule(Cuts(tuple(ends), (1,) * len(ends)))) is not None:
            yield line.replayer.replay()


def rotor(line: Line, budget: int) -> Replay | None:
    """The plan of the persistent dynamic programme."""
    for cuts in best_cuts(line, budget, (1.0,)):
        if line.replayer.follow(line.rule(cuts)) is not None:
            return line.replayer.replay()
    return None


def dtr(replayer: Replayer, budget: int) -> Replay | None:
    """The plan of the greedy eviction at run time; `None` where it runs out of bytes or time."""
    return None if replayer.evict(budget) is None else replayer.replay()
