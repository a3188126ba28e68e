"""A profile as one web page that needs nothing else: the figures, plotly's own script, a table."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from tyc.runtime.errors import UserError
from tyc.tools.profiling import Row, origin_text, time_text

FIGURES = ("timeline", "roofline", "memory", "graph")
"""Ids of the page's figures, in order."""

_TITLES = {
    "timeline": "Timeline",
    "roofline": "Roofline",
    "memory": "Memory",
    "graph": "Graph",
}
_NOTES = {
    "timeline": "One run, the fastest: each bar is a kernel call, its colour how near it comes to "
    "the roof. Drag to zoom, double-click to see all.",
    "roofline": "Each kernel by the work that it does for a byte; what it can reach at most is the "
    "roof of the level of memory that holds its bytes. FLOPs are those of its meaning: one that "
    "needs fewer, as Winograd's, may stand above.",
    "memory": "The workspace as it was planned: each rectangle is a buffer, from the step that "
    "writes it to the last one that reads it.",
    "graph": "Kernel calls in the order of their dependences, coloured by their time.",
}
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 1240px;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .2rem 0 .6rem; color: #555; }
dl { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 0; }
dl div { border: 1px solid #ddd; border-radius: 6px; padding: .5rem .9rem; }
dt { color: #666; font-size: .8rem; } dd { margin: 0; font-size: 1.1rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #eee;
         font-variant-numeric: tabular-nums; white-space: nowrap; }
th { border-bottom: 2px solid #ccc; } th.text, td.text { text-align: left; }
td.origin { max-width: 26rem; overflow: hidden; text-overflow: ellipsis; }
"""
"""How the pages of tools look."""


def require_plotly() -> None:
    """Raises `UserError` where the plotting library is missing."""
    try:
        import plotly  # noqa: F401
    except ImportError:
        raise UserError(
            "needs the package plotly, which is not installed",
            node="--html",
            hint="pip install 'tyc[profile]'",
        ) from None


def page(facts: dict[str, Any]) -> str:
    """The page of what `tyc profile` measured."""
    from plotly.offline import get_plotlyjs

    from tyc.tools import profile_figures as figures
    from tyc.tools.graph_layout import layout

    manifest, steps = facts["manifest"], facts["steps"]
    made = {
        "timeline": figures.timeline(steps, facts["profile"]),
        "roofline": figures.roofline(facts["kernels"], facts["limits"]),
        "memory": figures.memory(manifest),
        "graph": figures.graph(layout(manifest["steps"], manifest["buffers"]), steps),
    }
    sections = []
    for name in FIGURES:
        body = made[name].to_html(
            full_html=False, include_plotlyjs=False, include_mathjax=False, div_id=name,
            config={"displaylogo": False, "responsive": True},
        )  # fmt: skip
        title, note = _TITLES[name], _NOTES[name]
        sections.append(f"<section><h2>{title}</h2><p>{note}</p>{body}</section>")
    name = escape(manifest["name"])
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<link rel="icon" href="data:,">',
            f"<title>{name}: profile</title><style>{STYLE}</style>",
            f"<script>{get_plotlyjs()}</script></head><body>",
            _summary(facts), *sections, _table(facts["kernels"]), "</body></html>", "",
        ]
    )  # fmt: skip


def _summary(facts: dict[str, Any]) -> str:
    from tyc.tools.console import size_text

    manifest, profile, limits = facts["manifest"], facts["profile"], facts["limits"]
    flops = sum(r.flops for r in facts["steps"])
    run, inside = profile.run_seconds, max(float(profile.seconds.sum()), 1e-12)
    peak = limits.flops_per_second
    cells = {
        "run": time_text(run),
        "in kernels": time_text(inside),
        "overhead": time_text(profile.overhead_seconds),
        "noise": time_text(profile.noise_seconds),
        "rate in kernels": f"{flops / inside / 1e9:.1f} GFLOP/s",
        "of the peak": f"{flops / inside / peak * 100:.0f} %",
        "workspace": size_text(manifest["memory"]["workspace_bytes"]),
        "weights": size_text(manifest["memory"]["weights_bytes"]),
    }
    items = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in cells.items())
    target = manifest["target"]
    about = (
        f"tyc {manifest['tyc_version']}, {target['cpu']}, threads: {profile.threads}, "
        f"{len(facts['steps'])} calls of {len(facts['kernels'])} kernels, "
        f"least times of {profile.runs} runs"
    )
    return f"<h1>{escape(manifest['name'])}</h1><p>{escape(about)}</p><dl>{items}</dl>"


_COLUMNS = ("kernel", "calls", "µs", "% of time", "GFLOP/s", "GB/s", "% of roof", "in", "from")
_TEXT = {"kernel", "in", "from"}


def _table(kernels: list[Row]) -> str:
    head = "".join(f'<th class="{"text" if c in _TEXT else ""}">{c}</th>' for c in _COLUMNS)
    return (
        "<section><h2>Kernels</h2><p>Times are of all calls; the limit is the roof of the level of "
        "memory that holds a call's bytes.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_line, kernels))}</tbody>"
        "</table></section>"
    )


def _line(row: Row) -> str:
    numbers = [
        row.calls, f"{row.seconds * 1e6:,.1f}", f"{row.share * 100:.1f}",
        f"{row.flops_per_second / 1e9:.1f}", f"{row.bytes_per_second / 1e9:.1f}",
        f"{row.of_limit * 100:.0f}",
    ]  # fmt: skip
    title = escape("\n".join(row.origins), quote=True)
    return (
        f'<tr><td class="text">{escape(row.kernel)}</td>'
        + "".join(f"<td>{n}</td>" for n in numbers)
        + f'<td class="text">{row.level}</td>'
        + f'<td class="text origin" title="{title}">{escape(origin_text(row.origins))}</td></tr>'
    )


def write_page(facts: dict[str, Any], output: Path) -> None:
    """Writes the page, whole or not at all."""
    from tyc.tools.compile import write_whole

    write_whole(output, page(facts).encode())
