"""Measures the candidates of one kernel, in a child process that is started anew when it dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tyc.compiler.child import Child, ChildDied
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.tuning.trial import Checked, Setup

RUN_SECONDS = 60.0
"""How long the child may take for one request, beside what it was asked to measure."""


def trial_child() -> Child:
    """A process that measures."""
    return Child("tyc.compiler.tuning.trial")


class TrialFailed(Exception):
    """A candidate that crashed, hung or could not be loaded."""


@dataclass
class Runner:
    """The candidates by number; number 0 is what the others are compared with."""

    setup: Setup
    threads: Sequence[int]
    child: Child
    _added: dict[int, CompiledKernel] = field(default_factory=dict)
    _ready: bool = False

    def add(self, number: int, kernel: CompiledKernel) -> Checked:
        """Loads a candidate and runs it once. Raises `TrialFailed`; it is forgotten then."""
        self._restore()
        checked = self._ask("add", number, kernel)
        self._added[number] = kernel
        return checked

    def time(self, numbers: Sequence[int], seconds: float) -> dict[int, list[float]]:
        """Nanoseconds of each candidate, one for each thread count. One that fails is left out."""
        try:
            return self._time(list(numbers), seconds)
        except TrialFailed:
            if len(numbers) == 1:
                return {}
        # Somebody crashes after its first run: each alone says who.
        found: dict[int, list[float]] = {}
        for number in numbers:
            found |= self.time([number], seconds / len(numbers))
            if number not in found:
                self._added.pop(number)
        return found

    def _time(self, numbers: list[int], seconds: float) -> dict[int, list[float]]:
        self._restore()
        return self._ask("time", numbers, list(self.threads), seconds, patience=seconds)

    def _restore(self) -> None:
        """Gives a new child what the old one knew."""
        if self._ready:
            return
        self._ask("kernel", self.setup)
        self._ready = True
        for number, kernel in self._added.items():
            self._ask("add", number, kernel)

    def _ask(self, *message: Any, patience: float = 0.0) -> Any:
        try:
            answer = self.child.ask(message, RUN_SECONDS + patience)
        except ChildDied as death:
            self._ready = False
            raise TrialFailed(death.message) from None
        if answer[0] != "ok":
            raise TrialFailed(answer[1])
        return answer[1]
