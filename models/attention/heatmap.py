"""The picture that every attention demo draws: a row for each token that looks, a column for each it looks at."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from models.figures import grid, pixels

WRITTEN = 100  # 칸이 이보다 많으면 숫자를 쓰지 않는다


def attention_map(figure: go.Figure, weights: Sequence[Sequence[float]], queries: Sequence[str], keys: Sequence[str],
                  *, row: int | None = None, col: int | None = None) -> None:
    """Add one table of weights to ``figure``, its axes named by tokens (a token may occur twice).

    ``weights``: nested lists, (queries, keys), 0 to 1. ``row``, ``col``: the place where ``figure`` has subplots.
    """
    small = len(queries) * len(keys) <= WRITTEN
    table = grid(weights) if small else pixels(weights, colorscale="Blues")
    figure.add_trace(table.update(zmin=0, zmax=1), row=row, col=col)
    where = {} if row is None else {"row": row, "col": col}
    figure.update_xaxes(tickvals=list(range(len(keys))), ticktext=list(keys), **where)
    figure.update_yaxes(tickvals=list(range(len(queries))), ticktext=list(queries), autorange="reversed", **where)
