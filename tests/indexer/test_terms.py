"""The term table: what counts as a name in a text, and how tables are joined."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import NoteError
from indexer.terms import Terms, builtin_terms, load_terms, parse_terms, squeeze

TABLE = Terms((("배치 정규화", "batch normalization", "BN", "BatchNorm"), ("드롭아웃", "dropout"), ("정규화", "normalization"),
               ("역전파", "backpropagation"), ("합성곱", "conv"), ("축", "axis")))


def found(text: str, terms: Terms = TABLE) -> list[tuple[str, str]]:
    return [(m.token, text[m.start : m.end]) for m in terms.find(text)]


@pytest.mark.parametrize("text", ["배치 정규화", "배치정규화", "배치-정규화", "배치  정규화", "batch normalization", "Batch Normalization",
                                  "batch_norm", "BatchNorm", "batchnormalization", "BATCH-NORM", "BN", "bn", "ＢＮ",
                                  "nn.BatchNorm1d", "BN을", "BNs"])
def test_every_way_to_write_a_name_gives_its_row(text: str) -> None:
    assert [token for token, _ in found(text)] == ["§배치정규화"]


@pytest.mark.parametrize("text", ["BNF", "conversation", "reconv", "convex", "dropouts2go", "압축", "축구공이 압축된다"])
def test_a_name_inside_another_word_is_not_one(text: str) -> None:
    assert "§배치정규화" not in dict(found(text))
    assert "§합성곱" not in dict(found(text))
    assert ("§축", "축") not in found(text.replace("축구", ""))


def test_the_longest_name_wins_and_names_do_not_overlap() -> None:
    assert found("배치 정규화와 정규화") == [("§배치정규화", "배치 정규화"), ("§정규화", "정규화")]


@pytest.mark.parametrize(("name", "tokens"), [
    ("배치 정규화", ["§정규화"]), ("Batch Normalization", ["§정규화"]), ("batch-normalization", ["§정규화"]),
    ("배치정규화", []), ("정규화", []), ("드롭아웃 배치 정규화 층", ["§드롭아웃", "§배치정규화", "§정규화"]), ("", []),
])
def test_a_name_holds_the_names_between_its_spaces(name: str, tokens: list[str]) -> None:
    assert TABLE.within(name) == tokens


def test_a_name_does_not_hold_itself_under_a_shorter_name() -> None:
    assert Terms((("드롭아웃", "드롭아웃 층"), ("층", "layer"))).within("드롭아웃 층") == ["§층"]


@pytest.mark.parametrize(("name", "sides"), [
    ("드롭아웃 배치 정규화", [("§드롭아웃",), ("§배치정규화",)]), ("배치 정규화", [("§정규화",)]), ("셀프 배치 정규화", [("§배치정규화",)]), ("말", []), ("", []),
])
def test_names_side_by_side_do_not_overlap(name: str, sides: list[tuple[str, ...]]) -> None:
    assert TABLE.side_by_side(name) == sides


def test_a_match_says_where_it_stands_in_the_text_as_it_is() -> None:
    text = "먼저 Batch\n  Normalization, 다음은 dropout."
    assert found(text) == [("§배치정규화", "Batch\n  Normalization"), ("§드롭아웃", "dropout")]


def test_a_camel_case_part_is_a_name() -> None:
    assert found("MyDropout") == [("§드롭아웃", "Dropout")]
    assert found("DropoutLayer") == [("§드롭아웃", "Dropout")]
    assert found("mydropout") == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="배치정규화드롭아웃batchnormBN dropout-_1 .\n가을", max_size=40))
def test_matches_stand_in_order_inside_the_text_and_squeeze_to_a_name(text: str) -> None:
    matches = TABLE.find(text)
    assert all(0 <= m.start < m.end <= len(text) for m in matches)
    assert all(a.end <= b.start for a, b in pairwise(matches))
    assert all(m.token in TABLE.tokens_of(text[m.start : m.end]) for m in matches)


def test_a_name_of_two_rows_gives_both_tokens() -> None:
    terms = Terms((("맵", "MAP"), ("최대사후확률", "MAP")))
    assert terms.tokens_of("map") == ("§맵", "§최대사후확률")
    assert [m.token for m in terms.find("MAP 추정")] == ["§맵", "§최대사후확률"]


def test_joining_merges_rows_that_share_a_name() -> None:
    joined = TABLE.joined([("드랍아웃", "Dropout"), ("새 용어", "new term")])
    assert found("드랍아웃", joined) == [("§드롭아웃", "드랍아웃")]
    assert joined.row("§드롭아웃") == ("드롭아웃", "dropout", "드랍아웃")
    assert found("new term", joined) == [("§새용어", "new term")]
    assert TABLE.tokens_of("드랍아웃") == ()


def test_learned_names_never_make_two_rows_one() -> None:
    joined = TABLE.joined([("dropout", "normalization"), ("드롭아웃", "뉴런 끄기")], trusted=False)
    assert joined.tokens_of("dropout") == ("§드롭아웃",)
    assert joined.tokens_of("normalization") == ("§정규화",)
    assert joined.tokens_of("뉴런 끄기") == ("§드롭아웃",)


def test_the_fingerprint_changes_with_every_row() -> None:
    assert TABLE.fingerprint == Terms(TABLE.rows).fingerprint
    assert TABLE.fingerprint != TABLE.joined([("새 용어",)]).fingerprint


def test_a_term_file_is_rows_with_comments() -> None:
    assert parse_terms("# 내 용어\n\n 가 | 나 |가\n다\n", "mine.txt") == (("가", "나"), ("다",))


def test_a_row_without_a_name_is_named_with_its_line() -> None:
    with pytest.raises(NoteError, match=r"mine\.txt 3번째 줄에 이름이 없습니다"):
        parse_terms("가\n\n | | \n", "mine.txt")


def test_a_readers_own_file_comes_on_top_of_the_table(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("배치놈 | 우리집 정규화\n단추 | button\n", "utf-8")
    terms = load_terms(mine)
    assert terms.tokens_of("우리집정규화") == terms.tokens_of("BN") == ("§배치정규화",)
    assert terms.tokens_of("button") == ("§단추",)
    assert terms.fingerprint != builtin_terms().fingerprint


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00\xd8"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoteError, match=r"용어 파일 .*mine\.txt"):
        load_terms(path)


def test_a_file_in_decomposed_hangul_matches_composed_text(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(unicodedata.normalize("NFD", "단추 | button"), "utf-8")
    assert load_terms(tmp_path / "mine.txt").tokens_of("단추") == load_terms(tmp_path / "mine.txt").tokens_of("button") != ()


def test_the_table_that_ships_has_several_hundred_rows_and_no_name_twice() -> None:
    terms = builtin_terms()
    assert len(terms.rows) >= 200
    assert sum(len(row) for row in terms.rows) >= 700
    twice = {name for name in terms.names() if len(terms.tokens_of(name)) > 1}
    assert twice <= {"map"}
    for row in terms.rows:
        squeezed = [squeeze(name) for name in row]
        assert len(set(squeezed)) == len(squeezed), f"a name stands twice in {row}"
