# (no error: a cache is only for speed)
from __future__ import annotations

import numpy as np

from tyc.compiler import cache
from tyc.tools import tyc


def test_a_cache_that_cannot_be_written(model, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TYC_CACHE_DIR", str(tmp_path / "file"))
    library = tmp_path / "small.so"
    assert tyc.run(["compile", str(model), "-o", str(library)]) == 0
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    assert tyc.run(["run", str(library), "--input", f"x={tmp_path}/x.npy"]) == 0
    assert not capsys.readouterr().err


def test_the_substitute_is_one_for_the_process(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TYC_CACHE_DIR", str(tmp_path / "file"))
    assert cache.folder("stubs") == cache.folder("stubs")
    assert cache.folder("stubs").is_dir()
    assert cache.folder("reproducers").parent != cache.folder("stubs").parent
    cache.write("kernels", "abcdef", b"data")
    assert cache.read("kernels", "abcdef") is None
