"""New values of inputs, in the bytes of the old ones: who may write there, and when.

    p' = step(p, g);  h = f(p)        h = f(p);  p' = step(p, g)      in p's own buffer

The kernel that writes the new value runs after all that read the old one, and reads the old one
itself only element by element. Where that cannot be (a reader that needs the new value of
something; a kernel that mixes elements) the value has to be copied at the end.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from tyc.compiler.planning.memory import ALIGNMENT
from tyc.compiler.planning.plan import Facts, Plan, root


def in_order(plan: Plan, facts: Sequence[Facts]) -> tuple[list[int], list[int]]:
    """Numbers of the steps in an order in which each update comes after the readers of the old
    value; and the updates that cannot be written in place.

    A kernel is a gradient and the update that takes it; it stood where the update was, behind all
    gradients, and now comes as soon as it can, so that no value waits for it. What becomes a new
    value in place, step by step, is in that place from the start: it becomes an update itself.
    """
    if not plan.updates:
        return list(range(len(plan.steps))), []
    graph = _Dependences(plan)
    refused = [new for new, old in plan.updates.items() if not graph.admit(new, old, facts)]
    for new, old in list(plan.updates.items()):
        while new not in refused and (source := graph.taken(new, facts)) is not None:
            if not graph.admit(source, old, facts):
                break
            buffer, result = plan.buffers[source], plan.buffers[new]
            buffer.place, buffer.index = result.place, result.index
            plan.updates[source] = old
            new = source
    return graph.order(), refused


def share_outputs(plan: Plan, facts: Sequence[Facts]) -> None:
    """Puts what becomes an output in place into the output from the start: its step overwrites the
    value, which no other step reads, so that the output's bytes hold it until then."""
    readers: dict[int, list[int]] = {}
    for k, step in enumerate(plan.steps):
        for b in step.inputs:
            readers.setdefault(root(plan, b), []).append(k)
    wholes = {b.whole for b in plan.buffers}
    for k in reversed(range(len(plan.steps))):
        step, taken = plan.steps[k], set[int]()
        for i, j in facts[k].in_place:
            old, new = step.inputs[i], step.outputs[j]
            source, result = plan.buffers[old], plan.buffers[new]
            alone = readers[root(plan, old)] == [k] and old not in wholes and source.whole < 0
            fits = source.place == "arena" and source.nbytes == result.nbytes
            free = result.place == "output" and result.whole < 0 and new not in taken
            if free and alone and fits:
                taken.add(new)
                source.place, source.index = "output", result.index


class _Dependences:
    """Which steps come after which."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.after: list[set[int]] = [set() for _ in plan.steps]
        self.writers: dict[int, list[int]] = {}
        self.readers: dict[int, list[int]] = {}
        for k, step in enumerate(plan.steps):
            for b in {root(plan, b) for b in step.inputs}:
                self.readers.setdefault(b, []).append(k)
                for writer in self.writers.get(b, ()):
                    self.after[writer].add(k)
            for b in {root(plan, b) for b in step.outputs}:
                self.writers.setdefault(b, []).append(k)

    def taken(self, new: int, facts: Sequence[Facts]) -> int | None:
        """A value of the arena that nothing but the writer of a new value reads, in place of it."""
        if len(self.writers.get(new, ())) != 1:
            return None
        k = self.writers[new][0]
        step, buffers = self.plan.steps[k], self.plan.buffers
        for i, j in facts[k].in_place:
            source = step.inputs[i]
            buffer = buffers[source]
            alone = self.readers.get(source) == [k] and step.inputs.count(source) == 1
            whole = buffer.whole < 0 and all(b.whole != source for b in buffers)
            fits = buffer.place == "arena" and buffer.nbytes == buffers[new].nbytes
            if step.outputs[j] == new and alone and whole and fits:
                return source
        return None

    def admit(self, new: int, old: int, facts: Sequence[Facts]) -> bool:
        """True where the new value may be written over the old one; the order then says so."""
        writers = self.writers.get(new, [])
        readers = self.readers.get(old, [])
        if len(writers) != 1:
            return False
        writer = writers[0]
        if writer in readers and not self._elementwise(writer, old, new, facts[writer]):
            return False
        others = set(readers) - {writer}
        if others & self._following(writer):
            return False
        for reader in others:
            self.after[reader].add(writer)
        return True

    def _elementwise(self, writer: int, old: int, new: int, facts: Facts) -> bool:
        """True where every read of the old value may share bytes with the new one."""
        step, pairs = self.plan.steps[writer], set(facts.in_place)
        reads = [i for i, b in enumerate(step.inputs) if root(self.plan, b) == old]
        at = step.outputs.index(new) if new in step.outputs else -1
        return all(step.inputs[i] == old and (i, at) in pairs for i in reads)

    def _following(self, step: int) -> set[int]:
        found, stack = set(), [step]
        while stack:
            for k in self.after[stack.pop()]:
                if k not in found:
                    found.add(k)
                    stack.append(k)
        return found

    def order(self) -> list[int]:
        """The steps by dependence, by their rank, and otherwise as they are."""
        missing, rank = [0] * len(self.after), self._ranks()
        for followers in self.after:
            for k in followers:
                missing[k] += 1
        ready = [(rank[k], k) for k, n in enumerate(missing) if not n]
        heapq.heapify(ready)
        found = []
        while ready:
            k = heapq.heappop(ready)[1]
            found.append(k)
            for follower in self.after[k]:
                missing[follower] -= 1
                if not missing[follower]:
                    heapq.heappush(ready, (rank[follower], follower))
        return found

    def _ranks(self) -> list[int]:
        """-1 for a step that takes values of the arena and makes none, or none but what such steps
        put in its place: the sooner they run, the sooner those are free; and for one of scalars
        that these may wait for. 1 for one that touches nothing there but scalars, and which only
        such ones follow: what it overwrites may be of use until the end, where steps run again.
        0 for others."""
        buffers = self.plan.buffers
        ranks, made, last = list[int](), list[list[int]](), set[int]()
        for k, step in enumerate(self.plan.steps):
            large = any(
                buffers[b].place == "arena" and buffers[b].nbytes > ALIGNMENT
                for b in (*step.inputs, *step.outputs)
            )
            made.append([b for b in step.outputs if buffers[b].place == "arena"])
            ranks.append(-1 if large != bool(made[k]) else 0 if large else 1)
            if not made[k]:
                last.add(k)
        for k in range(len(ranks)):
            if not ranks[k] and all(self._placed(b, last) for b in made[k]):
                ranks[k] = -1
        for k in reversed(range(len(ranks))):
            if ranks[k] == 1 and any(ranks[follower] < 1 for follower in self.after[k]):
                ranks[k] = 0
        return ranks

    def _placed(self, value: int, last: Collection[int]) -> bool:
        """Whether nothing but steps that make as many bytes outside of the arena read a value."""
        buffers = self.plan.buffers
        return all(
            k in last
            and buffers[value].nbytes == max(buffers[b].nbytes for b in self.plan.steps[k].outputs)
            for k in self.readers.get(root(self.plan, value), ())
        )
