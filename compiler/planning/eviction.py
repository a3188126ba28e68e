"""Greedy eviction: kernels run in order, and what is over the budget is dropped on the way.

Whenever a result has no room, the value that lives goes whose cost is the least for its bytes and
the time since it was touched last (dynamic tensor rematerialization, Kirisame 2021). What it
dropped and made again are decisions like any others.
"""

from __future__ import annotations

from tyc.compiler.planning.replay import Key, Replayer

_DEEPEST = 200


def evict(replayer: Replayer, budget: int) -> set[Key] | None:
    """The storages that are made again, with the turns that need them; `None` where there is no
    room or it takes far too many kernels."""
    run = _Eviction(replayer, budget)
    for t, k in enumerate(replayer.order):
        if not run.step(k, t) or len(run.kernels) > replayer.longest:
            return None
    return run.again


class _Eviction:
    """The state of a run: what lives, when it was touched, what runs so far."""

    def __init__(self, replayer: Replayer, budget: int) -> None:
        self.replayer, self.budget = replayer, budget
        self.kernels: list[int] = []
        self.live: set[int] = set()
        self.touched: dict[int, int] = {}
        self.bytes = 0
        self.left = [0] * len(replayer.size)
        for k in replayer.order:
            for s in replayer.reads[k]:
                self.left[s] += 1
        self.again: set[tuple[int, int]] = set()

    def step(self, k: int, turn: int) -> bool:
        """Runs a kernel for the first time, with all that it needs; false without room."""
        if not self._run(k, turn, frozenset()):
            return False
        for s in self.replayer.reads[k]:
            self.left[s] -= 1
        dead = [s for s in self.live if not self.left[s]]
        for s in dead:
            if s in self.replayer.reads[k] or s in self.replayer.writes[k]:
                self._free(s)
        return True

    def _run(self, k: int, turn: int, locked: frozenset[int], depth: int = 0) -> bool:
        replayer = self.replayer
        if len(self.kernels) > replayer.longest or depth > _DEEPEST:
            return False
        locked = locked | set(replayer.reads[k]) | set(replayer.writes[k])
        for s in replayer.reads[k]:
            if s not in self.live:
                if s not in replayer.producer:
                    return False  # it was read for the last time before this run
                self.again.add((s, turn))
                if not self._run(replayer.producer[s], turn, locked, depth + 1):
                    return False
        needed = sum(replayer.size[s] for s in replayer.writes[k] if s not in self.live)
        while self.bytes + needed > self.budget:
            if not self._evict(locked):
                return False
        at = len(self.kernels)
        self.kernels.append(k)
        for s in replayer.writes[k]:
            if s not in self.live:
                self.live.add(s)
                self.bytes += replayer.size[s]
        for s in (*replayer.reads[k], *replayer.writes[k]):
            self.touched[s] = at
        return True

    def _evict(self, locked: frozenset[int]) -> bool:
        now = len(self.kernels)
        options = [s for s in self.live if s not in locked and self._may_go(s)]
        if not options:
            return False
        self._free(min(options, key=lambda s: self._score(s, now)))
        return True

    def _score(self, s: int, now: int) -> float:
        k = self.replayer.producer[s]
        cost = self.replayer.cost[k] + sum(
            self.replayer.cost[self.replayer.producer[r]]
            for r in self.replayer.reads[k]
            if r not in self.live and r in self.replayer.producer
        )
        return cost / (self.replayer.size[s] * (now - self.touched[s] + 1))

    def _may_go(self, s: int) -> bool:
        """Whether its kernel may run again whenever it is needed."""
        k = self.replayer.producer.get(s)
        return k is not None and self.replayer.expiry[k] >= len(self.replayer.order)

    def _free(self, s: int) -> None:
        self.live.discard(s)
        self.bytes -= self.replayer.size[s]
