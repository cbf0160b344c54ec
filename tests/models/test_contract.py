"""What every concept owes its reader: names in two languages, a demo that runs on any allowed value, code that runs, a note."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import yaml

from models import catalogue
from models.catalogue import concepts
from models.concept import Concept, ConceptError, Control, Demo, Value

LISTED = """
tensor_shape tensor_indexing broadcasting tensor_products reduction reshape joining scatter column_space projection geometry

linear_layer neuron mlp linear_regression logistic_regression softmax_classification losses gradient_descent saddle_point
backpropagation vanishing_gradient activation training_loop minibatch dataloader optimizers lr_schedule data_split overfitting
regularization dropout data_normalization weight_initialization batch_norm normalization_layers ensemble bayes
transfer_learning multitask checkpoint

image_transforms convolution conv1d grouped_convolution dilated_convolution receptive_field pooling cnn lenet alexnet inception
vgg resnet vit

rnn char_rnn time_series lstm gru truncated_bptt word_embedding padding_packing seq2seq beam_search

attention self_attention multi_head_attention positional_encoding causal_mask feed_forward transformer bert

rbm dbn autoencoder gan simclr dqn

tokenization language_model rag prompting hallucination
"""
SLUGS = LISTED.split()

KOREAN = re.compile("[가-힣]")
LATIN = re.compile("[A-Za-z]")
CARTESIAN = {"scatter", "scattergl", "bar", "heatmap", "histogram", "histogram2d", "contour", "box", "violin", "waterfall"}
each = pytest.mark.parametrize("slug", SLUGS)


@cache
def shown(slug: str) -> Demo:
    return concepts()[slug].run()


def squeezed(name: str) -> str:
    return re.sub(r"[\s\-_]+", "", name.lower())


def test_every_concept_is_there_and_no_other() -> None:
    assert sorted(concepts()) == sorted(SLUGS)
    assert len(SLUGS) == 84


def test_no_two_concepts_share_a_name() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for concept in concepts().values():
        for name in (concept.title, concept.slug, *concept.aliases):
            owners[squeezed(name)].add(concept.slug)
    assert {name: slugs for name, slugs in owners.items() if len(slugs) > 1} == {}


@each
def test_the_concept_is_named_in_korean_and_in_english(slug: str) -> None:
    concept = concepts()[slug]
    names = (concept.title, *concept.aliases)
    assert any(KOREAN.search(name) for name in names)
    assert any(LATIN.search(name) and not KOREAN.search(name) for name in names)
    assert KOREAN.search(concept.summary), "the summary is Korean"
    assert all(name.strip() == name != "" for name in names)
    assert all(catalogue.get(name) is concept for name in (*names, slug))


@each
def test_the_controls_can_be_shown(slug: str) -> None:
    concept = concepts()[slug]
    assert concept.controls
    assert len({c.name for c in concept.controls}) == len({c.label for c in concept.controls}) == len(concept.controls)
    for control in concept.controls:
        assert control.label.strip()
        assert control.check(control.default) == control.default
        if control.pattern:
            assert re.compile(control.pattern).groups == 1
        if control.kind == "number":
            assert control.high is not None
            assert control.low is not None
            assert control.low < control.high


def wrong(control: Control) -> list[tuple[Any, str]]:
    """Values that a control must refuse, each with what the message has to name."""
    match control.kind:
        case "choice":
            return [("없는 것", control.choices[-1]), (None, control.choices[0])]
        case "switch":
            return [("아마", "true"), (2, "false")]
        case "text":
            return [("", str(control.max_length)), ("가" * (control.max_length + 1), str(control.max_length))]
        case _:
            assert control.low is not None
            assert control.high is not None
            return [(control.low - 1, f"{control.low:g}"), (control.high + 1, f"{control.high:g}"), ("많이", "숫자"),
                    (math.nan, "수"), (math.inf, "수"), (None, "숫자"), *([(control.low + 0.5, "정수")] * control.integer)]


@each
def test_a_wrong_value_is_refused_with_its_bound(slug: str) -> None:
    concept = concepts()[slug]
    for control in concept.controls:
        for value, named in wrong(control):
            with pytest.raises(ConceptError, match=re.escape(named)) as caught:
                concept.run({control.name: value})
            assert KOREAN.search(str(caught.value))
            assert control.name in str(caught.value)
    with pytest.raises(ConceptError, match=f"'nowhere'.*{concept.controls[0].name}"):
        concept.run({"nowhere": 1})


def plotted(figure: go.Figure) -> dict[str, Any]:
    """The figure as JSON without nan, checked to be what plotly reads back."""
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in a figure")

    drawn = json.loads(figure.to_json(), parse_constant=refuse)
    go.Figure(drawn)
    return drawn


def unnamed_axes(drawn: dict[str, Any]) -> list[str]:
    """The axes with ticks that do not say what they count."""
    out = []
    for letter in "xy":
        used = {trace.get(f"{letter}axis", letter) for trace in drawn["data"] if trace.get("type", "scatter") in CARTESIAN}
        for name in sorted(f"{letter}axis{reference[1:]}" for reference in used):
            axis = drawn["layout"].get(name, {})
            hidden = axis.get("visible") is False or axis.get("showticklabels") is False
            if not hidden and not axis.get("title", {}).get("text"):
                out.append(name)
    return out


@each
def test_the_demo_shows_a_figure_numbers_and_text(slug: str) -> None:
    demo = shown(slug)
    for figure in (demo.figure, demo.detail):
        if figure is None:
            continue
        drawn = plotted(figure)
        assert drawn["data"], "nothing is drawn"
        assert KOREAN.search(drawn["layout"]["title"]["text"])
        assert unnamed_axes(drawn) == []
        assert len(json.dumps(drawn)) < 600_000, "too large to send to a browser"
    assert KOREAN.search(demo.text)
    assert_plain(demo)


def assert_plain(demo: Demo) -> None:
    assert demo.numbers
    for name, value in demo.numbers.items():
        assert type(value) in (int, float, str, bool), f"{name} is a {type(value)}"
        assert not (isinstance(value, float) and math.isnan(value)), f"{name} is nan"


def test_most_numbers_are_named_in_korean() -> None:
    for slug in SLUGS:
        names = list(shown(slug).numbers)
        assert any(KOREAN.search(name) for name in names), f"{slug}: {names}"


def assert_same(first: Any, again: Any, where: str) -> None:
    """Equal, up to the last digits of float32, which depend on where an allocation happens to lie in memory."""
    match first:
        case dict():
            assert first.keys() == again.keys(), where
            for key in first:
                assert_same(first[key], again[key], f"{where}.{key}")
        case list() | tuple():
            assert len(first) == len(again), where
            for i, (one, other) in enumerate(zip(first, again, strict=True)):
                assert_same(one, other, f"{where}[{i}]")
        case np.ndarray():
            np.testing.assert_allclose(first, again, rtol=1e-3, atol=1e-4, err_msg=where)
        case float():
            assert first == pytest.approx(again, rel=1e-3, abs=1e-4, nan_ok=False), where
        case str():
            assert re.sub(r"\d[\d.,e-]*", "#", first) == re.sub(r"\d[\d.,e-]*", "#", again), where
        case _:
            assert first == again, where


@each
def test_the_same_seed_gives_the_same_demo(slug: str) -> None:
    first, again = shown(slug), concepts()[slug].run()
    assert again.code == first.code
    assert_same(dict(first.numbers), dict(again.numbers), "numbers")
    assert_same(first.text, again.text, "text")
    assert_same(first.figure.to_dict(), again.figure.to_dict(), "figure")
    assert (first.detail is None) == (again.detail is None)
    if first.detail is not None and again.detail is not None:
        assert_same(first.detail.to_dict(), again.detail.to_dict(), "detail")


def ends(control: Control) -> tuple[Value, ...]:
    """The values between which a control moves."""
    match control.kind:
        case "number":
            assert control.low is not None
            assert control.high is not None
            return (control.check(control.low), control.check(control.high))
        case "choice":
            return control.choices
        case "switch":
            return (False, True)
        case _:
            return (control.default, "가", "x" * control.max_length, "1", "(2, 3)", "1, 2; 3, 4")


def corners(concept: Concept) -> list[dict[str, Value]]:
    """Settings that together put every control at each of its ends; one that has been at all of them rests."""
    out = []
    for turn in range(max(len(ends(c)) for c in concept.controls)):
        corner: dict[str, Value] = {}
        for i, control in enumerate(concept.controls):
            values = ends(control)
            corner[control.name] = values[(turn + i) % len(values)] if turn < len(values) else control.default
        out.append(corner)
    return out


def run_at(concept: Concept, params: dict[str, Value]) -> bool:
    """Whether the demo ran with ``params``; where it refuses, it does so in Korean."""
    try:
        demo = concept.run(params)
    except ConceptError as error:
        assert KOREAN.search(str(error)), f"{concept.slug} {params}: {error}"
        return False
    assert_plain(demo)
    plotted(demo.figure)
    return True


@each
def test_the_demo_runs_with_every_control_at_its_ends(slug: str) -> None:
    concept = concepts()[slug]
    for corner in corners(concept):
        if not run_at(concept, corner):  # values that do not fit each other: each by itself, then
            for name, value in (corner.items() - concept.defaults().items()):
                run_at(concept, {name: value})


def test_the_code_of_every_demo_runs_as_it_stands(tmp_path: Path) -> None:
    codes = {slug: shown(slug).code for slug in SLUGS}
    (tmp_path / "codes.json").write_text(json.dumps(codes), "utf-8")
    runner = (
        "import contextlib, io, json, sys, traceback, torch\n"
        "torch.set_num_threads(1)\n"
        "for slug, code in json.load(open('codes.json', encoding='utf-8')).items():\n"
        "    said, wrong = io.StringIO(), ''\n"
        "    torch.set_default_dtype(torch.float32)\n"
        "    try:\n"
        "        with contextlib.redirect_stdout(said):\n"
        "            exec(compile(code, slug, 'exec'), {'__name__': '__main__'})\n"
        "    except BaseException:\n"
        "        wrong = traceback.format_exc(limit=-2)\n"
        "    print(json.dumps([slug, said.getvalue(), wrong]), flush=True)\n")
    done = subprocess.run([sys.executable, "-I", "-c", runner], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [slug for slug, _, _ in rows] == SLUGS, done.stderr
    assert {slug: wrong for slug, _, wrong in rows if wrong} == {}
    assert [slug for slug, said, _ in rows if not said.strip()] == [], "these print nothing"


@each
def test_the_code_stands_alone(slug: str) -> None:
    assert not re.search(r"^\s*(?:from|import)\s+(?:models|indexer|app)\b", shown(slug).code, re.MULTILINE)


@each
def test_the_concept_has_a_note_that_names_it(slug: str) -> None:
    text = files("corpus").joinpath(f"notes/{slug}.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["slug"] == facts["demo"] == slug
    assert {"title", "aliases", "source"} <= facts.keys()
    assert body.lstrip().startswith("# ")
    assert KOREAN.search(body)


def test_every_note_belongs_to_a_concept() -> None:
    assert sorted(p.name.removesuffix(".md") for p in files("corpus").joinpath("notes").iterdir() if p.name.endswith(".md")) \
        == sorted(SLUGS)


@each
def test_questions_about_other_things_are_not_computed(slug: str) -> None:
    for computation in concepts()[slug].computations:
        for question in ("", "???", "오늘 날씨 어때?", "이 개념이 뭐야?", "2024년 12월 25일", "왜 쓰나요? 설명해 주세요."):
            assert computation.parse(question) is None, f"{computation.name} reads {question!r}"
