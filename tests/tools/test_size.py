"""`tyc size`: every byte of a library has its row, whatever machine it is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from artifact_models import compile_model

from tyc.compiler.options import Options
from tyc.compiler.targets import find
from tyc.runtime.errors import UserError
from tyc.tools import size, size_page


@pytest.mark.parametrize("platform", ["host", "armv7a-linux-gnueabihf"])
@pytest.mark.parametrize("strip", [False, True], ids=["whole", "stripped"])
def test_rows_add_up_to_the_file(platform: str, strip: bool, tmp_path: Path) -> None:
    path = tmp_path / "vision.so"
    compile_model("vision", path, Options(strip=strip), find(platform))
    rows = size.table(path)
    assert sum(n for *_, n in rows) == path.stat().st_size
    assert all(n >= 0 for *_, n in rows)
    parts = size.totals(rows)
    assert ("code" in parts) == strip == ("kernels" not in parts)
    assert parts["weights"] > 0
    if not strip:
        assert 0 < parts["runtime"] < 12_000  # 16 KB with its texts


def test_page_has_the_kernels_and_not_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "chain.so"
    compile_model("chain", path)
    rows = size.table(path)
    text = size_page.page("chain.so", rows)
    kernel = next(name for part, name, _ in rows if part == "kernels")
    assert f"kernels\\u002f{kernel}" in text and '"weights"' not in text


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    path.write_bytes(b"MZ")
    with pytest.raises(UserError, match="must be a little-endian ELF file"):
        size.table(path)
    with pytest.raises(UserError, match="must be a readable file"):
        size.table(tmp_path / "b.so")
    compile_model("chain", path)
    path.with_suffix(".json").unlink()
    with pytest.raises(UserError, match=r"manifest must stand beside it, got no a\.json"):
        size.table(path)
