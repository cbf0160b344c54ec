"""What BERT's masked language model hides: 15 % of the tokens.

Of these 80 % become [MASK], 10 % any token and 10 % stay, since real text has no [MASK].
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import torch

from models.figures import grid

MASK, RANDOM, KEEP = FATES = ("[MASK]", "아무 토큰", "그대로")


def mask_tokens(special: Sequence[bool], seed: int, rate: float = 0.15) -> list[str | None]:
    """Choose what happens to each token.

    Args:
        special: whether each token is one like [CLS], which is never chosen. rate: share chosen, at least one token.

    Returns:
        One of ``FATES`` for a chosen token, None for the others (the loss looks at chosen ones only).
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.tensor([i for i, known in enumerate(special) if not known], dtype=torch.long)
    count = min(len(places), max(1, int(rate * len(places) + 0.5)))
    fates: list[str | None] = [None] * len(special)
    for place in places[torch.randperm(len(places), generator=generator)[:count]].tolist():
        dice = torch.rand((), generator=generator).item()
        fates[place] = MASK if dice < 0.8 else RANDOM if dice < 0.9 else KEEP
    return fates


def draw_masking(figure: go.Figure, tokens: Sequence[str], fates: Sequence[str | None], seed: int, *, row: int,
                 col: int) -> None:
    """Add two rows to ``figure``: the tokens as they were, and as the model reads them; chosen places are lit."""
    generator = torch.Generator().manual_seed(seed)
    others = [token for token in tokens if not token.startswith("[")] or list(tokens)
    shown = []
    for token, fate in zip(tokens, fates, strict=True):
        other = others[int(torch.randint(len(others), (), generator=generator))]
        shown.append({MASK: MASK, RANDOM: other}.get(fate or KEEP, token))
    lit = [float(fate is not None) for fate in fates]
    table = grid([lit, lit], labels=[list(tokens), shown]).update(zmin=0, zmax=2, y=["원래", "모델이 읽는 것"])
    figure.add_trace(table, row=row, col=col)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(showticklabels=False, row=row, col=col)
