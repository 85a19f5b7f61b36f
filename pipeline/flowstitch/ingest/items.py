"""JSON objects of an inventory, read by path and checked for type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from flowstitch.ingest.model import MAX_TEXT
from flowstitch.normalize.address import format_address, parse_address
from flowstitch.normalize.columns import LAST_TIME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadValue(ValueError):  # noqa: N818 - it is the reason in the account, not a failure of the program
    """A value that is not what its place asks for; the text is the reason of the reject."""

    def __init__(self, path: str) -> None:
        super().__init__(f"bad value: {path}")


class Item:
    """A JSON object.

    A path is a chain of keys with dots; ``[]`` behind a key goes through every item of its list. What is absent,
    null or an empty text is not there. Every method raises ``BadValue`` when something there has another type.

    Parameters
    ----------
    value : the parsed object; ``BadValue`` when it is none.
    at : path of the object itself in what was read, with a dot behind it, for messages.
    """

    def __init__(self, value: object, at: str = "") -> None:
        if not isinstance(value, dict):
            raise BadValue(at or "item")
        self._value = value
        self._at = at

    def __bool__(self) -> bool:
        return bool(self._value)

    def keys(self) -> set[str]:
        """Keys of the object."""
        return set(self._value)

    def values(self, path: str) -> list[object]:
        """Everything at a path."""
        found: list[object] = [self._value]
        for key, is_list in _steps(path):
            inner: list[object] = []
            for value in found:
                if not isinstance(value, dict):
                    raise BadValue(self._at + path)
                below = value.get(key)
                if below is None:
                    continue
                if not is_list:
                    inner.append(below)
                elif isinstance(below, list):
                    inner += [item for item in below if item is not None]
                else:
                    raise BadValue(self._at + path)
            found = inner
        return found

    def items(self, path: str) -> list[Item]:
        """Objects at a path."""
        found = self.values(path)
        if not all(isinstance(value, dict) for value in found):
            raise BadValue(self._at + path)
        return [Item(value, f"{self._at}{path}.") for value in found]

    def texts(self, *paths: str) -> list[str]:
        """Texts at all paths; what cannot be printed or has more than ``MAX_TEXT`` characters is a ``BadValue``."""
        return [
            text for path in paths for value in self.values(path) if (text := _text(value, self._at + path))
        ]

    def text(self, *paths: str) -> str | None:
        """First text there is at the paths."""
        return next(iter(self.texts(*paths)), None)

    def tag(self, path: str, *names: str) -> str | None:
        """First of the named entries in the object at a path; the names can have dots."""
        for holder in self.items(path):
            for name in names:
                found = _text(holder._value.get(name) or "", f"{self._at}{path}.{name}")  # noqa: SLF001 - its own class
                if found:
                    return found
        return None

    def need(self, *paths: str) -> str:
        """As ``text``, and ``BadValue`` when there is none."""
        found = self.text(*paths)
        if found is None:
            raise BadValue(self._at + paths[0])
        return found

    def one_of(self, path: str, *words: str) -> str | None:
        """Text that has to be one of some words."""
        found = self.text(path)
        if found is not None and found not in words:
            raise BadValue(self._at + path)
        return found

    def number(self, path: str, most: int = 0xFFFF) -> int | None:
        """First whole number, from 0 to ``most``."""
        for value in self.values(path):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise BadValue(self._at + path)
            return value
        return None

    def flag(self, path: str) -> bool | None:
        """First truth value."""
        for value in self.values(path):
            if not isinstance(value, bool):
                raise BadValue(self._at + path)
            return value
        return None

    def times(self, *paths: str) -> list[int]:
        """Times at all paths, ISO 8601 with a zone, as microseconds since the epoch; none from before it."""
        found = []
        for path in paths:
            for text in self.texts(path):
                try:
                    micros = (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
                except (TypeError, ValueError) as error:
                    raise BadValue(self._at + path) from error
                if micros > LAST_TIME:
                    raise BadValue(self._at + path)
                if micros > 0:
                    found.append(micros)
        return found

    def time(self, *paths: str) -> int | None:
        """First time there is at the paths."""
        return next(iter(self.times(*paths)), None)

    def addresses(self, *paths: str) -> list[str]:
        """Addresses at all paths, each once, in RFC 5952 form, sorted."""
        return sorted({canonical(text, self._at + path) for path in paths for text in self.texts(path)})

    def address(self, path: str) -> str | None:
        """First address at a path, in RFC 5952 form."""
        found = self.text(path)
        return None if found is None else canonical(found, self._at + path)


@cache
def _steps(path: str) -> tuple[tuple[str, bool], ...]:
    """Keys of a path, each with whether it goes through every item of a list; paths are those of the program."""
    return tuple((step.removesuffix("[]"), step.endswith("[]")) for step in path.split("."))


def canonical(text: str, path: str) -> str:
    """Address text in RFC 5952 form; ``BadValue`` of the path when it is no address."""
    number = parse_address(text)
    if number is None:
        raise BadValue(path)
    return format_address(number)


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise BadValue(path)
    return value
