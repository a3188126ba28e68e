"""The packing of buffers: no two that live together overlap, and little is wasted."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tyc.compiler.planning.memory import ALIGNMENT, Lifetime, largest_live_set, pack
from tyc.compiler.planning.plan import Buffer, Facts, Plan, Step, assign_offsets

lifetimes = st.lists(
    st.builds(
        lambda size, start, length: Lifetime(size, start, start + length),
        st.integers(0, 5000), st.integers(0, 20), st.integers(0, 8),
    ),
    max_size=24,
)  # fmt: skip


@given(lifetimes)
def test_buffers_that_live_together_do_not_overlap(lives):
    offsets, total = pack(lives)
    for i, a in enumerate(lives):
        assert offsets[i] % ALIGNMENT == 0 and offsets[i] + a.reserved <= total
        for j, b in enumerate(lives[:i]):
            if a.overlaps(b) and a.nbytes and b.nbytes:
                low, high = sorted([(offsets[i], a.reserved), (offsets[j], b.reserved)])
                assert low[0] + low[1] <= high[0]
    assert total >= largest_live_set(lives)


def exact(lives: list[Lifetime]) -> int:
    """The smallest arena over all orders of lowest-fit placement, which holds an optimal one."""
    best = None
    for order in permutations(range(len(lives))):
        offsets: dict[int, int] = {}
        for i in order:
            taken = sorted(
                (offsets[j], offsets[j] + lives[j].reserved)
                for j in offsets
                if lives[i].overlaps(lives[j])
            )
            at = 0
            for low, high in taken:
                if at + lives[i].reserved <= low:
                    break
                at = max(at, high)
            offsets[i] = at
        total = max((offsets[i] + lives[i].reserved for i in order), default=0)
        best = total if best is None else min(best, total)
    return best or 0


@given(lifetimes.map(lambda lives: lives[:6]))
def test_small_arenas_are_near_the_optimum(lives):
    assert pack(lives)[1] <= 1.34 * exact(lives)


def chain(sizes: list[int]) -> Plan:
    buffers = [Buffer(sizes[0], "input", 0), *(Buffer(s, "arena") for s in sizes[1:])]
    steps = [Step(f"k{i}", [i], [i + 1]) for i in range(len(sizes) - 1)]
    return Plan(buffers, steps)


def test_a_chain_needs_two_neighbours():
    plan = chain([64, 640, 320, 640, 64])
    assign_offsets(plan)
    assert plan.arena_bytes == plan.peak_live_bytes == 960


def test_in_place_shares_the_bytes():
    plan = chain([64, 640, 640, 640])
    assign_offsets(plan, [Facts([(0, 0)])] * 3)
    assert plan.arena_bytes == 640
    assert len({b.index for b in plan.buffers if b.place == "arena"}) == 1


def test_a_buffer_that_is_read_later_is_not_taken_over():
    plan = chain([64, 640, 640, 640])
    plan.steps[2].inputs.append(1)
    assign_offsets(plan, [Facts([(0, 0)])] * 3)
    assert plan.buffers[1].index != plan.buffers[2].index
