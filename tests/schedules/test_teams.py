"""What cost models count on is what the executor does."""

from __future__ import annotations

from tyc.compiler.schedules import teams


def test_shares_are_halved():
    first, second = teams.shares(32, 2)
    assert first == [(0, 8), (8, 12), (12, 16)]
    assert second == [(16, 24), (24, 28), (28, 32)]


def test_few_items_are_a_share_each():
    assert teams.shares(3, 8) == [[(0, 1)], [(1, 2)], [(2, 3)]]
    assert teams.shares(0, 4) == []
    assert teams.shares(100, 1) == [[(0, 100)]]
