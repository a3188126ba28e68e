"""Searches one stretch of a graph for the order in which the fewest bytes live at once.

A state is the set of kernels that have run. `search` takes states by the most bytes on the way to
them (Dijkstra's algorithm with a maximum for the sum): the first way to the end is an optimum, and
what it has come to when its time is over is a bound. `within` looks for any way below a number of
bytes, depth first; it is asked about one number after another where the optimum is not known.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, bits

_MOST_SWAPS = 20_000

_TRIES = 7


@dataclass(frozen=True)
class Found:
    """An order of a stretch, its peak, a bound of every order's, and the states looked at."""

    kernels: list[int]
    peak: int
    bound: int
    states: int


State = tuple[int, int, int]
"""Kernels that have run, kernels that can run next, bytes that live."""


class Stretch:
    """Kernels that run after the kernels `done`, with `live` bytes from before, in any order."""

    def __init__(self, facts: Facts, done: int, live: int, kernels: Sequence[int]) -> None:
        self.facts, self.kernels = facts, list(kernels)
        self.users: dict[int, list[int]] = {k: [] for k in kernels}
        ready, self.goal = 0, done
        for k in kernels:
            self.goal |= 1 << k
            missing = facts.needs[k] & ~done
            ready |= 0 if missing else 1 << k
            for j in bits(missing):
                self.users[j].append(k)
        self.start: State = (done, ready, live)

    def peak(self) -> int:
        """The most live bytes as the kernels stand."""
        return self.facts.peak(self.kernels, self.start[0], self.start[2])

    def moves(self, state: State, peak: int) -> list[tuple[int, int, int]]:
        """(kernel, bytes while it runs, bytes after it): one, where it costs nothing to run it now.

        A kernel that leaves no more bytes than it found, and needs no more meanwhile than what the
        order needs anyway, may come first: after it every other kernel needs as much as without it,
        or less.
        """
        done, ready, live = state
        found = []
        for k in bits(ready):
            now, left = self.facts.step(done, live, k)
            if left <= live and now <= peak:
                return [(k, now, left)]
            found.append((k, now, left))
        return found

    def after(self, state: State, k: int, left: int) -> State:
        """The state when kernel k has run."""
        done, ready, needs = state[0] | 1 << k, state[1] & ~(1 << k), self.facts.needs
        for j in self.users[k]:
            if not needs[j] & ~done:
                ready |= 1 << j
        return done, ready, left

    def search(self, floor: int, most_states: int) -> Found:
        """The best order; where it takes too many states, a good one and a bound."""
        came: dict[int, tuple[int, int]] = {}
        heap: list[tuple[int, int, int, State, int]] = [(floor, 0, -1, self.start, 0)]
        while heap and len(came) < most_states:
            peak, depth, k, state, previous = heapq.heappop(heap)
            done = state[0]
            if done in came:
                continue
            came[done] = (previous, k)
            if done == self.goal:
                return Found(self._path(came), peak, peak, len(came))
            for j, now, left in self.moves(state, peak):
                if done | 1 << j not in came:
                    following = self.after(state, j, left)
                    heapq.heappush(heap, (max(peak, now), depth - 1, j, following, done))
        bound = heap[0][0] if heap else floor
        kernels, peak, states = self._descend(bound, most_states)
        return Found(kernels, peak, bound, len(came) + states)

    def _path(self, came: dict[int, tuple[int, int]]) -> list[int]:
        done, path = self.goal, []
        while done != self.start[0]:
            done, k = came[done]
            path.append(k)
        return path[::-1]

    def _descend(self, bound: int, most_states: int) -> tuple[list[int], int, int]:
        """An order between the bound and the peak as it stands: halves the gap while it can."""
        best, peak, states = self.kernels, self.peak(), 0
        low = bound
        for _ in range(_TRIES):
            if peak <= low * 1.01:
                break
            found, looked = self.within((low + peak) // 2, most_states // _TRIES)
            states += looked
            if found is None:
                low = (low + peak) // 2
            else:
                best, peak = found, self.facts.peak(found, self.start[0], self.start[2])
        return best, peak, states

    def within(self, most: int, most_states: int) -> tuple[list[int] | None, int]:
        """An order that needs `most` bytes or less, or `None`; how many states were looked at.

        Depth first; of several kernels the one that leaves the fewest bytes comes first.
        """
        seen: set[int] = set()
        came: dict[int, tuple[int, int]] = {}
        stack: list[tuple[State, int, int]] = [(self.start, 0, -1)]
        while stack and len(seen) < most_states + len(self.kernels):
            state, previous, k = stack.pop()
            if state[0] in seen:
                continue
            seen.add(state[0])
            came[state[0]] = (previous, k)
            if state[0] == self.goal:
                return self._path(came), len(seen)
            moves = [m for m in self.moves(state, most) if m[1] <= most]
            for j, _, left in sorted(moves, key=lambda m: (-m[2], -m[0])):
                if state[0] | 1 << j not in seen:
                    stack.append((self.after(state, j, left), state[0], j))
        return None, len(seen)

    def straighten(self, kernels: Sequence[int], most: int) -> list[int]:
        """The order with neighbours put back as they were given, where `most` bytes still do."""
        order, facts, i, swaps = list(kernels), self.facts, 0, 0
        states = [(self.start[0], self.start[2])]
        while i + 1 < len(order) and swaps < _MOST_SWAPS:
            done, live = states[i]
            a, b = order[i : i + 2]
            if a > b and not facts.needs[b] >> a & 1:
                first, between = facts.step(done, live, b)
                if max(first, facts.step(done | 1 << b, between, a)[0]) <= most:
                    order[i : i + 2], swaps = [b, a], swaps + 1
                    if i:
                        states.pop()
                        i -= 1
                        continue
            states.append((done | 1 << order[i], facts.step(done, live, order[i])[1]))
            i += 1
        return order
