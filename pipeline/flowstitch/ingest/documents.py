"""JSON documents that memory can hold, and the values in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from flowstitch.ingest.content import LONG_DOCUMENT, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.ingest.model import Account
    from flowstitch.ingest.places import Place

# A JSON value takes a hundred bytes of memory however short its text is, so it counts as so much text at least.
VALUE_BYTES = 16
TORN_DOCUMENT = "torn document"
# What stands for a value that does not parse.
TORN: Final = object()
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n\ufeff]*")
_NEXT = re.compile(r"\n(?=[{\[])")


def read_json(path: Place, account: Account) -> bytes | None:
    """Content of a document; None, a reject and a warning when memory cannot hold it or its values."""
    document = read_document(path, account)
    values = 0 if document is None else sum(map(document.count, (b",", b"[", b"{")))
    if document is not None and values * VALUE_BYTES > account.whole_bytes:
        account.reject(1, 0, LONG_DOCUMENT, document)
        account.warnings.append(
            f"the document has some {values} values, more than --memory allows; nothing of it was read."
        )
        return None
    return document


def strict_values(document: bytes) -> Iterator[tuple[int, Any]]:
    """``json_values`` of a document; one that is not UTF-8 is ``TORN`` from its start."""
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError:
        yield 0, TORN
        return
    yield from json_values(text)


def json_values(text: str, decoder: json.JSONDecoder = _DECODER) -> Iterator[tuple[int, Any]]:
    """JSON values with their offsets in bytes: one, or several behind each other (pages, JSON lines).

    Parameters
    ----------
    text : decoded from UTF-8; bytes that are none can stand as ``surrogateescape`` has them.

    Yields
    ------
    (offset, value); ``TORN`` in the place of one that does not parse, behind which the next is looked for at the start of
    a line.
    """
    place = offset = 0
    while True:
        start = _end_of_blank(text, place)
        offset += _count_bytes(text, place, start)
        if start == len(text):
            return
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            # where it was found wrong: what lies before is not looked at again
            found = _NEXT.search(text, max(getattr(error, "pos", start) - 1, start))
            value, place = TORN, len(text) if found is None else found.end()
        yield offset, value
        if place == len(text):
            return
        offset += _count_bytes(text, start, place)


def _count_bytes(text: str, start: int, stop: int) -> int:
    return len(text[start:stop].encode("utf-8", "surrogateescape")) if start < stop else 0


def _end_of_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place
