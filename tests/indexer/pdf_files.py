"""Small PDFs made from bytes: Korean text with or without the table that says what its glyphs mean, pictures, locks."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter

_TO_UNICODE = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Same def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
%d beginbfchar
%s
endbfchar endcmap CMapName currentdict /CMap defineresource pop end end"""


def pdf(pages: Sequence[str | None], *, unreadable: Sequence[int] = (), title: str = "") -> bytes:
    """A PDF of ``pages``, lines apart by newlines; None is a page with only a picture. ``unreadable``: pages (from 1)
    whose font has no Unicode table, so that their glyph codes mean nothing."""
    letters = sorted({letter for page in pages if page for letter in page if letter != "\n"})
    table = b"\n".join(b"<%04X> <%04X>" % (ord(letter), ord(letter)) for letter in letters)
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    def stream(data: bytes, entries: bytes = b"") -> int:
        return add(b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data))

    catalog, tree = add(b""), add(b"")
    mapping = stream(_TO_UNICODE % (len(letters), table))
    descriptor = add(
        b"<< /Type /FontDescriptor /FontName /Test /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800"
        b" /Descent -200 /CapHeight 700 /StemV 80 >>"
    )
    descendant = add(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Test /CIDSystemInfo << /Registry (Adobe)"
        b" /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /DW 1000 >>" % descriptor
    )
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /Test /Encoding /Identity-H /DescendantFonts [%d 0 R] %s >>"
    readable = add(font % (descendant, b"/ToUnicode %d 0 R" % mapping))
    symbols = b" ".join(b"/G%02X" % code for code in range(256))
    unknown = add(
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Odd /Encoding << /Type /Encoding /Differences [0 %s] >> >>"
        % symbols
    )
    picture = stream(
        b"\x00", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
    )
    kids = []
    for number, page in enumerate(pages, 1):
        if page is None:
            content, resources = b"/Im0 Do", b"/XObject << /Im0 %d 0 R >>" % picture
        elif number in unreadable:
            codes = bytes(ord(letter) % 256 for letter in page if letter != "\n").hex().encode()
            content, resources = b"BT /F1 12 Tf 50 700 Td <%s> Tj ET" % codes, b"/Font << /F1 %d 0 R >>" % unknown
        else:
            lines = b" T* ".join(b"<%s> Tj" % line.encode("utf-16-be").hex().encode() for line in page.split("\n"))
            content = b"BT /F1 12 Tf 14 TL 50 700 Td %s ET" % lines
            resources = b"/Font << /F1 %d 0 R >>" % readable
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %d 0 R >>"
                % (tree, resources, stream(content))
            )
        )
    objects[catalog - 1] = b"<< /Type /Catalog /Pages %d 0 R >>" % tree
    objects[tree - 1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        len(kids),
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    info = add(b"<< /Title <%s> >>" % ("\ufeff" + title).encode("utf-16-be").hex().encode()) if title else 0
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    entries = b"/Info %d 0 R" % info if info else b""
    return out + b"trailer << /Size %d /Root %d 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        catalog,
        entries,
        start,
    )


def locked(raw: bytes, password: str, *, algorithm: str = "AES-256") -> bytes:
    """``raw`` encrypted; with the empty password, as files are that everybody can open and nobody may change."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(raw)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
