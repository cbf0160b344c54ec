"""Bytes of a text file to ``str``: UTF-8, UTF-16/32, CP949 (of which EUC-KR is a part), or a refusal.

Nothing is normalized: what comes out, encoded again, is the file (its byte order mark apart).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from indexer.errors import NoteError

# UTF-32's mark starts with UTF-16's, so it is asked first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES = {
    b"%PDF": "PDF",
    b"PK\x03\x04": "압축 파일",
    b"\x89PNG": "PNG 그림",
    b"\xff\xd8\xff": "JPEG 그림",
    b"GIF8": "GIF 그림",
    b"\x1f\x8b": "gzip 압축 파일",
    b"\x7fELF": "실행 파일",
    b"\xd0\xcf\x11\xe0": "옛 오피스·한글 문서",
    b"SQLite format 3": "SQLite 데이터베이스",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_EXPECTED = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ\u1100-\u11ff\x09-\x0d\x20-\x7e]")
_MAX_CONTROL = 0.02
_MIN_EXPECTED = 0.6
_MAX_BROKEN = 0.002  # of the bytes: a copy cut in mid-character is still a note, Latin-1 is not UTF-8


@dataclass(frozen=True)
class Decoded:
    """The text without its byte order mark, and the codec that gives the file back."""

    text: str
    encoding: str


def decode(raw: bytes, hint: str | None = None) -> Decoded:
    """Decode a text file.

    ``hint`` is what the file says of itself (an HTML charset); it is believed only where UTF-8 fails. A few broken
    bytes in UTF-8 become U+FFFD. Raises NoteError (Korean) for a binary file or an unknown encoding.
    """
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return _with_mark(raw[len(mark) :], codec)
    for signature, name in _SIGNATURES.items():
        if raw.startswith(signature):
            raise NoteError(f"글이 아니라 이진 파일입니다({name}) — 글 파일로 저장하거나 확장자를 고치세요")
    if b"\x00" in raw:
        return _without_mark(raw)
    for codec in ("utf-8", _codec(hint), "cp949"):
        try:
            text = raw.decode(codec)
        except (UnicodeDecodeError, LookupError):  # LookupError: a codec that is not of text, such as rot13
            continue
        return Decoded(_readable(text), codec)
    text = raw.decode("utf-8", errors="replace")
    if text.count("\ufffd") <= max(1, _MAX_BROKEN * len(raw)) and len(text) > 20:
        return Decoded(_readable(text), "utf-8")
    guess = from_bytes(raw).best()
    if guess is None:
        raise NoteError("글자 인코딩을 알 수 없습니다 — UTF-8로 다시 저장하세요")
    return Decoded(_readable(raw.decode(guess.encoding)), guess.encoding)


def _codec(hint: str | None) -> str:
    """The codec of a declared charset; EUC-KR means CP949, as browsers take it; UTF-8 where Python does not know it."""
    try:
        name = codecs.lookup(hint or "utf-8").name
    except LookupError:
        return "utf-8"
    return "cp949" if name == "euc_kr" else name


def _with_mark(body: bytes, codec: str) -> Decoded:
    try:
        return Decoded(_readable(body.decode(codec)), codec)
    except UnicodeDecodeError as error:
        where = f"{codec.upper()} 표시(BOM)가 있으나 {error.start}번째 바이트가 깨졌습니다"
        raise NoteError(f"{where} — UTF-8로 다시 저장하세요") from error


def _without_mark(raw: bytes) -> Decoded:
    """UTF-16 without a mark: the right byte order is the one that gives Hangul and ASCII."""
    best: tuple[float, Decoded] | None = None
    for codec in ("utf-16-le", "utf-16-be"):
        try:
            text = raw.decode(codec)
        except UnicodeDecodeError:
            continue
        share = len(_EXPECTED.findall(text)) / max(1, len(text))
        if not _CONTROL.search(text) and (best is None or share > best[0]):
            best = (share, Decoded(text, codec))
    if best is None or best[0] < _MIN_EXPECTED:
        raise NoteError("글이 아니라 이진 파일입니다(0 바이트가 있음) — 글 파일로 저장하거나 확장자를 고치세요")
    return best[1]


def _readable(text: str) -> str:
    if len(_CONTROL.findall(text)) > _MAX_CONTROL * len(text):
        raise NoteError("글이 아니라 이진 파일입니다(제어 문자가 많음) — 글 파일로 저장하거나 확장자를 고치세요")
    return text
