"""Sequences in which kernels run again, told by which values are kept from one use to the next.

Kernels run once in a fixed order: turn t is the first run of the t-th of them. Before a turn, what
it reads and what was not kept since its last use is made again, by its kernel and by those that
this one needs in turn. So a sequence is a set of decisions: for a storage and a turn that needs it,
keep or make again. Whatever is decided, the sequence computes the same values. They are played and
changed by `native`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import numpy as np

from tyc.compiler.planning import native
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.sequence import Sequences
from tyc.runtime.errors import InternalError


@dataclass
class Replay:
    """A sequence of kernels, the bytes that live at each position, and what the runs beyond the
    first of each kernel cost."""

    kernels: list[int]
    profile: np.ndarray
    extra: float

    @property
    def peak(self) -> int:
        """The most bytes that live at a position."""
        return int(self.profile.max(initial=0))


@dataclass(frozen=True)
class Candidate:
    """Decisions (what is not kept, as `Replayer.load` takes it) and what they come to."""

    decisions: np.ndarray
    extra: float
    peak: int

    @property
    def rank(self) -> tuple[float, int]:
        """Cheaper first."""
        return self.extra, self.peak


@dataclass(frozen=True)
class Rule:
    """What cuts decide (`checkpoints.py`): a storage of `level` n is kept between turns of the same
    number in `segments[n]`, one of level `top` always; on the way back, behind turn `middle`, what
    is `cheap` and of level 0 for `near` turns only."""

    level: np.ndarray
    segments: np.ndarray
    cheap: np.ndarray
    top: int
    middle: int
    near: int


class Replayer:
    """Plays decisions back on a graph in a fixed order. It holds one set of them, and what they
    came to when they were played last; at first everything is kept."""

    def __init__(self, graph: Graph, order: Sequence[int]) -> None:
        self.sequences = sequences = Sequences(graph)
        self.order = list(order)
        self.size, self.producer = sequences.size, sequences.producer
        self.reads, self.writes = sequences.reads, sequences.writes
        self.cost = [kernel.cost for kernel in graph.kernels]
        self.turn = [0] * len(self.order)
        for t, k in enumerate(self.order):
            self.turn[k] = t
        self.expiry = _expiry(graph, self.turn)
        self.longest = 6 * len(self.order) + 64
        self._library = native.library()
        self._arrays = self._as_arrays()
        pointers = {name: array.ctypes.data for name, array in self._arrays.items()}
        described = native.Graph(len(self.order), len(self.size), self.longest, **pointers)
        self._planner = self._library.tyc_planner_create(ctypes.addressof(described))
        if not self._planner:
            raise MemoryError("no memory for the planner")
        self._result = native.Result()

    def __del__(self) -> None:
        if getattr(self, "_planner", None):
            self._library.tyc_planner_destroy(self._planner)

    def _as_arrays(self) -> dict[str, np.ndarray]:
        """The fields of `native.Graph`."""
        storages, pairs = range(len(self.size)), self.sequences.pairs
        found: dict[str, Any] = {
            "order": self.order,
            "expiry": self.expiry,
            "producer": [self.producer.get(s, -1) for s in storages],
            "reads": list(chain(*self.reads)),
            "writes": list(chain(*self.writes)),
            "pair_from": [a for found in pairs for a, _ in found],
            "pair_to": [b for found in pairs for _, b in found],
        }
        for name, lists in (("read", self.reads), ("write", self.writes), ("pair", pairs)):
            found[f"{name}_begin"] = list(accumulate(map(len, lists), initial=0))
        arrays: dict[str, np.ndarray] = {
            name: np.asarray(numbers, dtype=np.int32) for name, numbers in found.items()
        }
        arrays["size"] = np.asarray(self.size, dtype=np.int64)
        arrays["cost"] = np.asarray(self.cost, dtype=np.float64)
        joined = [s in self.sequences.joined for s in storages]
        return arrays | {"joined": np.asarray(joined, dtype=np.uint8)}

    def load(self, decisions: np.ndarray) -> None:
        """Makes these the decisions."""
        self._library.tyc_planner_load(self._planner, decisions.ctypes.data, len(decisions))

    def play(self, decisions: np.ndarray) -> Replay | None:
        """The sequence of these decisions; `None` where it is far too long."""
        self.load(decisions)
        return self.replay() if self._library.tyc_planner_play(self._planner, None) else None

    def begin(self) -> Candidate:
        """Everything is kept."""
        self.load(np.zeros(0, dtype=np.int64))
        self._library.tyc_planner_play(self._planner, None)
        return self.candidate()

    def follow(self, rule: Rule) -> Candidate | None:
        """The decisions of a rule; `None` where the sequence is far too long."""
        self.load(np.zeros(0, dtype=np.int64))
        arrays = (
            np.ascontiguousarray(rule.level, dtype=np.int32),
            np.ascontiguousarray(rule.segments, dtype=np.int32),
            np.ascontiguousarray(rule.cheap, dtype=np.uint8),
        )
        told = native.Rule(*(a.ctypes.data for a in arrays), rule.top, rule.middle, rule.near)
        done = self._library.tyc_planner_play(self._planner, ctypes.addressof(told))
        return self.candidate() if done else None

    def evict(self, budget: int) -> Candidate | None:
        """The decisions of greedy eviction (Kirisame 2021); `None` where it finds no room, or its
        sequence is far too long."""
        self.load(np.zeros(0, dtype=np.int64))
        done = self._library.tyc_planner_evict(self._planner, budget)
        done = done and self._library.tyc_planner_play(self._planner, None)
        return self.candidate() if done else None

    def bring_down(
        self, start: Candidate, budget: int, rounds: int = 200, parts: int = 3
    ) -> Candidate:
        """Decisions within a budget, or the lowest on the way there: at the position where the most
        bytes live, what costs the least for its bytes is dropped, a `parts`-th of the excess at a
        time."""
        self._take(start)
        self._library.tyc_planner_bring_down(self._planner, budget, rounds, parts)
        return self.candidate()

    def fill(self, start: Candidate, budget: int) -> Candidate:
        """Decisions that keep what has room as well, the most saved for its bytes first."""
        self._take(start)
        self._library.tyc_planner_fill(self._planner, budget)
        return self.candidate()

    def improve(self, start: Candidate, budget: int, work: int, seed: int) -> Candidate:
        """The best decisions that a local search finds while it plays `work` positions."""
        self._take(start)
        self._library.tyc_planner_improve(self._planner, budget, work, seed)
        return self.candidate()

    def _take(self, start: Candidate) -> None:
        self.load(start.decisions)
        self._library.tyc_planner_play(self._planner, None)

    def candidate(self) -> Candidate:
        """The decisions that were played last."""
        entries = ctypes.c_void_p()
        count = self._library.tyc_planner_store(self._planner, ctypes.addressof(entries))
        if count < 0:
            raise MemoryError("no memory for the planner")
        decisions = np.zeros(0, dtype=np.int64)
        if count:
            found = ctypes.cast(entries, ctypes.POINTER(ctypes.c_int64))
            decisions = np.ctypeslib.as_array(found, (count,)).copy()
        result = self._read()
        return Candidate(decisions, result.extra, result.peak)

    def replay(self) -> Replay:
        """The sequence that was played last."""
        result = self._read()
        if not result.count:
            return Replay([], np.zeros(0, dtype=np.int64), 0.0)
        kernels = np.ctypeslib.as_array(result.kernels, (result.count,)).tolist()
        profile = np.ctypeslib.as_array(result.profile, (result.count,)).copy()
        return Replay(kernels, profile, result.extra)

    @property
    def work(self) -> int:
        """The positions that were played so far."""
        return self._read().work

    def _read(self) -> Any:
        self._library.tyc_planner_result(self._planner, ctypes.addressof(self._result))
        if self._result.failed:
            raise InternalError("the planner has no memory")
        return self._result


def _expiry(graph: Graph, turns: Sequence[int]) -> list[int]:
    """For each kernel the last turn before which it may run again: what it reads is overwritten
    then. A kernel that overwrites something itself never runs again."""
    never = len(turns)
    expiry = [never] * len(turns)
    overwritten: dict[int, int] = {}
    for k, kernel in enumerate(graph.kernels):
        for v in kernel.outputs:
            if v in graph.updates:
                old = graph.updates[v]
                overwritten[old] = min(turns[k], overwritten.get(old, never))
                expiry[k] = -1
    if overwritten:
        for k, kernel in enumerate(graph.kernels):
            ends = [overwritten[v] for v in kernel.inputs if v in overwritten]
            expiry[k] = min([expiry[k], *ends])
    return expiry
