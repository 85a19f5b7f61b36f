"""How a packed file can end before its content does."""

from __future__ import annotations


class Damage(Exception):  # noqa: N818 - it ends a stream and is told to the user; the program goes on
    """A stream that cannot be read on.

    Parameters
    ----------
    sentence : for the user, with ``{form}`` for the name of the packing and ``{total}`` for the bytes of content before.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self._sentence = sentence

    def told(self, form: str, total: int) -> str:
        """The sentence."""
        return self._sentence.replace("{form}", form).replace("{total}", str(total))


class Torn(Damage):
    """The file ends within the stream."""

    def __init__(self) -> None:
        super().__init__("the {form} stream is torn after {total} bytes of content; the rest is missing.")


class Broken(Damage):
    """The stream is not what its format says."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the {{form}} stream is damaged after {{total}} bytes of content ({why}); the rest is missing."
        )


class Followed(Damage):
    """The stream is whole, and something else stands behind it."""

    def __init__(self) -> None:
        super().__init__("something that is not {form} follows the {form} stream; it was left out.")


class TooLarge(Damage):
    """What can only be unpacked whole is larger than the memory for it."""

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        super().__init__(
            f"the {{form}} unpacks to {size_bytes} bytes, and only whole; --memory allows {most_bytes}, so nothing of it was read."
        )
