"""The content of a file, whatever it is packed in: blocks of whole lines, or one document, in bounded memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from flowstitch.ingest.blocks import BOM, HEAD_BYTES, cut_blocks
from flowstitch.ingest.model import DEFAULT_WHOLE_BYTES
from flowstitch.ingest.packing import START_BYTES, packing_of, unpack
from flowstitch.ingest.snappy import MAX_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.ingest.blocks import Block, Content
    from flowstitch.ingest.model import Account
    from flowstitch.ingest.places import Place

LONG_DOCUMENT = "document too large"
_PIECE_BYTES = 1 << 20


def unreadable(error: OSError) -> str:
    """Sentence for a file whose content ends where it cannot be read."""
    return f"the file cannot be read: {error.strerror or error}."


def read_head(path: Place, limit: int = HEAD_BYTES, warn: Callable[[str], None] | None = None) -> bytes:
    """First bytes of the uncompressed content, without a byte order mark; what can be read of a torn file.

    Parameters
    ----------
    path : the file.
    limit : most bytes of the content.
    warn : is told when the file is torn within them or has something else behind its end.

    Raises
    ------
    OSError : the file cannot be read.
    """
    # so much is had of a block without unpacking it whole
    whole_bytes = MAX_BLOCK_BYTES if limit <= HEAD_BYTES else DEFAULT_WHOLE_BYTES
    head, size = bytearray(limit), 0
    with _open(path, whole_bytes, warn or (lambda _: None)) as content:
        while size < limit and (read := content.readinto(memoryview(head)[size:])):
            size += read
    return bytes(head[:size]).removeprefix(BOM)


def read_blocks(path: Place, account: Account) -> Iterator[Block]:
    """Blocks of whole lines of a file, plain or in any of ``PACKINGS``, told apart by its first bytes.

    Parameters
    ----------
    path : the file.
    account : gets a reject for each line of more than ``MAX_LINE_BYTES``, which is in no block, and a warning
        and ``incomplete`` when the file cannot be read, is torn, or has something else behind its end.

    Returns
    -------
    Blocks in order; a byte order mark is in none of them.
    """
    try:
        with _open(path, account.whole_bytes, account.warn_incomplete) as content:
            yield from cut_blocks(_Readable(content, account), account)
    except OSError as error:
        account.warn_incomplete(unreadable(error))


def read_document(path: Place, account: Account) -> bytes | None:
    """Read a whole file, for formats that are one document.

    Parameters
    ----------
    path : the file.
    account : as for ``read_blocks``; the document is its line 1, its ``whole_bytes`` the most that it may have uncompressed.

    Returns
    -------
    Content without a byte order mark; None, a reject and a warning when it is larger.
    """
    document = bytearray()
    piece = memoryview(bytearray(_PIECE_BYTES))
    try:
        with _open(path, account.whole_bytes, account.warn_incomplete) as content:
            while size := content.readinto(piece):
                document += piece[:size]
                if len(document) > account.whole_bytes:
                    account.reject(1, 0, LONG_DOCUMENT, bytes(document[:HEAD_BYTES]))
                    account.warnings.append(
                        f"the document has more than the {account.whole_bytes} bytes that --memory allows; nothing of it was read."
                    )
                    return None
    except OSError as error:
        account.warn_incomplete(unreadable(error))
    return bytes(document).removeprefix(BOM)


class _Readable:
    """Content that ends where it cannot be read."""

    def __init__(self, content: Content, account: Account) -> None:
        self._content, self._account = content, account

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            return self._content.readinto(buffer)
        except OSError as error:
            self._account.warn_incomplete(unreadable(error))
            return 0


class _Pieces:
    """Content that comes in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        filled = 0
        while filled < len(buffer):
            if not self._left:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._left = memoryview(piece)
            size = min(len(self._left), len(buffer) - filled)
            buffer[filled : filled + size], self._left = self._left[:size], self._left[size:]
            filled += size
        return filled


@contextmanager
def _open(path: Place, whole_bytes: int, warn: Callable[[str], None]) -> Iterator[Content]:
    with path.open("rb") as file:
        packing = packing_of(file.read(START_BYTES))
        file.seek(0)
        if packing is None:
            yield cast("Content", file)
        else:
            yield _Pieces(unpack(file, packing, whole_bytes, warn))
