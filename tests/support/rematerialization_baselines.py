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
from tyc.compiler.planning.drops import Decisions
from tyc.compiler.planning.eviction import evict
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
        replay = line.replayer.play(Decisions(line.keep(Cuts(tuple(ends), (1,) * len(ends)))))
        if replay is not None:
            yield replay


def rotor(line: Line, budget: int, slots: int = 100) -> Replay | None:
    """The plan of the persistent dynamic programme: bytes in `slots` steps of the budget."""
    cuts = best_cuts(line, budget, slots)
    return None if cuts is None else line.replayer.play(Decisions(line.keep(cuts)))


def dtr(replayer: Replayer, budget: int) -> Replay | None:
    """The plan of the greedy eviction at run time; `None` where it runs out of bytes or time."""
    made_again = evict(replayer, budget)
    return None if made_again is None else replayer.play(lambda s, _, t: (s, t) not in made_again)
