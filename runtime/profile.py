"""Where the time of a call goes: each step of a module, timed over many runs.

    profile = measure(module, inputs)
    profile.seconds          # of each step: the least of all runs
    profile.run_seconds      # of a whole call, not timed inside: the least of all runs

`sum(seconds) + overhead_seconds + noise_seconds == run_seconds`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tyc.runtime.module import Module

_LEAST_RUNS = 5
_SETTLE_SECONDS = 0.05


@dataclass(frozen=True)
class Profile:
    """The times of a module's steps, in the order of its manifest's `steps`."""

    threads: int
    runs: int
    run_seconds: float
    overhead_seconds: float
    """What a call takes beyond its steps: Python, checks, allocation of outputs."""
    seconds: np.ndarray
    """The least time of each step."""
    clock: np.ndarray
    """The fastest timed run: seconds from its start to the end of each step, 0 at the front."""

    @property
    def noise_seconds(self) -> float:
        """What the fastest run lost to whatever else the machine did."""
        return self.run_seconds - self.overhead_seconds - float(self.seconds.sum())


def measure(module: Module, inputs: Mapping[str, Any], seconds: float = 1.0) -> Profile:
    """Times the steps of a module for about `seconds`, plain calls and timed ones in turns.

    The least time of each is kept: what else the machine does only ever adds.
    """
    _settle(module, inputs)
    least = np.full(len(module.manifest["steps"]), np.iinfo(np.int64).max)
    fastest: np.ndarray | None = None
    run_seconds, overhead, runs = float("inf"), float("inf"), 0
    end = time.perf_counter() + seconds
    while runs < _LEAST_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        module(**inputs)
        run_seconds = min(run_seconds, time.perf_counter() - start)
        start = time.perf_counter()
        times = module.profile(**inputs)
        taken = time.perf_counter() - start
        overhead = min(overhead, taken - float(times[-1] - times[0]) * 1e-9)
        least = np.minimum(least, np.diff(times))
        if fastest is None or times[-1] - times[0] < fastest[-1] - fastest[0]:
            fastest = times
        runs += 1
    assert fastest is not None
    clock = (fastest - fastest[0]) * 1e-9
    # A timed call takes a little longer than a plain one: never more than what there is to explain.
    overhead = min(overhead, max(run_seconds - float(least.sum()) * 1e-9, 0.0))
    return Profile(module.threads, runs, run_seconds, overhead, least * 1e-9, clock)


def _settle(module: Module, inputs: Mapping[str, Any]) -> None:
    """Pages are mapped, clocks are up and threads are awake after some calls."""
    end = time.perf_counter() + _SETTLE_SECONDS
    module(**inputs)
    while time.perf_counter() < end:
        module(**inputs)
