"""Searching one generation: what finds what, and which index is refused."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.errors import IndexMismatchError, IndexMissingError
from indexer.index import Index, Weights
from indexer.primer import Known, Lent, Primer
from indexer.tokens import TokenVectors
from tests.fakes import FakeEncoder

NOTES = {
    "배치 정규화.md": "# 배치 정규화\n\n층의 입력을 미니배치의 평균과 분산으로 고르게 맞춘다. `nn.BatchNorm1d`로 쓴다.\n",
    "드롭아웃.md": "# 드롭아웃\n\n학습할 때 뉴런을 무작위로 끈다. 과적합을 막는다.\n",
    "합성곱.md": "# 합성곱\n\n커널을 입력 위에서 밀며 곱해 더한다. English: convolution.\n",
    "경사하강법.md": "# 경사하강법\n\n기울기의 반대쪽으로 학습률만큼 움직인다.\n",
    "격자.md": "# 나선 격자\n\n나선 격자(Spiral Lattice)는 점을 잇는 그물이다.\n\n나선 격자의 매듭은 여섯 개다.\n",
    unicodedata.normalize("NFD", "자모 노트.md"): unicodedata.normalize("NFD", "# 자모\n\n맥에서 적은 토크나이저 이야기이다.\n"),
}


def write(folder: Path, notes: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in notes.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    build(write(folder / "notes", NOTES), folder / "index", encoder=FakeEncoder())
    return folder / "index"


@pytest.fixture(scope="module")
def index(place: Path) -> Index:
    return Index.open(place, encoder=FakeEncoder())


@pytest.fixture(scope="module")
def keywords(place: Path) -> Index:
    return Index.open(place, encoder=FakeEncoder(), weights=Weights(vector=0, concept=0, concept_unnamed=0))


@pytest.mark.parametrize("question", [
    "BatchNorm1d", "batch normalization", "배치정규화", "배치 정규화는 왜 쓰나요?", "BN", "bn이 뭐야", "Batch-Norm의 뜻", "배치놈",
    "ＢａｔｃｈＮｏｒｍ", unicodedata.normalize("NFD", "배치정규화란?"),
])
def test_every_name_of_batch_normalization_finds_it(keywords: Index, question: str) -> None:
    assert keywords.search(question).results[0].chunk.path == "배치 정규화.md"


@pytest.mark.parametrize(("question", "path"), [
    ("convolutoin이 뭐야?", "합성곱.md"), ("드랍아웃", "드롭아웃.md"), ("과적함 막는 법", "드롭아웃.md"), ("gradient descent", "경사하강법.md"),
    ("드롭아웃은무엇인가요", "드롭아웃.md"), ("과적합을막으려면", "드롭아웃.md"), ("batchnormalization", "배치 정규화.md"),
    ("토크나이저", "자모 노트.md"), (unicodedata.normalize("NFD", "토크나이저는?"), "자모 노트.md"), ("tokenizer", "자모 노트.md"),
])
def test_slips_lost_spaces_and_the_other_language_find_the_note(keywords: Index, question: str, path: str) -> None:
    assert keywords.search(question).results[0].chunk.path == path


@pytest.mark.parametrize("particle", ["", "이", "을", "은", "의", "에서", "으로는", "이란", "에서만은", "이라고"])
def test_particles_do_not_matter(keywords: Index, particle: str) -> None:
    plain, asked = keywords.search("드롭아웃"), keywords.search(f"드롭아웃{particle}")
    assert asked.results[0].chunk.path == "드롭아웃.md"
    assert asked.results[0].score == pytest.approx(plain.results[0].score)


def test_the_vector_leg_follows_the_primer_as_far_as_it_is_told(place: Path) -> None:
    encoder = FakeEncoder()
    dropout = encoder.encode(["드롭아웃 학습할 때 뉴런을 무작위로 끈다 과적합을 막는다"], kind="query")[0]

    class OneTopic(Primer):
        def lend(self, tokens: Mapping[str, float], vector: np.ndarray | None, token_vectors: TokenVectors | None) -> Lent:
            return Lent(vector=dropout)

    def first(feedback: float) -> str:
        index = Index.open(place, encoder=encoder, weights=replace(Weights.only("vector"), feedback=feedback))
        index.__dict__["primer"] = OneTopic([Known("", ("점",), ())])
        return index.search("기울기의 반대쪽으로 학습률만큼 움직인다").results[0].chunk.path

    assert (first(0), first(0.1), first(10)) == ("경사하강법.md", "경사하강법.md", "드롭아웃.md")


def test_names_learned_from_the_notes_find_each_other(keywords: Index) -> None:
    found = keywords.search("spiral lattice")
    assert found.results[0].chunk.path == "격자.md"
    assert found.query.terms == ("§나선격자",)


def test_a_note_is_found_under_its_composed_path_in_any_form(index: Index) -> None:
    for form in ("NFC", "NFD"):
        note = index.note(unicodedata.normalize(form, "자모 노트.md"))
        assert note is not None
        assert note.path == "자모 노트.md"
    assert index.note("없는 노트.md") is None


def test_passages_are_the_files_own_text_at_their_place(index: Index) -> None:
    for chunk in index.chunks:
        note = index.note(chunk.path)
        assert note is not None
        assert note.text[chunk.start : chunk.end] == chunk.text
        assert note.text == {unicodedata.normalize("NFC", k): v for k, v in NOTES.items()}[chunk.path]


def test_scores_fall_from_at_most_one_and_say_which_leg_gave_what(index: Index) -> None:
    results = index.search("드롭아웃은 과적합을 막는다", 4).results
    scores = [r.score for r in results]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1 + 1e-6
    assert len(results) <= 4
    for result in results:
        assert {"keyword", "coverage", "vector"} <= set(result.parts)
        assert all(0 <= result.parts[leg] <= 1 for leg in ("keyword", "coverage", "vector"))


def test_a_leg_without_weight_has_no_say(place: Path, index: Index) -> None:
    question = "커널을 밀며 곱해 더한다"
    vectors_only = index.search(question, weights=Weights.only("vector"))
    encoder = FakeEncoder()
    passages = encoder.encode([c.searched for c in index.chunks], kind="passage")
    cosines = passages @ encoder.encode([question], kind="query")[0]
    assert vectors_only.results[0].chunk == index.chunks[int(cosines.argmax())]
    assert vectors_only.similarity == pytest.approx(float(cosines.max()), abs=1e-5)
    Index.open(place, encoder=encoder, weights=Weights.only("keyword")).search(question)
    assert encoder.asked == [question]  # not asked again where nothing weighs its answer


def test_a_question_of_question_words_alone_is_answered_by_the_vectors(index: Index) -> None:
    found = index.search("왜 그런가요?")
    assert found.results
    assert set(found.query.tokens) <= {"왜", "그렇다"}


def test_a_search_that_finds_nothing_is_empty(keywords: Index) -> None:
    assert keywords.search("김치찌개 끓이기").results == ()
    assert keywords.search("???").results == ()


def test_an_index_without_vectors_searches_by_keyword(tmp_path: Path) -> None:
    build(write(tmp_path / "notes", NOTES), tmp_path / "index", encoder=None)
    found = Index.open(tmp_path / "index", encoder=None).search("드롭아웃")
    assert found.results[0].chunk.path == "드롭아웃.md"
    assert (found.similarity, found.legs["vector"]) == (0.0, ())


def test_importance_and_vocabulary_tell_what_the_notes_know(index: Index) -> None:
    found = index.search("드롭아웃과 김치")
    assert found.importance["김치"] > found.importance["드롭아웃"] > 0
    assert "드롭아웃" in found.vocabulary
    assert "김치" not in found.vocabulary
    assert found.legs["keyword"][0][0].path == "드롭아웃.md"


def test_many_threads_find_what_one_finds(index: Index) -> None:
    questions = ["드롭아웃", "batch normalization", "커널", "나선 격자의 매듭", "학습률"] * 4
    alone = [index.search(q).results for q in questions]
    together: list[object] = [None] * len(questions)

    def work(i: int) -> None:
        together[i] = index.search(questions[i]).results

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_nothing_built_is_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError):
        Index.open(tmp_path, encoder=None)


@pytest.mark.parametrize("encoder", [None, FakeEncoder("other")])
def test_another_encoder_is_refused(place: Path, encoder: FakeEncoder | None) -> None:
    with pytest.raises(IndexMismatchError, match=r"encoder.*pilgi index build"):
        Index.open(place, encoder=encoder)


def test_an_edited_term_file_is_refused_until_the_index_is_brought_up_to_date(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("드롭아웃 | 뉴런끄기\n", "utf-8")
    notes = write(tmp_path / "notes", NOTES)
    build(notes, tmp_path / "index", encoder=None, terms_file=mine)
    assert Index.open(tmp_path / "index", encoder=None, terms_file=mine).search("뉴런끄기").results[0].chunk.path == "드롭아웃.md"
    mine.write_text("드롭아웃 | 뉴런끄기\n합성곱 | 훑기\n", "utf-8")
    with pytest.raises(IndexMismatchError, match="terms"):
        Index.open(tmp_path / "index", encoder=None, terms_file=mine)
    build(notes, tmp_path / "index", encoder=None, terms_file=mine)
    assert Index.open(tmp_path / "index", encoder=None, terms_file=mine).search("훑기").results[0].chunk.path == "합성곱.md"


def test_a_term_file_is_found_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("드롭아웃 | 뉴런끄기\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    build(write(tmp_path / "notes", NOTES), tmp_path / "index", encoder=None, terms_file=Path("mine.txt"))
    monkeypatch.chdir("/")
    assert Index.open(tmp_path / "index", encoder=None, terms_file=tmp_path / "mine.txt").search("뉴런끄기").results


def test_a_term_setting_that_the_index_was_not_built_with_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("드롭아웃 | 뉴런끄기\n", "utf-8")
    build(write(tmp_path / "notes", NOTES), tmp_path / "index", encoder=None)
    with pytest.raises(IndexMismatchError, match="terms"):
        Index.open(tmp_path / "index", encoder=None, terms_file=mine)


def test_readers_keep_their_generation_while_others_are_published(tmp_path: Path) -> None:
    notes = write(tmp_path / "notes", NOTES)
    build(notes, tmp_path / "index", encoder=FakeEncoder())
    reader = Index.open(tmp_path / "index", encoder=FakeEncoder())
    before = reader.search("드롭아웃").results
    (notes / "드롭아웃.md").write_text("# 드롭아웃\n\n새로 적은 글이다.\n", "utf-8")
    build(notes, tmp_path / "index", encoder=FakeEncoder())
    assert reader.search("드롭아웃").results == before
    assert reader.note("드롭아웃.md").text == NOTES["드롭아웃.md"]  # type: ignore[union-attr]
    fresh = Index.open(tmp_path / "index", encoder=FakeEncoder())
    assert fresh.generation != reader.generation
    assert fresh.search("드롭아웃").results[0].chunk.text.endswith("새로 적은 글이다.")


def test_a_reader_that_never_searched_can_after_any_number_of_builds(tmp_path: Path) -> None:
    notes = write(tmp_path / "notes", NOTES)
    build(notes, tmp_path / "index", encoder=FakeEncoder())
    reader = Index.open(tmp_path / "index", encoder=FakeEncoder())
    for i in range(3):
        (notes / "새.md").write_text(f"# 새 노트\n\n{i}번째로 고친 글이다.\n", "utf-8")
        build(notes, tmp_path / "index", encoder=FakeEncoder())
    assert reader.search("드롭아웃").results[0].chunk.path == "드롭아웃.md"


def test_vectors_on_disk_are_those_of_the_chunks(index: Index) -> None:
    stored = np.load(index.folder / "vectors" / "vectors.npy", allow_pickle=False)
    np.testing.assert_allclose(stored, FakeEncoder().encode([c.searched for c in index.chunks], kind="passage"), atol=1e-6)
