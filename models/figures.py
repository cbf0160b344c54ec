"""Plotly layout shared by the demos: one look, Korean titles, labelled axes."""

from __future__ import annotations

import html
import unicodedata

import plotly.graph_objects as go

BLUE, RED, GREEN, GREY, GOLD, PURPLE = "#2563eb", "#dc2626", "#16a34a", "#94a3b8", "#d97706", "#7c3aed"
COLORS = (BLUE, RED, GREEN, GOLD, PURPLE, "#0891b2", "#db2777", "#4d7c0f")


def titled(figure: go.Figure, title: str, x: str, y: str, *, height: int = 420) -> go.Figure:
    """Give ``figure`` its Korean title and the names of its axes (all of them, where it has subplots); returns it."""
    figure.update_layout(title=title, height=height, template="plotly_white", margin={"l": 60, "r": 20, "t": 60, "b": 50},
                         legend={"orientation": "h", "y": -0.2})
    figure.for_each_xaxis(lambda axis: axis.update(title_text=axis.title.text or x))
    figure.for_each_yaxis(lambda axis: axis.update(title_text=axis.title.text or y))
    return figure


def grid(values, *, labels=None, colorscale: str | list[list[object]] = "Blues", showscale: bool = False) -> go.Heatmap:
    """A matrix drawn as cells, row 0 on top once the y axis is reversed (``autorange="reversed"``), each with its value.

    ``values``: nested lists, (rows, columns). ``labels``: texts to write instead of the values.
    """
    rows = [[float(v) for v in row] for row in values]
    text = labels if labels is not None else [[f"{v:g}" if v == int(v) else f"{v:.2f}" for v in row] for row in rows]
    return go.Heatmap(z=rows, text=text, texttemplate="%{text}", colorscale=colorscale, showscale=showscale,
                      xgap=2, ygap=2, hoverinfo="x+y+text")


def pixels(values, *, colorscale: str = "Greys_r", middle: float | None = None) -> go.Heatmap:
    """A matrix drawn as an image without numbers in its cells (three digits kept, so that the figure stays small).

    ``values``: tensor or nested lists, (rows, columns). ``middle``: the value that takes the colour in the middle.
    """
    rows = values.tolist() if hasattr(values, "tolist") else values
    return go.Heatmap(z=[[float(f"{v:.3g}") for v in row] for row in rows], colorscale=colorscale, zmid=middle,
                      showscale=False)


def prose(text: str, width: int | None = None) -> str:
    """A text as a table cell shows it: its line breaks kept, its ``<`` not taken for a tag.

    ``width``: columns after which a line is broken (a Hangul letter takes two). Plotly breaks only texts of one line.
    """
    lines = text.split("\n") if width is None else [part for line in text.split("\n") for part in broken(line, width)]
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def broken(line: str, width: int) -> list[str]:
    """``line`` in parts of at most ``width`` columns, cut at blanks where there are any; at least one part."""
    parts, part, taken, blank = [], "", 0, 0
    for letter in line:
        size = columns(letter)
        if part and taken + size > width:
            cut = blank or len(part)
            parts.append(part[:cut].rstrip())
            part = part[cut:]
            taken, blank = columns(part), 0
        part += letter
        taken += size
        if letter == " ":
            blank = len(part)
    return [*parts, part]


def columns(text: str) -> int:
    """The columns that ``text`` takes where a Hangul letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
