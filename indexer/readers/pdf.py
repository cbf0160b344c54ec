"""PDF: the text of each page under a heading "3쪽"; a page that cannot be read is reported, not indexed as noise."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from indexer.errors import NoteError
from indexer.readers.parsed import Parsed
from indexer.types import Block, Skipped

if TYPE_CHECKING:
    from pypdf import PageObject

SUFFIXES = (".pdf",)

# What text without a Unicode table comes out as: replacement and private-use characters, glyph numbers, bare Latin-1.
_UNREADABLE = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]|\(cid:\d+\)|/[Gg]\d{1,5}\b|[À-ÿ](?=[À-ÿ\s])")
_MAX_UNREADABLE = 0.2
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PARAGRAPH = re.compile(r"\S(?:.*\S)?", re.DOTALL)
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_FILE_NAME = re.compile(r"\.(?:docx?|hwpx?|pptx?|tex|dvi)$", re.IGNORECASE)  # what exporters put as the title
_REMEDY = "글자 인식(OCR)을 거쳐 다시 저장하세요"
_MIN_PAGES_WITH_SAME_LINE = 4

_log = logging.getLogger(__name__)


def read(raw: bytes, path: str) -> Parsed:
    """Return the pages' text; running heads and page numbers are left out.

    ``skipped`` names each page that has only pictures or unreadable text. Raises NoteError for a locked or broken file
    and when no page can be read.
    """
    pages, title = _pages(raw)
    skipped: list[Skipped] = []
    readable: list[tuple[int, str]] = []
    for number, (text, pictures, problem) in enumerate(pages, 1):
        reason = problem or _unreadable(text, pictures)
        if reason:
            skipped.append(Skipped(path, f"{number}쪽: {reason}"))
        elif text.strip():
            readable.append((number, text))
    if not readable:
        if not skipped:
            raise NoteError("글이 없는 PDF입니다 — 내용을 확인하세요")
        raise NoteError(f"읽을 수 있는 쪽이 없는 PDF입니다(모두 {len(pages)}쪽) — {_REMEDY}")
    running = _running_lines([text for _, text in readable])
    text, blocks = "", []
    for number, page in readable:
        head = f"# {number}쪽"
        blocks.append(Block("heading", len(text), len(text) + len(head), 1, f"{number}쪽"))
        text += head + "\n\n"
        for paragraph in _BLANK.split(_without(page, running)):
            if match := _PARAGRAPH.search(paragraph):
                blocks.append(Block("paragraph", len(text), len(text) + len(match[0])))
                text += match[0] + "\n\n"
    return Parsed(text, tuple(blocks), {"title": title} if title else {}, tuple(skipped))


def _pages(raw: bytes) -> tuple[list[tuple[str, bool, str]], str]:
    """Return ([(text, has pictures, what went wrong) for each page], title)."""
    from pypdf import PdfReader  # only PDFs need it
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(io.BytesIO(raw), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise NoteError("암호가 걸린 PDF입니다 — 암호를 풀어 다시 저장하세요")
        pages = [_page(page) for page in reader.pages]
        return pages, _title(reader.metadata)
    except NoteError:
        raise
    except DependencyError as error:
        raise NoteError("암호화된 PDF를 풀 부품이 없습니다 — pip install 'pypdf[crypto]'") from error
    except Exception as error:  # pypdf raises whatever the broken bytes lead to
        raise NoteError(f"PDF가 깨졌습니다({type(error).__name__}) — PDF 보기에서 열어 다시 저장하세요") from error


def _page(page: PageObject) -> tuple[str, bool, str]:
    try:
        text = page.extract_text()
    except Exception as error:  # one bad font or stream must not cost the other pages
        _log.info("page %s: %s", page.page_number, error)
        return "", False, f"글을 꺼낼 수 없습니다({type(error).__name__}) — PDF를 다시 저장하세요"
    resources = page.get("/Resources")
    objects: Any = resources.get_object().get("/XObject") if resources else None
    return _tidy(text), bool(objects and objects.get_object()), ""


def _title(metadata: Any) -> str:
    title = str((metadata and metadata.title) or "").strip()
    return "" if _unreadable(title, False) or _FILE_NAME.search(title) else title


def _tidy(text: str) -> str:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pypdf may leave half characters
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip("\n")


def _unreadable(text: str, pictures: bool) -> str:
    letters = len(re.sub(r"\s", "", text))
    if not letters:
        return f"글자가 없고 그림만 있습니다 — {_REMEDY}" if pictures else ""
    noise = sum(len(match[0]) for match in _UNREADABLE.finditer(text))
    if noise > _MAX_UNREADABLE * letters:
        return f"글자를 알아볼 수 없습니다(글꼴에 유니코드 표가 없음) — {_REMEDY}"
    return ""


def _masked(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _edges(page: str) -> list[str]:
    lines = [line for line in page.split("\n") if line.strip()]
    return [lines[0], lines[-1]] if len(lines) > 1 else []


def _running_lines(pages: list[str]) -> frozenset[str]:
    """First and last lines that come back, but for their numbers, on more than half of the pages."""
    counts = Counter(mark for page in pages for mark in {_masked(line) for line in _edges(page)})
    least = max(_MIN_PAGES_WITH_SAME_LINE, len(pages) // 2 + 1)
    return frozenset(mark for mark, count in counts.items() if count >= least)


def _without(page: str, running: frozenset[str]) -> str:
    lines = _CONTROL.sub("", page).split("\n")
    edges = {index for index, line in enumerate(lines) if line.strip()}
    for index in (min(edges), max(edges)) if len(edges) > 1 else ():
        if _masked(lines[index]) in running:
            lines[index] = ""
    return "\n".join(lines)
