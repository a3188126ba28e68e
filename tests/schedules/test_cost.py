"""When a kernel is split among threads: by what the target's figures say of its time."""

from __future__ import annotations

import dataclasses

import pytest

from tyc.compiler.codegen.model import is_parallel
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.schedules import cost
from tyc.compiler.targets import find

TARGET = find(cpu="znver3")


def kernel(flops: int = 0, moved: int = 0, count: int = 16) -> CompiledKernel:
    """A kernel without code."""
    return CompiledKernel("k", b"", count, flops=flops, bytes=moved)


def test_time_is_the_longer_of_arithmetic_and_memory() -> None:
    arithmetic = cost.alone(1 << 20, 0, TARGET)
    memory = cost.alone(0, 1 << 20, TARGET)
    assert cost.alone(1 << 20, 1 << 20, TARGET) == max(arithmetic, memory)


@pytest.mark.parametrize("size", ["l1_bytes", "l2_bytes", "l3_bytes"])
def test_a_byte_costs_more_where_a_cache_does_not_hold_the_data(size: str) -> None:
    held = getattr(TARGET, size)
    assert cost.alone(0, 2 * held, TARGET) > 2.2 * cost.alone(0, held, TARGET)


def test_wider_vectors_break_even_later() -> None:
    work = 1 << 18
    assert cost.alone(work, 0, find(cpu="znver4")) < cost.alone(work, 0, TARGET)


def test_kernels_below_the_break_even_run_on_one_thread() -> None:
    assert not is_parallel(kernel(flops=20_000), TARGET)
    assert is_parallel(kernel(flops=1_000_000), TARGET)
    assert not is_parallel(kernel(moved=16_000), TARGET)
    assert is_parallel(kernel(moved=1_000_000), TARGET)


def test_one_item_is_never_split() -> None:
    assert not is_parallel(kernel(flops=1 << 30, count=1), TARGET)


def test_an_odd_number_of_items_gains_less() -> None:
    time = 2.5 * TARGET.costs.split_nanoseconds
    assert cost.pays_to_split(time, 2, TARGET)
    assert not cost.pays_to_split(time, 3, TARGET)


def test_a_dear_call_moves_the_break_even() -> None:
    dear = dataclasses.replace(TARGET.costs, split_nanoseconds=1e6)
    assert not is_parallel(kernel(flops=1_000_000), dataclasses.replace(TARGET, costs=dear))
