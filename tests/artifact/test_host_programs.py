"""C programs that include the generated header, link the library and call it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from artifact_models import MODELS, Built, compile_model
from host_programs import cc, run_driver

from tyc import runtime
from tyc.compiler.options import Options

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]

PROGRAM = """
#include "{name}.h"
#include <stdio.h>
#include <stdlib.h>

{buffers}
int main(void) {{
    size_t bytes = {name}_workspace_bytes();
    void *workspace = aligned_alloc(TYC_ALIGNMENT, (bytes + 63) / 64 * 64 + 64);
    {name}_inputs inputs = {{{inputs}}};
    {name}_outputs outputs = {{{outputs}}};
    tyc_executor *executor = NULL;
    tyc_status status = {name}_executor_create(2, &executor);
{reads}
    if (status == TYC_OK) status = {name}_run(&inputs, &outputs, workspace, executor);
    if (status != TYC_OK) {{
        fputs({name}_status_message(status), stderr);
        return 1;
    }}
{writes}
    {name}_executor_destroy(executor);
    free(workspace);
    return 0;
}}
"""
_TYPES = {"float32": "float", "int32": "int32_t", "int64": "int64_t"}


def _program(built: Built) -> str:
    sides = {"x": built.inputs, "y": built.wanted}
    all_arrays = [(f"{side}{i}", a) for side, arrays in sides.items() for i, a in enumerate(arrays)]
    names = {side: [n for n, _ in all_arrays if n[0] == side] for side in sides}
    buffers = [f"_Alignas(64) static {_TYPES[a.dtype.name]} {n}[{a.size}];" for n, a in all_arrays]
    reads = [f"    if (fread({n}, sizeof {n}, 1, stdin) != 1) return 2;" for n in names["x"]]
    writes = [f"    fwrite({n}, sizeof {n}, 1, stdout);" for n in names["y"]]
    return PROGRAM.format(
        name=built.name,
        buffers="\n".join(buffers),
        inputs=", ".join(f".{n} = {n}" for n in names["x"]),
        outputs=", ".join(f".{n} = {n}" for n in names["y"]),
        reads="\n".join(reads),
        writes="\n".join(writes),
    )


def _bytes(result: object) -> bytes:
    arrays = result if isinstance(result, tuple) else [result]
    return b"".join(np.asarray(a).tobytes() for a in arrays)


def test_a_c_program_gets_the_bytes_that_python_gets(built: Built, tmp_path: Path) -> None:
    (tmp_path / "host.c").write_text(_program(built))
    folder = built.path.parent
    flags = [*STRICT, f"-I{folder}", f"-Wl,-rpath,{folder}"]
    cc([*flags, tmp_path / "host.c", built.path, "-o", tmp_path / "host"])
    inputs = b"".join(a.tobytes() for a in built.inputs)
    done = subprocess.run([tmp_path / "host"], input=inputs, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == _bytes(runtime.load(built.path, threads=2)(*built.inputs))


def test_the_header_is_c_and_cplusplus_alone(built: Built, tmp_path: Path) -> None:
    header = built.path.with_suffix(".h")
    text = f'#include "{header}"\n#include "{header}"\nint main(void) {{ return 0; }}\n'
    for suffix, command in ((".c", ["cc", *STRICT]), (".cpp", ["c++", *STRICT[1:]])):
        source = tmp_path / f"alone{suffix}"
        source.write_text(text)
        done = subprocess.run(
            [*command, "-fsyntax-only", str(source)], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_run_allocates_nothing(models: dict[str, Built], tmp_path: Path) -> None:
    for built in models.values():
        result = runtime.load(built.path, threads=1)(*built.inputs)
        (tmp_path / f"{built.name}.outputs").write_bytes(_bytes(result))
    done = run_driver(list(models.values()), tmp_path, ["-DCOUNT_ALLOCATIONS"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("name", list(MODELS))
def test_weights_beside_the_library(models: dict[str, Built], name: str, tmp_path: Path) -> None:
    import safetensors.numpy

    made = compile_model(name, tmp_path / f"{name}.so", Options(weights="external"))
    wanted = _bytes(runtime.load(models[name].path, threads=2)(*made.inputs))
    assert _bytes(runtime.load(made.path, threads=2)(*made.inputs)) == wanted

    tensors = safetensors.numpy.load_file(made.path.with_suffix(".safetensors"))
    total = sum(t.nbytes for t in tensors.values())
    assert total == runtime.load(made.path).manifest["memory"]["weights_bytes"]
    assert sum(w.nbytes for w in MODELS[name].weights.values()) <= total

    (tmp_path / f"{name}.outputs").write_bytes(wanted)
    done = run_driver([made], tmp_path, rounds=4)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
