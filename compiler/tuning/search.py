"""The best choice of one kernel: all candidates a little, the better half longer, and so on.

Measurements are of candidates in turns, the least of many runs counts. The last one standing
replaces the default only where it is faster by more than noise, in two measurements of their own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tyc.compiler import cache, pool
from tyc.compiler.child import Child
from tyc.compiler.kernels import CompiledKernel, KernelSource
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice
from tyc.compiler.targets import Target
from tyc.compiler.tuning.database import Record, key_of
from tyc.compiler.tuning.runner import Runner, TrialFailed, trial_child
from tyc.compiler.tuning.trial import Checked, Setup

MARGIN = 0.02
"""By how much a choice must be faster than the default to be kept."""

TOLERANCE = 1e-4
"""How far a candidate's results may be from the default's, where rounding may change."""

COMPILE_SECONDS = 60.0
_ROUND_SECONDS = 0.3
_BATCH = 8

Report = Callable[[str, int, int], None]


class SearchFailed(Exception):
    """A kernel whose default does not compile, crashes or hangs."""


@dataclass(frozen=True)
class Settings:
    """Where kernels will run, and how much is tried: `trials` choices of a kernel at most, nothing
    new after `deadline`, in `time.monotonic` seconds."""

    target: Target
    options: Options
    threads: tuple[int, ...] = (1,)
    trials: int = 32
    deadline: float = math.inf

    @property
    def is_over(self) -> bool:
        """True after the deadline."""
        return time.monotonic() >= self.deadline


def score(times: Sequence[float]) -> float:
    """The geometric mean over thread counts."""
    return math.exp(sum(math.log(max(t, 1e-3)) for t in times) / len(times))


def search(
    source: KernelSource,
    settings: Settings,
    report: Report | None = None,
    known: Choice | None = None,
    child: Child | None = None,
) -> Record:
    """What is best for a kernel. `known` is tried too: what an earlier search found, perhaps with
    another compiler. `child` measures, or else a process of its own. Raises `SearchFailed` where
    not even the default can be measured.
    """
    own = trial_child() if child is None else child
    try:
        return _Search(replace(source, choice=None), settings, own, report).run(known)
    except (pool.KernelFailure, TrialFailed) as failure:
        raise SearchFailed(str(failure)) from failure
    finally:
        if child is None:
            own.close()


@dataclass
class _Search:
    source: KernelSource
    settings: Settings
    child: Child
    report: Report | None
    runner: Runner | None = None
    choices: list[Choice] = field(default_factory=list)
    compiled: set[bytes] = field(default_factory=set)
    alive: list[int] = field(default_factory=list)
    trials: int = 0

    def run(self, known: Choice | None) -> Record:
        settings = self.settings
        target, options = settings.target, settings.options
        facts = pool.examine(self.source, target, options, settings.trials + 1)
        default = self._compile([self.source])[0]
        if isinstance(default, pool.KernelFailure):
            raise default
        setup = Setup(facts.inputs, facts.outputs, target)
        self.runner = Runner(setup, settings.threads, self.child)
        self.compiled = {default.code}
        # The first choice is the default, which is compiled and cached without a choice.
        rest = [c for c in facts.choices[1:] if c != known]
        self.choices = [facts.choices[0], *([known] if known else []), *rest]
        self.runner.add(0, default)
        self._try_all()
        return self._finish()

    def _compile(
        self, sources: Sequence[KernelSource]
    ) -> list[CompiledKernel | pool.KernelFailure]:
        s = self.settings
        return pool.compile_each(sources, s.target, s.options, None, COMPILE_SECONDS)

    def _try_all(self) -> None:
        """Compiles every choice and runs it once."""
        numbers = list(range(1, len(self.choices)))
        for start in range(0, len(numbers), _BATCH):
            if self.settings.is_over:
                return
            batch = numbers[start : start + _BATCH]
            sources = [replace(self.source, choice=self.choices[n]) for n in batch]
            for number, made in zip(batch, self._compile(sources)):
                self.trials += 1
                if isinstance(made, CompiledKernel) and made.tuned:
                    self._try_one(number, made)
            if self.report is not None:
                self.report(self.source.name, self.trials, len(numbers))

    def _try_one(self, number: int, kernel: CompiledKernel) -> None:
        assert self.runner is not None
        if kernel.code in self.compiled:
            return
        self.compiled.add(kernel.code)
        try:
            checked = self.runner.add(number, kernel)
        except TrialFailed:
            return
        if self._is_right(checked):
            self.alive.append(number)

    def _is_right(self, checked: Checked) -> bool:
        return checked.same_bits if self.settings.options.exact else checked.error <= TOLERANCE

    def _finish(self) -> Record:
        assert self.runner is not None
        alive = self.alive
        while len(alive) > 1:
            times = self._times([0, *alive], _ROUND_SECONDS)
            alive = sorted((n for n in alive if n in times), key=lambda n: score(times[n]))
            alive = alive[: len(alive) // 2]
        default = score(self._times([0], _ROUND_SECONDS / 3).get(0, [math.inf]))
        best, choice = default, None
        if alive:
            pairs = [self._times([0, alive[0]], _ROUND_SECONDS) for _ in range(2)]
            if all(self._is_better(p, alive[0]) for p in pairs):
                default = min(score(p[0]) for p in pairs)
                best = min(score(p[alive[0]]) for p in pairs)
                choice = self.choices[alive[0]]
        return self._record(choice, best, default)

    def _times(self, numbers: list[int], seconds: float) -> dict[int, list[float]]:
        assert self.runner is not None
        return self.runner.time(numbers, max(seconds, 0.02 * len(numbers)))

    def _is_better(self, times: dict[int, list[float]], number: int) -> bool:
        """Faster than the default, and slower at no thread count."""
        if 0 not in times or number not in times:
            return False
        ratios = [ours / theirs for ours, theirs in zip(times[number], times[0])]
        return score(ratios) <= 1 - MARGIN and max(ratios) <= 1 + MARGIN

    def _record(self, choice: Choice | None, best: float, default: float) -> Record:
        s = self.settings
        return Record(
            key=key_of(self.source, s.target, s.options),
            kernel=self.source.name,
            target=s.target.identity,
            choice=choice,
            nanoseconds=best,
            default_nanoseconds=default,
            trials=self.trials,
            space=len(self.choices) - 1,
            compiler=cache.source_digest(),
            threads=s.threads,
        )
