"""The one timeline as a Plotly figure: six rows over one axis of virtual seconds.

A plain dictionary, as Plotly's JavaScript takes it. Colours are names of CSS variables ("var(--bad)"), which the page
puts in by the reader's light or dark scheme. States differ by pattern as well as by colour.
"""

from collections.abc import Sequence
from typing import Any

from blackstart.domain.judgement import Band, Judgement, Timeline

GAP_PX = 30
MARGIN_PX = {"l": 52, "r": 14, "t": 46, "b": 46}
LANE_PX = 21
LOOKS: dict[str, tuple[str, str]] = {
    "healthy": ("var(--calm)", ""),
    "initial": ("var(--warm)", "."),
    "unhealthy": ("var(--bad)", "x"),
    "draining": ("var(--warm)", "/"),
    "unused": ("var(--faint)", "-"),
    "unavailable": ("var(--faint)", "-"),
    "OK": ("var(--calm)", ""),
    "ALARM": ("var(--alarm)", "x"),
    "INSUFFICIENT_DATA": ("var(--faint)", "."),
}
"""State: (colour, hatching)."""


def figure(judgement: Judgement) -> dict[str, Any]:
    """`data` and `layout`; layout.height is in pixels and grows with the targets and alarms."""
    timeline, speed = judgement.timeline, judgement.speed
    targets, alarms = _lanes(timeline, "target"), _lanes(timeline, "alarm")
    rows: list[tuple[str, int, list[dict[str, Any]], dict[str, Any]]] = [
        ("Requests per second (wall clock)", 72, _traffic(timeline, speed), _FROM_ZERO),
        (f"Bad requests in each {timeline.bucket_s:g} s", 76, _errors(timeline), _FROM_ZERO),
        ("Latency of answers, ms (wall clock)", 96, _latency(timeline), _FROM_ZERO),
        ("Healthy targets", 76, _healthy(timeline), _count_axis(timeline)),
        ("Targets", LANE_PX * max(1, len(targets)), _bars(timeline, "target"), _lane_axis(targets)),
        ("Alarms", LANE_PX * max(1, len(alarms)), _bars(timeline, "alarm"), _lane_axis(alarms)),
    ]
    inner_px = sum(row[1] for row in rows) + GAP_PX * (len(rows) - 1)
    layout = _layout(timeline, inner_px)
    data: list[dict[str, Any]] = []
    top_px = 0.0
    for number, (title, height_px, traces, axis) in enumerate(rows, start=1):
        suffix = "" if number == 1 else str(number)
        top, bottom = 1 - top_px / inner_px, 1 - (top_px + height_px) / inner_px
        layout[f"yaxis{suffix}"] = _AXIS | axis | {"domain": [max(0.0, bottom), top], "anchor": "x"}
        layout["annotations"].append(_title(title, top))
        data += [trace | {"yaxis": f"y{suffix}", "xaxis": "x"} for trace in traces]
        top_px += height_px + GAP_PX
    layout["xaxis"]["anchor"] = f"y{len(rows)}"
    return {"data": data, "layout": layout}


_AXIS: dict[str, Any] = {
    "fixedrange": True,
    "gridcolor": "var(--grid)",
    "zeroline": False,
    "nticks": 4,
    "automargin": True,
}
_FROM_ZERO: dict[str, Any] = {"rangemode": "tozero"}


def _layout(timeline: Timeline, inner_px: float) -> dict[str, Any]:
    start_s = min((band.start_s for band in timeline.bands), default=0.0)
    title = "virtual seconds since the injection" if timeline.injected_s is not None else "virtual seconds"
    return {
        "height": inner_px + MARGIN_PX["t"] + MARGIN_PX["b"],
        "margin": MARGIN_PX,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink)", "size": 12, "family": "system-ui, sans-serif"},
        "showlegend": False,
        "barmode": "overlay",
        "bargap": 0.32,
        "hovermode": "closest",
        "dragmode": "zoom",
        "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
        "xaxis": {
            "range": [start_s, timeline.end_s],
            "gridcolor": "var(--grid)",
            "zeroline": False,
            "title": {"text": title, "standoff": 8},
        },
        "shapes": _shapes(timeline),
        "annotations": _phase_names(timeline),
    }


def _title(text: str, top: float) -> dict[str, Any]:
    return {
        "text": f"<b>{text}</b>",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11.5, "color": "var(--muted)"},
    }


def _shapes(timeline: Timeline) -> list[dict[str, Any]]:
    """The fault's band, the borders of the phases, the moment of the injection."""
    shapes = []
    for band in timeline.bands:
        whole = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
        if band.lane == "fault":
            end_s = timeline.end_s if band.end_s is None else band.end_s
            shapes.append(whole | {"type": "rect", "x0": band.start_s, "x1": end_s, "fillcolor": "var(--fault)"})
        if band.lane == "phase":
            line = {"color": "var(--line)", "width": 1, "dash": "dot"}
            shapes.append(whole | {"type": "line", "x0": band.start_s, "x1": band.start_s, "line": line})
    if timeline.injected_s is not None:
        line = {"color": "var(--bad)", "width": 1.5}
        at = {"x0": timeline.injected_s, "x1": timeline.injected_s, "y0": 0, "y1": 1}
        shapes.append({"type": "line", "xref": "x", "yref": "paper", "line": line, **at})
    return shapes


def _phase_names(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "text": band.label.upper(),
            "xref": "x",
            "yref": "paper",
            "x": (band.start_s + (timeline.end_s if band.end_s is None else band.end_s)) / 2,
            "y": 1,
            "yshift": 24,
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11, "color": "var(--bad)" if band.label == "fault" else "var(--muted)"},
        }
        for band in timeline.bands
        if band.lane == "phase"
    ]


def _middles(timeline: Timeline) -> list[float]:
    return [bucket.at_s + timeline.bucket_s / 2 for bucket in timeline.traffic]


def _traffic(timeline: Timeline, speed: float) -> list[dict[str, Any]]:
    bucket_real_s = timeline.bucket_s / speed
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": _middles(timeline),
            "y": [round(bucket.requests / bucket_real_s, 2) for bucket in timeline.traffic],
            "line": {"color": "var(--traffic)", "width": 1.5, "shape": "hvh"},
            "fill": "tozeroy",
            "fillcolor": "var(--traffic-fill)",
            "hovertemplate": "%{y:.0f} requests/s at %{x:.0f} s<extra></extra>",
        }
    ]


def _errors(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar",
            "x": _middles(timeline),
            "y": [bucket.bad for bucket in timeline.traffic],
            "customdata": [bucket.requests for bucket in timeline.traffic],
            "width": timeline.bucket_s,
            "marker": {"color": "var(--bad)"},
            "hovertemplate": "%{y} of %{customdata} bad at %{x:.0f} s<extra></extra>",
        }
    ]


def _latency(timeline: Timeline) -> list[dict[str, Any]]:
    def line(name: str, values: Sequence[float | None], look: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": _middles(timeline),
            "y": [None if value is None else round(value, 2) for value in values],
            "line": look,
            "hovertemplate": name + " %{y:.1f} ms at %{x:.0f} s<extra></extra>",
        }

    p50 = [bucket.latency_p50_ms for bucket in timeline.traffic]
    p99 = [bucket.latency_p99_ms for bucket in timeline.traffic]
    return [
        line("p99", p99, {"color": "var(--latency)", "width": 1.6}),
        line("p50", p50, {"color": "var(--traffic)", "width": 1.6, "dash": "dot"}),
    ]


def _healthy(timeline: Timeline) -> list[dict[str, Any]]:
    steps = [*timeline.healthy, *((timeline.end_s, count) for _, count in timeline.healthy[-1:])]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [at_s for at_s, _ in steps],
            "y": [count for _, count in steps],
            "line": {"color": "var(--good)", "width": 2.2, "shape": "hv"},
            "hovertemplate": "%{y} healthy from %{x:.1f} s<extra></extra>",
        }
    ]


def _count_axis(timeline: Timeline) -> dict[str, Any]:
    """From zero to a little over the most, ticks on whole numbers."""
    most = max((count for _, count in timeline.healthy), default=1)
    return {"range": [0, most * 1.12 or 1], "dtick": max(1, round(most / 3))}


def _lanes(timeline: Timeline, lane: str) -> list[str]:
    """Labels of a lane, the first at the top (Plotly counts from the bottom)."""
    return list(dict.fromkeys(band.label for band in timeline.bands if band.lane == lane))[::-1]


def _lane_axis(labels: Sequence[str]) -> dict[str, Any]:
    if not labels:
        return {"visible": False}
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(labels),
        "nticks": 0,
        "showgrid": False,
        "range": [-0.5, len(labels) - 0.5],
        "tickfont": {"size": 10.5},
    }


def _bars(timeline: Timeline, lane: str) -> list[dict[str, Any]]:
    """One trace a state, so that each has its colour and its hatching."""
    states = dict.fromkeys(band.state for band in timeline.bands if band.lane == lane)
    return [_bar(timeline, [b for b in timeline.bands if b.lane == lane and b.state == state]) for state in states]


def _bar(timeline: Timeline, bands: Sequence[Band]) -> dict[str, Any]:
    colour, hatching = LOOKS.get(bands[0].state, ("var(--faint)", ""))
    ends_s = [timeline.end_s if band.end_s is None else band.end_s for band in bands]
    spans = [f"{band.start_s:.0f} s to {end_s:.0f} s" for band, end_s in zip(bands, ends_s, strict=True)]
    pattern = {"shape": hatching, "fillmode": "overlay", "size": 5, "solidity": 0.22, "fgcolor": "var(--card)"}
    return {
        "type": "bar",
        "orientation": "h",
        "name": bands[0].state,
        "y": [band.label for band in bands],
        "base": [band.start_s for band in bands],
        "x": [end_s - band.start_s for band, end_s in zip(bands, ends_s, strict=True)],
        "customdata": list(zip(spans, [band.note for band in bands], strict=True)),
        "marker": {"color": colour, "pattern": pattern, "line": {"width": 0}},
        "hovertemplate": f"%{{y}}: {bands[0].state}<br>%{{customdata[0]}}<br>%{{customdata[1]}}<extra></extra>",
    }
