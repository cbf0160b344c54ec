from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit

from models.language.tokenization import BytePairEncoding, demo, merge, shipped, spans


def test_the_pair_of_the_note_is_merged_first():
    assert BytePairEncoding.train("먹는다 먹는데 먹었다", 1).merges == (("먹", "는"),)


def test_the_published_example_of_sennrich_is_learned():
    text = " ".join(["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3)
    assert BytePairEncoding.train(text, 4).merges == (("e", "s"), ("es", "t"), ("l", "o"), ("lo", "w"))


@settings(max_examples=15, deadline=None)
@given(text=st.text("abc가나 ", min_size=1, max_size=40), merges=st.integers(0, 12))
def test_pieces_equal_those_of_the_tokenizers_library_with_the_same_merges(text, merges):
    bpe = BytePairEncoding.train(text, merges)
    pieces = dict.fromkeys([*sorted(set(text) - {" "}), *(a + b for a, b in bpe.merges)])
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    twin = Tokenizer(BPE(vocab=vocabulary, merges=list(bpe.merges)))
    twin.pre_tokenizer = WhitespaceSplit()
    assert bpe.encode(text) == twin.encode(text).tokens


@settings(max_examples=15, deadline=None)
@given(text=st.text("먹는었다 ", min_size=1, max_size=30), merges=st.integers(0, 10))
def test_no_letter_is_lost_or_made_up(text, merges):
    pieces = BytePairEncoding.train(text, merges, least=1).encode(text)
    assert "".join(pieces) == "".join(text.split())
    assert [text[start:end] for start, end in spans(text, pieces)] == pieces


def test_a_run_of_one_letter_is_merged_from_the_left():
    assert merge(list("aaaaa"), ("a", "a")) == ["aa", "aa", "a"]


def test_more_merges_leave_fewer_pieces_down_to_the_words():
    counts = [demo(merges=merges).numbers["BPE 조각 수"] for merges in (0, 3, 40)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == demo().numbers["글자 수"] and counts[-1] == demo().numbers["단어 수"]


def test_a_korean_letter_takes_three_bytes():
    assert demo(sentence="가나다").numbers["UTF-8 바이트"] == 9


def test_the_shipped_tokenizer_cuts_the_particle_off_a_term():
    assert shipped().encode("드롭아웃은", add_special_tokens=False).tokens == ["드롭아웃", "##은"]
