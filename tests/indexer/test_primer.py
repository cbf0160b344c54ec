"""What ships lends its words: to which questions, which words, and never with another encoder's vectors."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from indexer.build import Entry, build
from indexer.chunker import chunk_note
from indexer.encoder import EmbeddedEncoder
from indexer.index import Index, Weights
from indexer.notes import read_notes
from indexer.primer import Blend, Known, Lent, Primer
from indexer.tokens import TokenStore, TokenVectors
from indexer.types import Note
from tests.fakes import FakeEncoder, FakeTokenEncoder

EDGES = Known("k1", ("윤곽선", "필터", "커널", "찾다"), (("테두리", "따다"), ("가장자리", "창")))
SLEEP = Known("k2", ("드롭아웃", "뉴런", "끄다", "확률"), (("쉬다", "일꾼"),))


def asked(*tokens: str) -> dict[str, float]:
    return dict.fromkeys(tokens, 1.0)


def test_the_passage_of_a_like_question_lends_its_words_and_not_the_questions() -> None:
    lent = Primer([EDGES, SLEEP]).lend(asked("테두리"), None, None).words
    assert set(lent) == {"윤곽선", "필터", "커널", "찾다"}
    assert all(weight > 0 for weight in lent.values())


def test_the_nearer_passage_lends_more() -> None:
    lent = Primer([EDGES, SLEEP]).lend(asked("테두리", "따다", "쉬다"), None, None).words
    assert lent["윤곽선"] > lent["드롭아웃"] > 0


def test_a_question_like_none_of_them_is_lent_nothing() -> None:
    assert Primer([EDGES, SLEEP]).lend(asked("김치찌개"), None, None) == Lent()


def test_it_says_what_a_question_is_about_and_how_surely() -> None:
    edges = replace(EDGES, tokens=(*EDGES.tokens, "§필터", "§필터", "§커널"))
    sleep = replace(SLEEP, tokens=(*SLEEP.tokens, "§드롭아웃"))
    about = Primer([edges, sleep]).lend(asked("테두리", "따다", "쉬다"), None, None).about
    assert list(about) == ["§필터", "§드롭아웃"]
    assert about["§필터"] > about["§드롭아웃"] > 0
    assert sum(about.values()) == pytest.approx(1)
    both = Primer([edges, replace(sleep, tokens=edges.tokens)]).lend(asked("테두리", "쉬다"), None, None).about
    assert both == {"§필터": pytest.approx(1)}


def test_passages_without_a_term_are_about_nothing() -> None:
    assert Primer([EDGES, SLEEP]).lend(asked("테두리"), None, None).about == {}


def test_it_lends_the_mean_of_what_is_near_and_without_vectors_none() -> None:
    vectors = np.eye(2, 4, dtype=np.float32)
    lent = Primer([EDGES, SLEEP], vectors).lend(asked("테두리", "쉬다"), None, None).vector
    assert lent is not None
    assert lent.sum() == pytest.approx(1) and lent[0] > 0 and lent[1] > 0
    assert Primer([EDGES, SLEEP]).lend(asked("테두리"), None, None).vector is None


def test_vectors_and_tokens_find_what_words_do_not() -> None:
    vectors = np.eye(2, 4, dtype=np.float32)
    tokens = [TokenVectors.of(v[None], np.ones(1)) for v in vectors]
    primer = Primer([EDGES, SLEEP], vectors, TokenStore.of([t.vectors for t in tokens]), blend=Blend(keyword=1, passage=1, tokens=1))
    np.testing.assert_allclose(primer.nearness(asked("김치찌개"), vectors[1], tokens[1]), [0, 2 / 3], atol=0.01)
    assert max(primer.lend({}, vectors[1], None).words.items(), key=lambda pair: pair[1])[0] in SLEEP.tokens


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    encoder = FakeTokenEncoder()
    texts = ["윤곽선을 찾는 필터", "뉴런을 끄는 드롭아웃"]
    vectors, made = encoder.encode_tokens(texts, kind="passage")
    Primer([EDGES, SLEEP], vectors, TokenStore.of([m.vectors for m in made])).save(tmp_path, {"encoder": encoder.fingerprint})
    loaded = Primer.load(encoder, tmp_path)
    assert [(p.key, p.tokens, p.questions) for p in loaded.passages] == [(p.key, p.tokens, p.questions) for p in (EDGES, SLEEP)]
    for known, vector, tokens in zip((EDGES, SLEEP), vectors, made, strict=True):
        np.testing.assert_allclose(loaded.embedded()[known.key][0], vector, atol=0.02)
        np.testing.assert_array_equal(loaded.embedded()[known.key][1], tokens.vectors)


@pytest.fixture(scope="module")
def encoder() -> EmbeddedEncoder:
    return EmbeddedEncoder()


def test_the_primer_that_ships_knows_every_passage_of_the_notes_that_ship(encoder: EmbeddedEncoder) -> None:
    notes = [n for n in read_notes(Path(str(files("corpus").joinpath("notes")))) if isinstance(n, Note)]
    keys = {Entry(chunk, ()).key for note in notes for chunk in chunk_note(note)}
    known = Primer.load(encoder).embedded()
    assert len(keys) > 500
    assert keys == set(known), "the notes, the chunker or the encoder changed: run python -m indexer.training primer"


def test_its_vectors_are_those_the_encoder_makes(encoder: EmbeddedEncoder) -> None:
    note = next(n for n in read_notes(Path(str(files("corpus").joinpath("notes")))) if isinstance(n, Note))
    known = Primer.load(encoder).embedded()
    for chunk in list(chunk_note(note))[:3]:
        vector, tokens = known[Entry(chunk, ()).key]
        (made,), (made_tokens,) = encoder.encode_tokens([chunk.searched], kind="passage")
        np.testing.assert_allclose(vector, made, atol=0.01)
        assert np.abs(tokens.astype(int) - made_tokens.vectors).max() <= 8


def test_with_another_encoder_it_goes_by_words_alone() -> None:
    primer = Primer.load(FakeEncoder())
    assert primer.embedded() == {}
    assert primer.lend(asked("테두리"), None, None).words


def test_indexing_the_notes_that_ship_embeds_nothing(encoder: EmbeddedEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("dropout.md", "convolution.md"):
        (folder / name).write_bytes(files("corpus").joinpath(f"notes/{name}").read_bytes())
    assert build(folder, tmp_path / "index", encoder=encoder).embedded == 0


def test_everyday_words_find_a_note_that_shares_none_of_them(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "vision.md").write_text("# CNN\n\n## 스트라이드\n\n필터를 옮기는 간격(stride). 2이면 특징 맵이 반으로 준다.\n", "utf-8")
    (notes / "rnn.md").write_text("# RNN\n\n## 은닉 상태\n\n앞 시점의 기억을 다음 시점에 넘긴다.\n", "utf-8")
    (notes / "other.md").write_text("# 기타\n\n## 회의\n\n다음 주 발표 순서를 정한다.\n", "utf-8")
    encoder = FakeEncoder()
    build(notes, tmp_path / "index", encoder=encoder)
    index = Index.open(tmp_path / "index", encoder=encoder)
    primer_only = Weights(keyword=1, coverage=0, vector=0, concept=0, concept_unnamed=0, primer=1, primer_unnamed=1)
    first = index.search("작은 창을 몇 칸씩 건너뛰며 훑어?", weights=primer_only).results[0]
    assert first.chunk.path == "vision.md"
    assert first.parts["primer"] == 1.0
