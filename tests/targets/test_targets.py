"""Targets are data: one file a platform, or an entry point of another distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from tyc.compiler import targets
from tyc.compiler.targets import aarch64_linux_gnu, find
from tyc.runtime.abi import FEATURE_BITS
from tyc.runtime.errors import UserError
from tyc.tools.targets import table

PLATFORMS = ("aarch64-linux-android", "aarch64-linux-gnu", "armv7a-linux-gnueabihf",
             "x86_64-linux-gnu")  # fmt: skip
PLATFORM = replace(aarch64_linux_gnu.PLATFORM, name="my-board", triple="aarch64-unknown-none")
MINE = aarch64_linux_gnu.on(PLATFORM)
NOTHING = None


def mine() -> targets.Family:
    return MINE


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Entry points as if another distribution had declared them."""
    declared: list[EntryPoint] = []
    monkeypatch.setattr(targets, "entry_points", lambda group: declared)
    targets.families.cache_clear()
    yield declared
    monkeypatch.undo()
    targets.families.cache_clear()


def test_platforms_and_their_defaults() -> None:
    assert tuple(targets.families()) == PLATFORMS
    for name, family in targets.families().items():
        assert find(name).platform is family.platform
        assert set(family.features) <= set(FEATURE_BITS), "a library could not check them"
        for cpu in family.cpus:
            assert set(find(name, cpu).features) <= set(family.features)
    assert {row["platform"] for row in table()} == set(PLATFORMS)


def test_features_are_added_and_removed() -> None:
    a55 = find("aarch64-linux-gnu", "cortex-a55", "+i8mm,-dotprod")
    assert a55.features == ("fullfp16", "i8mm")
    assert (a55.vector_bytes, a55.vector_registers) == (16, 32)
    neon = find("armv7a-linux-gnueabihf", "neon")
    assert not neon.fused and neon.pointer_bits == 32
    assert find("armv7a-linux-gnueabihf").fused
    wide = find(cpu="x86-64-v4"), find(cpu="x86-64-v4", features="-avx512f")
    assert [t.vector_bytes for t in wide] == [64, 32]


@pytest.mark.parametrize("value", ["MINE", "mine"])
def test_an_entry_point_adds_a_platform(value: str, entries: list[EntryPoint]) -> None:
    entries.append(EntryPoint("board", f"{__name__}:{value}", targets.GROUP))
    found = targets.families()
    assert tuple(found) == (*PLATFORMS, "my-board")
    assert found["my-board"].find("cortex-a53").triple == "aarch64-unknown-none"


@pytest.mark.parametrize(
    "value, reason", [("NOTHING", "something else"), ("missing", "AttributeError")]
)
def test_an_entry_point_that_gives_no_family(
    value: str, reason: str, entries: list[EntryPoint]
) -> None:
    entries.append(EntryPoint("board", f"{__name__}:{value}", targets.GROUP))
    with pytest.raises(UserError, match=f"entry point must give a Family, got {reason}") as raised:
        targets.families()
    assert "tyc.targets: board" in str(raised.value)


def test_unknown_names_are_refused_with_what_is_known() -> None:
    with pytest.raises(UserError, match=r"target must be one of aarch64-linux-android, .*, host"):
        find("z80")
    with pytest.raises(UserError, match="cpu must be one of native, generic, cortex-a53"):
        find("aarch64-linux-gnu", "znver3")
    with pytest.raises(UserError, match=r"features must be of bf16, dotprod, .* got 'avx2'"):
        find("aarch64-linux-gnu", features="+avx2")
