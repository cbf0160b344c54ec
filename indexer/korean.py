"""Korean morphemes: one Kiwi for the whole process, and what of its output is searched.

Kiwi takes about 1.5 s to load and as much for its first sentence, so it is made on first use only.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version

from kiwipiepy import Kiwi, Token

from indexer.terms import builtin_terms

_LOCK = threading.Lock()
# What carries meaning: nouns, roots, verbs, adjectives, foreign words, numbers. Particles and endings do not.
_KEPT = ("NNG", "NNP", "NR", "XR", "VV", "VA", "SN", "SH")
_NAMING = ("NN", "XR", "XSN", "XPN", "MAG", "IC", "UN")  # what a name is made of, or mistaken for
_HANGUL = re.compile("[가-힣]")
LATIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:['’][a-z]+)?")
_CAMEL = re.compile(r"[A-Z]+(?=s?(?![a-z]))|[A-Z]?[a-z]+|\d+")


@cache
def kiwi() -> Kiwi:
    """The process's Kiwi, with the user dictionary of AI terms."""
    # Without the dictionaries of proper names and of typos it loads in a third of the time, and finds the same terms.
    instance = Kiwi(num_workers=1, load_multi_dict=False, load_typo_dict=False)
    for word in builtin_terms().korean_words():
        instance.add_user_word(word, "NNP", 0.0)
    return instance


def fingerprint() -> str:
    """Changes with Kiwi, its model and its user dictionary."""
    return f"kiwi-{version('kiwipiepy')}-{version('kiwipiepy_model')}-{builtin_terms().fingerprint}"


def normalize(text: str) -> str:
    """NFKC: NFD jamo, full-width letters and compatibility signs become what people type; half surrogate pairs a ``�``."""
    return unicodedata.normalize("NFKC", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def split_latin(word: str) -> list[str]:
    """A Latin word as people search for it: ``BatchNorm1d`` -> batchnorm1d, batch, norm; plural s dropped.

    ``word``: letters and digits, starting with a letter.
    """
    whole = word.lower()
    parts = [p.lower() for p in _CAMEL.findall(word) if not p.isdigit()]
    out = [_singular(whole)]
    if len(parts) > 1 or (parts and parts[0] != whole):
        out += [_singular(p) for p in parts if len(p) > 1 and p != whole]
    return out


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is", "as", "os")):
        return word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "tches", "nches", "shes", "xes", "iases")):  # classes, batches, boxes, biases
        return word[:-2]
    return word[:-1]


def kiwi_tokens(text: str) -> list[Token]:
    """Kiwi's tokens of normalized text; one Kiwi serves all threads behind a lock."""
    with _LOCK:
        return kiwi().tokenize(text)


def morphemes(text: str) -> Iterator[str]:
    """The searched morphemes of ``text``: Latin words (split, lower case), Korean stems, numbers."""
    text = normalize(text)
    yield from _searched(text, kiwi_tokens(text))


def words(text: str) -> Iterator[str]:
    """The morphemes of ``text``, and its compounds."""
    text = normalize(text)
    found = kiwi_tokens(text)
    yield from _searched(text, found)
    yield from _compounds(text, found)


def compounds(text: str) -> Iterator[str]:
    """Nouns of several morphemes as they are written: 지휘권, 한남대교. Kiwi does not take a name apart alike everywhere."""
    text = normalize(text)
    yield from _compounds(text, kiwi_tokens(text))


def noun_runs(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    """Nouns, and what Kiwi took for something else where it did not know a name, without a space between them."""
    run: list[Token] = []
    for token in tokens:
        named = token.tag.startswith(_NAMING) and bool(_HANGUL.search(token.form))
        if run and not (named and run[-1].end == token.start):
            yield run
            run = []
        if named:
            run.append(token)
    if run:
        yield run


def _compounds(text: str, tokens: Iterable[Token]) -> Iterator[str]:
    for run in noun_runs(tokens):
        if len(run) > 1:
            yield text[run[0].start : run[-1].end]


def _searched(text: str, tokens: Iterable[Token]) -> Iterator[str]:
    for match in LATIN.finditer(text):
        yield from split_latin(match[0])
    for token in tokens:
        tag = token.tag.split("-")[0]
        if tag not in _KEPT:
            continue
        if tag in ("VV", "VA"):
            yield token.form + "다"
        elif tag == "SN":
            yield token.form.replace(",", "").rstrip(".")
        else:
            yield token.form
