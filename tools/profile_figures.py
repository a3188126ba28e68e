"""The figures of a profile, by plotly: timeline, roofline, memory over the steps, graph with times.

In: the facts that `tyc profile` measured. Out: `plotly.graph_objects.Figure`s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from tyc.runtime.profile import Profile
from tyc.tools.graph_layout import Layout, whole_of
from tyc.tools.profiling import Row, time_unit
from tyc.tools.roofline import Roofline

_HEAT = "YlOrRd"
_OF_ROOF = [[0, "#d73027"], [0.5, "#fee08b"], [1, "#1a9850"]]
_FONT = {"family": "system-ui, sans-serif", "size": 12}


def kind(kernel: str) -> str:
    """A kernel's name without its digest: the ops in it."""
    return re.sub(r"_[0-9a-f]{10}$", "", kernel)


def byte_unit(nbytes: float) -> tuple[str, float]:
    """The unit in which a size is read easily, and its bytes."""
    for name, size in (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10)):
        if nbytes >= size:
            return name, size
    return "B", 1.0


def _colors(scale: Any, values: Sequence[float]) -> list[str]:
    """Colours of values from 0 to 1. Bars get colours: plotly.js warns of each number there."""
    return [str(c) for c in sample_colorscale(scale, list(values))] if values else []


def _color_bar() -> dict[str, Any]:
    bar = {"title": {"text": "% of roof"}, "thickness": 12}
    return {"color": [0], "cmin": 0, "cmax": 100, "colorscale": _OF_ROOF, "colorbar": bar}


def _hover(row: Row, number: int) -> str:
    unit, scale = time_unit(row.seconds)
    work = f"{row.flops_per_second / 1e9:.1f} GFLOP/s, {row.bytes_per_second / 1e9:.1f} GB/s"
    origin = row.origins[0] or "no origin"
    return (
        f"<b>step {number}: {row.kernel}</b><br>{origin}<br>"
        f"{row.seconds * scale:.3g} {unit}, {row.share * 100:.1f} % of the time<br>"
        f"{work}<br>{row.of_limit * 100:.0f} % of the roof ({row.level})"
    )


def _dressed(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        font=_FONT,
        height=height,
        margin={"l": 70, "r": 20, "t": 20, "b": 50},
        hoverlabel={"align": "left"},
        showlegend=False,
        **layout,
    )
    return figure


def timeline(steps: Sequence[Row], profile: Profile) -> go.Figure:
    """The steps of the fastest run, a line for each kind of kernel, the busiest one on top."""
    unit, scale = time_unit(float(profile.clock[-1]))
    busy: dict[str, float] = {}
    for row in steps:
        busy[kind(row.kernel)] = busy.get(kind(row.kernel), 0.0) + row.seconds
    order = sorted(busy, key=lambda k: busy[k])
    total = sum(busy.values()) or 1.0
    labels = {k: f"{k[:32]}  {busy[k] / total * 100:.0f} %" for k in order}
    lines = [labels[k] for k in order]
    starts, ends = profile.clock[:-1], profile.clock[1:]
    bars = go.Bar(
        orientation="h",
        y=[labels[kind(r.kernel)] for r in steps],
        base=(starts * scale).tolist(),
        x=((ends - starts) * scale).tolist(),
        width=0.8,
        marker={
            "color": _colors(_OF_ROOF, [min(r.of_limit, 1.0) for r in steps]),
            "line": {"width": 0.5, "color": "white"},
        },
        hovertext=[_hover(r, i) for i, r in enumerate(steps)],
        hoverinfo="text",
    )
    figure = _dressed(go.Figure(bars), max(26 * len(order) + 90, 180), barmode="overlay")
    figure.add_scatter(x=[None], y=lines[:1], marker=_color_bar(), hoverinfo="skip")
    figure.update_xaxes(title=f"time in one run ({unit})", range=[0, profile.clock[-1] * scale])
    figure.update_yaxes(categoryorder="array", categoryarray=lines, automargin=True)
    return figure


def roofline(kernels: Sequence[Row], limits: Roofline) -> go.Figure:
    """Kernels by FLOPs a byte and FLOP/s, under the roofs of each level of memory."""
    shown = [r for r in kernels if r.flops and r.bytes and r.seconds]
    peak, slope = limits.flops_per_second, limits.levels[-1].bytes_per_second
    intensities = [r.flops / r.bytes for r in shown]
    left, right = min([*intensities, 0.1]) / 2, max([*intensities, peak / slope]) * 4
    slowest = min((r.flops_per_second for r in shown), default=peak)
    floor = min(slowest, left * slope) / 1e9 / 1.5
    figure = go.Figure()
    _roofs(figure, limits, left, right)
    figure.add_scatter(
        x=intensities,
        y=[r.flops_per_second / 1e9 for r in shown],
        mode="markers",
        marker={
            "size": [7 + 45 * r.share**0.5 for r in shown],
            "color": [r.share * 100 for r in shown],
            "colorscale": _HEAT,
            "cmin": 0,
            "opacity": 0.85,
            "line": {"width": 1, "color": "#444"},
            "colorbar": {"title": {"text": "% of time"}, "thickness": 12},
        },
        hovertext=[_kernel_hover(r) for r in shown],
        hoverinfo="text",
    )
    figure = _dressed(figure, 480)
    fastest = max((r.flops_per_second for r in shown), default=peak)
    top = max(peak * 3, fastest * 1.5) / 1e9
    across, up = [log10(left), log10(right)], [log10(floor), log10(top)]
    figure.update_xaxes(type="log", title="FLOP per byte", range=across, dtick=1)
    figure.update_yaxes(type="log", title="GFLOP/s", range=up, dtick=1)
    return figure


def _roofs(figure: go.Figure, limits: Roofline, left: float, right: float) -> None:
    """The line of each level up to the peak, and the peak."""
    peak = limits.flops_per_second
    for level, dash in zip(limits.levels, ("dot", "dashdot", "dash", "solid")):
        rate = level.bytes_per_second
        figure.add_scatter(
            x=[left, peak / rate], y=[left * rate / 1e9, peak / 1e9], mode="lines",
            line={"color": "#777", "width": 1.5, "dash": dash}, hoverinfo="skip",
        )  # fmt: skip
        figure.add_annotation(
            x=log10(left), y=log10(left * rate / 1e9), xanchor="left", showarrow=False,
            bgcolor="white", borderpad=1, font={"size": 11, "color": "#555"},
            text=f"{level.name} {rate / 1e9:.0f} GB/s",
        )  # fmt: skip
    nearest = min(peak / v.bytes_per_second for v in limits.levels)
    figure.add_scatter(
        x=[nearest, right], y=[peak / 1e9] * 2, mode="lines", hoverinfo="skip",
        line={"color": "#333", "width": 2},
    )  # fmt: skip
    figure.add_annotation(
        x=1, xref="paper", y=log10(peak / 1e9), yshift=24, xanchor="right", showarrow=False,
        text=f"peak {peak / 1e9:.0f} GFLOP/s",
    )  # fmt: skip


def _kernel_hover(row: Row) -> str:
    unit, scale = time_unit(row.seconds)
    return (
        f"<b>{row.kernel}</b> called {row.calls} x<br>{row.origins[0]}<br>"
        f"{row.seconds * scale:.3g} {unit}, {row.share * 100:.1f} % of the time<br>"
        f"{row.flops_per_second / 1e9:.1f} GFLOP/s, {row.bytes_per_second / 1e9:.1f} GB/s<br>"
        f"{row.of_limit * 100:.0f} % of the roof ({row.level})"
    )


def memory(manifest: dict[str, Any]) -> go.Figure:
    """The workspace: each buffer a rectangle of its bytes x the steps in which it is live."""
    steps, buffers = manifest["steps"], manifest["buffers"]
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, step in enumerate(steps):
        for b in (whole_of(x, buffers) for x in (*step["inputs"], *step["outputs"])):
            if buffers[b][1] == "arena":
                first.setdefault(b, i)
                last[b] = i
    arena = manifest["memory"]["workspace_bytes"]
    unit, size = byte_unit(arena)
    live = list(first)
    largest = max((buffers[b][0] for b in live), default=1)
    names = {whole_of(b, buffers): s["kernel"] for s in steps for b in s["outputs"]}
    bars = go.Bar(
        x=[(first[b] + last[b]) / 2 for b in live],
        width=[last[b] - first[b] + 1 for b in live],
        base=[buffers[b][2] / size for b in live],
        y=[buffers[b][0] / size for b in live],
        marker={
            "color": _colors("Blues", [0.3 + 0.6 * buffers[b][0] / largest for b in live]),
            "line": {"width": 1, "color": "white"},
        },
        hovertext=[
            f"<b>buffer {b} of {names[b]}</b><br>{buffers[b][0] / size:.4g} {unit} at "
            f"{buffers[b][2] / size:.4g} {unit}<br>steps {first[b]} to {last[b]}"
            for b in live
        ],
        hoverinfo="text",
    )
    figure = _dressed(go.Figure(bars), 420, barmode="overlay")
    figure.add_hline(
        y=arena / size, line={"color": "#b2182b", "width": 1.5, "dash": "dash"},
        annotation_text=f"workspace {arena / size:.4g} {unit}", annotation_position="bottom right",
    )  # fmt: skip
    figure.update_xaxes(title="step", range=[-0.7, len(steps) - 0.3])
    figure.update_yaxes(title=f"offset in the workspace ({unit})", rangemode="tozero")
    return figure


def graph(layout: Layout, steps: Sequence[Row]) -> go.Figure:
    """The steps as nodes, coloured by their time, in the order of their dependences."""
    figure = go.Figure()
    xs, ys, sizes = [], [], []
    for path in layout.edges:
        xs += [*(x for x, _ in path), None]
        ys += [*(-y for _, y in path), None]
        sizes += [*([0] * (len(path) - 1)), 7, 0]
    figure.add_scatter(
        x=xs, y=ys, mode="lines+markers", hoverinfo="skip",
        line={"color": "#b8b8b8", "width": 1.2, "shape": "spline"},
        marker={"symbol": "arrow", "angleref": "previous", "size": sizes, "color": "#999",
                "opacity": 1},
    )  # fmt: skip
    longest = max((r.seconds for r in steps), default=1e-6)
    unit, scale = time_unit(longest)
    figure.add_scatter(
        x=[x for x, _ in layout.nodes],
        y=[-y for _, y in layout.nodes],
        mode="markers+text",
        marker={
            "symbol": "square", "size": 20, "line": {"width": 1, "color": "#555"},
            "color": [r.seconds * scale for r in steps], "colorscale": _HEAT, "cmin": 0,
            "colorbar": {"title": {"text": unit}, "thickness": 12, "lenmode": "pixels",
                         "len": min(240, 72 * layout.height), "y": 1, "yanchor": "top"},
        },
        text=[_label(r) for r in steps],
        textposition="bottom center",
        textfont={"size": 9},
        hovertext=[_hover(r, i) for i, r in enumerate(steps)],
        hoverinfo="text",
    )  # fmt: skip
    figure = _dressed(figure, int(72 * layout.height) + 60)
    figure.update_xaxes(visible=False, range=[-0.7, layout.width - 0.3])
    figure.update_yaxes(visible=False, range=[-layout.height + 0.3, 0.7])
    figure.update_layout(margin={"l": 20, "r": 20, "t": 20, "b": 20})
    return figure


def _label(row: Row) -> str:
    name = kind(row.kernel)
    unit, scale = time_unit(row.seconds)
    short = name if len(name) <= 14 else f"{name[:13]}…"
    return f"{short}<br>{row.seconds * scale:.3g} {unit}"
