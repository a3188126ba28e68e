"""The C layer: no warnings, no stray symbols, no finding of a sanitizer, same numbers as Python."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tyc import runtime
from tyc.compiler.schedules import teams
from tyc.runtime import abi, native

HERE = Path(__file__).parent
SANITIZERS = {
    "plain": [],
    "address-undefined": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread"],
}


def cc(arguments: list[str]) -> subprocess.CompletedProcess:
    flags = [*native.CFLAGS, "-Werror", f"-I{native.folder()}"]
    return subprocess.run(["cc", *flags, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("kind", SANITIZERS)
def test_native_program(kind, tmp_path):
    flags = [*SANITIZERS[kind], "-g", "-O1", "-lpthread"]
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    probe = cc([str(tmp_path / "empty.c"), "-o", str(tmp_path / "empty"), *flags])
    if probe.returncode != 0:
        pytest.skip(f"the compiler has no {kind} sanitizer runtime: {probe.stderr[:200]}")
    sources = [str(HERE / "native_test.c"), *map(str, native.sources())]
    built = cc([*sources, "-o", str(tmp_path / "program"), *flags])
    assert built.returncode == 0, built.stderr
    command = [str(tmp_path / "program"), str(tmp_path / "weights")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"\d+ checks\n", ran.stdout)
    assert ran.stderr == ""


def test_header_is_cplusplus_and_can_be_embedded_twice(tmp_path):
    header = native.public_header()
    (tmp_path / "twice.cpp").write_text(header + header + "int main() { return TYC_OK; }\n")
    command = ["c++", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
    ran = subprocess.run([*command, str(tmp_path / "twice.cpp")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_only_names_of_the_model_are_exported(fake):
    nm = subprocess.run(["nm", "-D", "--defined-only", fake], capture_output=True, text=True)
    names = {line.split()[-1] for line in nm.stdout.splitlines()}
    suffixes = ["run", "call", "workspace_bytes", "manifest", "status_message"]
    suffixes += ["executor_create", "executor_destroy", "profile"]
    assert names == {f"fake_{suffix}" for suffix in suffixes}


@pytest.mark.parametrize("target", ["x86_64-linux-gnu.2.17", "aarch64-linux-gnu"])
def test_cross_compiles_and_imports_nothing_but_libc(target, tmp_path):
    extra = native.CFLAGS_AARCH64 if target.startswith("aarch64") else ()
    undefined, defined = set(), set()
    for source in native.sources():
        made = tmp_path / f"{source.stem}.o"
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *native.CFLAGS]
        ran = subprocess.run(
            [*command, "-Werror", *extra, "-c", str(source), "-o", str(made)],
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        symbols = subprocess.run(["nm", made], capture_output=True, text=True).stdout
        for line in symbols.splitlines():
            *_, kind, name = line.split()
            (undefined if kind == "U" else defined).add(name)
    assert {name for name in undefined - defined if name.startswith("_")} == set()
    assert {name for name in undefined if name.startswith("tyc_")} <= defined


def _enum(header: str, prefix: str) -> dict[str, int]:
    text = (native.folder() / header).read_text()
    return {name: int(value) for name, value in re.findall(rf"\b{prefix}(\w+) = (\d+)", text)}


def test_numbers_are_those_of_the_header():
    public = _enum("tyc.h", "TYC_")
    expected = {name.upper(): code for name, code in abi.DTYPE_CODES.items()}
    assert public == expected | abi.STATUS_CODES
    text = native.public_header() + (native.folder() / "model.h").read_text()
    defines = dict(re.findall(r"#define (TYC_\w+) (\d+)", text))
    assert defines == {
        "TYC_ABI_VERSION": str(abi.ABI_VERSION),
        "TYC_ALIGNMENT": str(abi.ALIGNMENT),
        "TYC_MODEL_EXTERNAL_WEIGHTS": str(abi.EXTERNAL_WEIGHTS),
        "TYC_MODEL_MAX_TENSORS": str(abi.MODEL_MAX_TENSORS),
    }


def test_features_are_those_of_the_header():
    text = (native.folder() / "cpu.h").read_text()
    rows = re.findall(r"(TYC_CPU_\w+) = (\d+),? +/\* (\S+) \*/", text)
    assert {feature: int(bit) for _, bit, feature in rows} == abi.FEATURE_BITS
    table = (native.folder() / "cpu.c").read_text()
    assert all(re.search(rf"[\[{{]{name}[\],]", table) for name, _, _ in rows)


def test_features_are_those_that_linux_reports(objects, tmp_path):
    source = tmp_path / "features.c"
    source.write_text(
        '#include <stdio.h>\n#include "cpu.h"\n'
        'int main(void) { printf("%llu", (unsigned long long)tyc_cpu_features()); return 0; }\n'
    )
    assert cc([str(source), *objects, "-o", str(tmp_path / "features")]).returncode == 0
    output = subprocess.run([str(tmp_path / "features")], capture_output=True, text=True).stdout
    renamed = {"sse4.2": "sse4_2", "bmi": "bmi1", "lzcnt": "abm", "avx512vnni": "avx512_vnni"}
    renamed |= {"avx512bf16": "avx512_bf16", "avxvnni": "avx_vnni"}
    flags = re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    if flags is None:
        pytest.skip("/proc/cpuinfo lists no x86 flags")
    known = flags[1].split()
    expected = sum(
        1 << bit for name, bit in abi.FEATURE_BITS.items() if renamed.get(name, name) in known
    )
    assert int(output) == expected


@pytest.mark.parametrize(
    ("struct", "name"), [(abi.TensorType, "tyc_tensor_type"), (abi.Model, "tyc_model")]
)
def test_layouts_are_those_of_the_header(struct, name):
    text = (native.folder() / "model.h").read_text()
    size = re.search(rf"sizeof\({name}\) == (\d+)", text)
    assert size and ctypes.sizeof(struct) == int(size[1])
    offsets = re.findall(rf"offsetof\({name}, (\w+)\) == (\d+)", text)
    assert offsets
    for field, offset in offsets:
        assert getattr(struct, field).offset == int(offset)


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_cost_models_know_the_ranges(fake, threads):
    module = runtime.load(fake, threads=threads)
    executor = ctypes.cast(module._executor, ctypes.POINTER(abi.Executor))
    ranges: list[tuple[int, int]] = []
    task = abi.Task(lambda context, begin, end, worker: ranges.append((begin, end)))
    for count in (2, 7, 8, 9, 31, 32, 100, 1000):
        ranges.clear()
        executor.contents.parallel_for(executor, task, None, count)
        assert sorted(ranges) == [r for share in teams.shares(count, threads) for r in share]
