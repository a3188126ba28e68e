"""`gdb`, `perf` and `addr2line` name the kernel and the model's op; the price of that is small."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from artifact_models import Built, compile_model
from host_programs import cc
from tolerances import assert_close

from tyc.compiler.codegen import debug
from tyc.compiler.codegen.native import task_symbol
from tyc.compiler.options import Options
from tyc.runtime import elf, load
from tyc.runtime.errors import UserError
from tyc.tools import inspect

HOST = """
#include <stdlib.h>
#include "vision.h"
static char memory[4][1 << 20] __attribute__((aligned(64)));
int main(void) {
    vision_inputs in = {(const void *)memory[0]};
    vision_outputs out = {(void *)memory[1]};
    return vision_run(&in, &out, aligned_alloc(64, 1 << 22), NULL);
}
"""


def _llvm(tool: str, *arguments: object) -> str:
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    command = [str(Path(spec.submodule_search_locations[0]) / "bin" / tool), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def vision(models: dict[str, Built]) -> Built:
    return models["vision"]


def _symbols(library: Path) -> dict[str, str]:
    lines = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1]: line.split()[0] for line in lines.splitlines() if " t " in line}


def test_kernels_are_local_symbols(vision):
    manifest = load(vision.path).manifest
    assert {task_symbol(k["name"]) for k in manifest["kernels"]} <= set(_symbols(vision.path))


def test_an_address_in_a_kernel_has_its_name(vision):
    name = load(vision.path).manifest["kernels"][0]["name"]
    place = "0x" + _symbols(vision.path)[task_symbol(name)]
    text = _llvm("llvm-symbolizer", "--functions=short", f"--obj={vision.path}", place)
    assert text.split("\n")[:2] == [name, f"./{name}.mlir:1:0"]


def test_steps_are_inlined_at_their_lines_of_the_manifest(vision):
    text = _llvm("llvm-dwarfdump", "--debug-info", vision.path)
    assert _llvm("llvm-dwarfdump", "--verify", vision.path).rstrip().endswith("No errors.")
    lines = vision.path.with_suffix(".json").read_text().split("\n")
    found = re.findall(
        r'DW_TAG_inlined_subroutine\s+DW_AT_abstract_origin\s+\(\w+ "([^"]*)"\)(.*?)DW_AT_call_line'
        r"\s+\((\d+)\)",
        text, re.S,
    )  # fmt: skip
    steps = load(vision.path).manifest["steps"]
    # Once in the main function, and once in the one that is timed.
    assert len(found) == 2 * len(steps)
    for i, (name, _, line) in enumerate(found):
        step = json.loads(lines[int(line) - 1].rstrip(","))
        assert step == steps[i % len(steps)]
        assert name == (step["origin"] or f"step {i % len(steps)}")


def test_gdb_shows_the_kernel_and_the_op(vision, tmp_path):
    if shutil.which("gdb") is None:
        pytest.skip("needs gdb (apt-get install gdb), which is not installed")
    (tmp_path / "host.c").write_text(HOST)
    cc([f"-I{vision.path.parent}", tmp_path / "host.c", "-o", tmp_path / "host", vision.path,
        f"-Wl,-rpath,{vision.path.parent}"])  # fmt: skip
    steps = load(vision.path).manifest["steps"]
    last = steps[-1]
    commands = ["set debuginfod enabled off", "set breakpoint pending on",
                f"break {last['kernel']}", "run", "backtrace"]  # fmt: skip
    options = [x for c in commands for x in ("-ex", c)]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *options, str(tmp_path / "host")],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    frames = re.findall(r"^#\d+ +(?:0x\w+ in )?(.*)$", done.stdout, re.M)
    if not frames and "ptrace" in done.stderr:
        pytest.skip("gdb may not trace processes here")
    assert frames[0].startswith(f"{last['kernel']} ()"), done.stdout + done.stderr
    assert frames[1].startswith(f"{last['origin'] or f'step {len(steps) - 1}'} ()")
    assert frames[2].startswith("model_main ()") and "vision.json:" in frames[2]
    assert any(f.startswith("main ()") for f in frames)


def test_strip_leaves_nothing_out_that_runs(vision, tmp_path):
    small = compile_model("vision", tmp_path / "vision.so", Options(strip=True))
    sections = subprocess.run(
        ["readelf", "-SW", small.path], capture_output=True, text=True, check=True
    ).stdout
    assert ".symtab" not in sections and ".debug" not in sections
    assert elf.model_name(small.path) == "vision"
    assert load(small.path).manifest == load(vision.path).manifest
    assert b'"steps"' not in small.path.read_bytes()


def test_a_stripped_library_alone_runs_but_has_no_steps(tmp_path):
    small = compile_model("vision", tmp_path / "vision.so", Options(strip=True))
    (tmp_path / "vision.json").unlink()
    module = load(small.path)
    assert_close(np.asarray(module(*small.inputs)), np.asarray(small.wanted[0]))
    with pytest.raises(UserError, match="steps stand in the manifest beside it, got none"):
        module.profile(*small.inputs)
    with pytest.raises(UserError, match="kernels stand in the manifest beside it, got none"):
        inspect.inspect_command(small.path)


def test_a_line_of_python_is_where_its_step_comes_from():
    steps = debug.Steps("m.json", [7, 8], ["/home/x/net.py:12:1", 'onnx:a"b:Conv'])
    function, marks = steps.main("model_main")
    text = steps.text()
    assert function.startswith(" !dbg !") and len(marks) == 2
    assert '!DIFile(filename: "/home/x/net.py"' in text and "scopeLine: 12" in text
    assert 'name: "onnx:a\\22b:Conv"' in text and "scopeLine: 8" in text
