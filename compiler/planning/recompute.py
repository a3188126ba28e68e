"""Runs kernels again, so that their results need not live from one use to the next.

    a = f(x); b = g(a); c = h(b); d = k(a, c)              a lives all the while
    a = f(x); b = g(a); c = h(b); a = f(x); d = k(a, c)

In come an order and a number of bytes. At the step where the most bytes live, some value lies
there that this step does not touch: its kernel, and where needed those before it, run again right
before its next use. Of all such changes the one is taken that removes the most excess for what it
costs, until the order fits. The results are the same bits: the same kernels run on the same values.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.sequence import Life, Sequences, State

MOST_WORK = 400_000
"""Steps looked at, in all trials together."""

_TRIED, _MOST_AGAIN, _PRUNING = 4, 32, 60_000


def recompute(graph: Graph, order: Sequence[int], budget: int) -> State:
    """A sequence that fits the budget, or the one with the lowest peak that was found."""
    search = _Search(Sequences(graph), budget)
    state = best = search.sequences.state(order)
    while state.peak > budget:
        following = search.improved(state)
        if following is None:
            return best
        state = following
        if state.peak < best.peak:
            best = state
    return search.pruned(state)


@dataclass(frozen=True)
class _Change:
    """Kernels that run again before the step `at`, so that `storage` need not live until then; the
    bytes that this saves at the peak, and what the kernels read from before."""

    at: int
    storage: int
    kernels: tuple[int, ...]
    saved: int
    cost: float
    reads: frozenset[int]

    def conflicts(self, other: _Change) -> bool:
        """True where one reads what the other no longer keeps."""
        mine, theirs = self.storage, other.storage
        return mine == theirs or mine in other.reads or theirs in self.reads


class _Search:
    def __init__(self, sequences: Sequences, budget: int) -> None:
        self.sequences, self.budget, self.work = sequences, budget, MOST_WORK

    def improved(self, state: State) -> State | None:
        """The sequence after the changes that look best; after one of them where together they
        help less than they cost."""
        step = state.profile.index(state.peak)
        changes = sorted(
            self._changes(state, step), key=lambda c: (-c.saved / c.cost, c.at, c.kernels)
        )
        chosen = self._together(changes, (state.peak - self.budget) // 2)
        best = self._best(state, [chosen]) if len(chosen) > 1 else None
        return best or self._best(state, [[c] for c in changes])

    def _together(self, changes: Sequence[_Change], wanted: int) -> list[_Change]:
        """The best changes that do not stand in each other's way, up to the bytes wanted."""
        chosen: list[_Change] = []
        for change in changes:
            if wanted > 0 and not any(change.conflicts(c) for c in chosen):
                chosen.append(change)
                wanted -= change.saved
        return chosen

    def _best(self, state: State, trials: Sequence[Sequence[_Change]]) -> State | None:
        """The trial that removes the most excess for its cost, of the first that remove any."""
        excess = state.excess(self.budget)
        found: list[tuple[float, State]] = []
        for changes in trials:
            if len(found) == _TRIED or self.work < 0:
                break
            trial = self._after(state, changes)
            less = excess - trial.excess(self.budget)
            if less > 0:
                found.append((less / sum(c.cost for c in changes), trial))
        return max(found, key=lambda f: f[0])[1] if found else None

    def _after(self, state: State, changes: Sequence[_Change]) -> State:
        self.work -= len(state.kernels)
        before: dict[int, dict[int, None]] = {}
        for change in changes:
            before.setdefault(change.at, {}).update(dict.fromkeys(change.kernels))
        kernels: list[int] = []
        for step, k in enumerate(state.kernels):
            kernels += [*sorted(before.get(step, ())), k]
        return self.sequences.state(kernels)

    def _changes(self, state: State, step: int) -> Iterator[_Change]:
        """What may run again so that a value need not live at a step that does not touch it."""
        lives: dict[int, list[Life]] = {}
        for life in state.lives:
            lives.setdefault(life.storage, []).append(life)
        for life in state.lives:
            first, last = life.steps[0], life.steps[-1]
            if not first < step < last or life.storage not in self.sequences.producer:
                continue
            after = bisect(life.steps, step)
            if life.steps[after - 1] != step:
                for deep in (False, True):
                    change = self._again(life.storage, step, life.steps[after], lives, deep)
                    if change is not None and change.saved > 0:
                        yield change

    def _again(
        self, storage: int, step: int, at: int, lives: dict[int, list[Life]], deep: bool
    ) -> _Change | None:
        """The kernels that make a storage again before the step `at`.

        What they read lives still, or its life is made longer, or, if it ended before `step` (or
        `deep`: before `at`), its kernel runs again as well.
        """
        sequences = self.sequences
        kernels, saved, extended = {sequences.producer[storage]}, sequences.size[storage], set()
        work = list(kernels)
        while work:
            for s in sequences.reads[work.pop()]:
                last = max(life.steps[-1] for life in lives[s] if life.steps[0] < at)
                if last >= at or s in extended:
                    continue
                again = sequences.producer.get(s)
                if again is not None and (deep or last < step):
                    if again not in kernels:
                        kernels.add(again)
                        work.append(again)
                    if len(kernels) > _MOST_AGAIN:
                        return None
                else:
                    extended.add(s)
                    saved -= sequences.size[s] if last < step else 0
        cost = sum(sequences.graph.kernels[k].cost for k in kernels) + 1.0
        reads = frozenset(s for k in kernels for s in sequences.reads[k])
        return _Change(at, storage, tuple(sorted(kernels)), saved, cost, reads)

    def pruned(self, state: State) -> State:
        """The sequence without runs that it fits without, the dearest tried first."""
        seen: set[int] = set()
        again = []
        for step, k in enumerate(state.kernels):
            again += [step] if k in seen else []
            seen.add(k)
        kernels = self.sequences.graph.kernels
        dropped: set[int] = set()
        trials = _PRUNING // max(len(state.kernels), 1)
        for step in sorted(again, key=lambda i: (-kernels[state.kernels[i]].cost, i))[:trials]:
            kept = [k for i, k in enumerate(state.kernels) if i not in dropped and i != step]
            trial = self.sequences.state(kept)
            if trial.peak <= self.budget:
                dropped.add(step)
        kept = [k for i, k in enumerate(state.kernels) if i not in dropped]
        return self.sequences.state(kept)
