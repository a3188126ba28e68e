"""The README's table of what is supported, from the registries: `python -m tyc.tools.dev.readme`.

In: the registries of ops and of ONNX operators. Out: README.md, new between its two markers; with
`--check`, exit status 1 where it is not current.
"""

from __future__ import annotations

import sys

from tyc.tools import ops
from tyc.tools.dev import project

BEGIN, END = "<!-- generated: ops -->", "<!-- end generated -->"
README = project.ROOT / "README.md"

# A reader knows these words; each is one or several family files in `dialects/ty`.
GROUPS = {
    "elementwise": ("elementwise", "transcendental", "logic", "activations"),
    "contraction": ("contraction", "convolution", "transposed_convolution", "attention"),
    "pooling": ("pooling", "average_pooling"),
    "reduction": ("reduction",),
    "normalisation": ("normalization", "channel_normalization"),
    "movement": ("movement", "padding", "creation", "vision"),
    "indexing": ("indexing", "positions", "scattering"),
    "recurrence": ("recurrent", "gated_recurrent"),
    "quantisation, random": ("quantization", "random"),
}


def table() -> str:
    """The generated part of the README."""
    rows = ops.table()
    families = {f for names in GROUPS.values() for f in names}
    lines = [
        "| ops | what | how many | with gradient | from ONNX | x86-64 |",
        "|---|---|---|---|---|---|",
    ]
    groups = [*GROUPS.items()]
    if others := sorted({r.family for r in rows} - families):
        groups.append(("others", tuple(others)))
    for name, members in groups:
        found = [r for r in rows if r.family in members]
        if found:
            lines.append(_line(name, found))
    lines += ["", _summary(rows)]
    return "\n".join(lines)


def _line(name: str, rows: list[ops.OpRow]) -> str:
    shown = ", ".join(f"`{r.name}`" for r in _examples(rows))
    more = ", ..." if len(rows) > 4 else ""
    counts = [
        len(rows),
        sum(bool(r.gradient) for r in rows),
        sum(bool(r.onnx) for r in rows),
        sum(bool(r.targets) for r in rows),
    ]
    return f"| {name} | {shown}{more} | {' | '.join(map(str, counts))} |"


def _examples(rows: list[ops.OpRow]) -> list[ops.OpRow]:
    """Four of a group, spread over it."""
    step = max(len(rows) // 4, 1)
    return rows[::step][:4]


def _summary(rows: list[ops.OpRow]) -> str:
    count = len([n for n in ops.onnx_operators() if "." not in n])
    return (
        f"{len(rows)} ops (`tyc ops` lists them one by one), {count} ONNX operators by rules of"
        " their own, others by function bodies.\nElement types: f32, f64, f16, bf16, i1, signed and"
        " unsigned integers of 8 to 64 bits."
    )


def refreshed(text: str) -> str:
    """The README's text with a current table."""
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


def main() -> int:
    """Writes the README, or with `--check` compares it."""
    text = README.read_text()
    current = refreshed(text)
    if "--check" in sys.argv[1:]:
        return int(current != text)
    README.write_text(current)
    return 0


if __name__ == "__main__":
    sys.exit(main())
