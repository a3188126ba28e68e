"""`NAME_initialize`: the initial values of a step's state, as LLVM IR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.runtime import abi


@dataclass(frozen=True)
class Initial:
    """What is written to an input: bytes of the weights from `offset`, or zeros (no offset)."""

    input: int
    nbytes: int
    offset: int | None


def emit_initialize(name: str, state: Sequence[Initial], external: int | None) -> str:
    """The function that copies the initial values, after it has seen that no pointer is null.

    `external` is the number of the input that has the weights, where they are not in the library.
    """
    wanted = sorted({s.input for s in state} | ({external} if external is not None else set()))
    lines = [
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
        f"define i32 @{name}_initialize(ptr %inputs) {{",
        "  %none = icmp eq ptr %inputs, null",
        "  br i1 %none, label %refuse, label %read",
        "read:",
    ]
    missing = "false"
    for i in wanted:
        lines += [
            f"  %at{i} = getelementptr ptr, ptr %inputs, i64 {i}",
            f"  %input{i} = load ptr, ptr %at{i}",
            f"  %null{i} = icmp eq ptr %input{i}, null",
            f"  %missing{i} = or i1 {missing}, %null{i}",
        ]
        missing = f"%missing{i}"
    lines += [f"  br i1 {missing}, label %refuse, label %write", "write:"]
    weights = "@tyc_weights" if external is None else f"%input{external}"
    for s in state:
        lines += _write(s, weights)
    code = abi.STATUS_CODES["ERROR_ARGUMENT"]
    return "\n".join([*lines, "  ret i32 0", "refuse:", f"  ret i32 {code}", "}"])


def _write(state: Initial, weights: str) -> list[str]:
    to = f"ptr %input{state.input}"
    if state.offset is None:
        return [f"  call void @llvm.memset.p0.i64({to}, i8 0, i64 {state.nbytes}, i1 false)"]
    source = f"%from{state.input}"
    return [
        f"  {source} = getelementptr i8, ptr {weights}, i64 {state.offset}",
        f"  call void @llvm.memcpy.p0.p0.i64({to}, ptr {source}, i64 {state.nbytes}, i1 false)",
    ]
