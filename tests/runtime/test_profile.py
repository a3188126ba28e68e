"""Timing the steps of a library: what is measured, and what a run that is not timed pays."""

from __future__ import annotations

import numpy as np
import pytest

from tyc import runtime
from tyc.runtime.profile import measure

X = np.arange(1000, dtype=np.float32).reshape(10, 100)


def test_clock_goes_on_from_step_to_step(module):
    times = module.profile(X, bias=1)
    assert times.shape == (2,) and times.dtype == np.int64
    assert 0 < times[0] <= times[1]


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_and_overhead_are_the_run(fake, threads):
    profile = measure(runtime.load(fake, threads), {"x": X, "bias": 1}, seconds=0.01)
    assert profile.threads == threads and profile.runs >= 5
    assert profile.seconds.shape == (1,) and profile.clock.shape == (2,)
    assert profile.clock[0] == 0 and profile.clock[1] >= profile.seconds[0] > 0
    assert profile.overhead_seconds >= 0
    total = profile.seconds.sum() + profile.overhead_seconds + profile.noise_seconds
    assert total == pytest.approx(profile.run_seconds)


def test_arguments_are_checked_as_those_of_a_call(module):
    with pytest.raises(runtime.UserError, match="takes 2 inputs"):
        module.profile(X)
