"""The content of a file, whatever it is packed in: blocks of whole lines, or one document, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.ingest.blocks import BOM, HEAD_BYTES, cut_blocks
from flowstitch.ingest.model import DEFAULT_WHOLE_BYTES
from flowstitch.ingest.packing import START_BYTES, packing_of, unpack
from flowstitch.ingest.snappy import MAX_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account
    from flowstitch.ingest.places import Place

LONG_DOCUMENT = "document too large"
_PLAIN_BYTES = 1 << 22


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
    head = bytearray()
    # so much is had of a block without unpacking it whole
    whole_bytes = MAX_BLOCK_BYTES if limit <= HEAD_BYTES else DEFAULT_WHOLE_BYTES
    for piece in _pieces(path, whole_bytes, warn or (lambda _: None), limit):
        head += piece
        if len(head) >= limit:
            break
    return bytes(head[:limit]).removeprefix(BOM)


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
    return cut_blocks(_read(path, account), account)


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
    content = bytearray()
    for piece in _read(path, account):
        content += piece
        if len(content) > account.whole_bytes:
            account.reject(1, 0, LONG_DOCUMENT, bytes(content[:HEAD_BYTES]))
            account.warnings.append(
                f"the document has more than the {account.whole_bytes} bytes that --memory allows; nothing of it was read."
            )
            return None
    return bytes(content).removeprefix(BOM)


def _read(path: Place, account: Account) -> Iterator[bytes]:
    def warn(sentence: str) -> None:
        account.incomplete = True
        account.warnings.append(sentence)

    try:
        yield from _pieces(path, account.whole_bytes, warn)
    except OSError as error:
        warn(f"the file cannot be read: {error.strerror or error}.")


def _pieces(
    path: Place, whole_bytes: int, warn: Callable[[str], None], most: int = _PLAIN_BYTES
) -> Iterator[bytes]:
    with path.open("rb") as file:
        packing = packing_of(file.read(START_BYTES))
        file.seek(0)
        if packing is not None:
            yield from unpack(file, packing, whole_bytes, warn)
            return
        while piece := file.read(min(most, _PLAIN_BYTES)):
            yield piece
