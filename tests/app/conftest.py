"""A real index over a few notes, and the whole application (without the chat) started over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.answer import Answerer
from app.api import create_app
from app.settings import Settings
from tests.app.doors import serving

STUDY_NOTES = {
    "규제/드롭아웃.md": (
        "---\ntitle: 드롭아웃\ndate: 2025-03-01\n---\n# 드롭아웃\n\n"
        "드롭아웃(dropout)은 학습할 때 뉴런을 확률 p로 끄는 규제 기법이다. 과적합을 줄인다.\n\n"
        "## 추론\n\n추론할 때는 모든 뉴런을 켜 둔다.\n"
    ),
    "활성화/softmax.md": (
        "# 소프트맥스\n\n소프트맥스(softmax)는 점수를 합이 1인 확률로 바꾸는 함수이다.\n\n"
        "$$p_i = \\frac{e^{z_i}}{\\sum_j e^{z_j}}$$\n"
    ),
    "비전/합성곱.md": "# 합성곱\n\n합성곱(convolution)은 커널을 옮기며 곱해 더하는 연산이다.\n\n- 스트라이드\n- 패딩\n",
    "순환/lstm.md": "# LSTM\n\nLSTM은 망각 게이트, 입력 게이트, 출력 게이트로 긴 의존성을 기억하는 순환 신경망이다.\n",
}


def study_settings(folder: Path, **given: object) -> Settings:
    """Settings over ``STUDY_NOTES`` with the models that ship."""
    notes = folder / "notes"
    for name, text in STUDY_NOTES.items():
        (notes / name).parent.mkdir(parents=True, exist_ok=True)
        (notes / name).write_text(text, "utf-8")
    return Settings(**{"notes": notes, "index": folder / "index", "keys": folder / "keys.json", **given})


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Answerer:
    """An answerer over a freshly built index of ``STUDY_NOTES``."""
    answerer = Answerer(study_settings(tmp_path_factory.mktemp("study")))
    answerer.build()
    return answerer


@pytest.fixture(scope="session")
def study_server(study: Answerer) -> Iterator[str]:
    """The address of a started server over ``study``."""
    with serving(create_app(study.settings, answerer=study, ui=False)) as address:
        yield address
