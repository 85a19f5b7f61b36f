"""Texts of log lines to canonical columns, as a dialect maps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from flowstitch.catalog.load import table
from flowstitch.ingest.dialects import normal_key
from flowstitch.ingest.judging import INTERFACE_ADDRESSES, judge
from flowstitch.ingest.model import MAX_TEXT
from flowstitch.ingest.requesttimes import complete_connections, complete_requests
from flowstitch.ingest.textparts import PARTS
from flowstitch.normalize.columns import LAST_TIME, NULL_TIME, STORAGE, null_columns
from flowstitch.normalize.numbers import scaled_decimals, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags
    from flowstitch.catalog.model import Field
    from flowstitch.ingest.layouts import Layout
    from flowstitch.normalize.columns import Pools

_MOST = {
    "port": 0xFFFF,
    "u8": 0xFF,
    "u16": 0xFFFF,
    "bytes": np.iinfo(np.int64).max,
    "count": np.iinfo(np.int64).max,
    "time": LAST_TIME,
}
_UNITS = {"": 1, "us": 1, "ms": 1000, "s": 1_000_000}
# Units of a time that is a text: with its offset, and with or without one.
_ISO, _ISO_UTC = "iso", "iso-utc"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_SPELLINGS = 8
Spellings = tuple[tuple[str, ...], ...]
# What follows from a column, and finds the rows in which it cannot be.
_COMPLETIONS = {"received_at": complete_requests, "opened_at": complete_connections}


@dataclass(frozen=True)
class Column:
    """How a dialect gives one canonical column.

    Attributes
    ----------
    target : the canonical field.
    keys : its key in the dialect's own spelling; where there are several, the first that a row has counts.
    part : the part of the text that it is, a word of ``PARTS``; '' for all of it.
    needed : ``row``, ``flow``, ``ports`` or ``never``, see ``schemas/README.md``.
    unit : unit of a time or duration; ``iso`` is the text of a time with its offset, ``iso-utc`` of one that is UTC without.
    cut : a text of more than ``MAX_TEXT`` characters is cut; it does not fit without.
    words : the dialect's words for the values of an enum, or for names.
    default : text that an absent value stands for, '' for none.
    """

    target: Field
    keys: tuple[str, ...]
    needed: str
    part: str = ""
    unit: str = ""
    cut: bool = False
    words: dict[str, str] = field(default_factory=dict)
    default: str = ""

    @property
    def key(self) -> str:
        """The key that messages name."""
        return self.keys[-1]

    @property
    def is_number(self) -> bool:
        """Whether its texts are numbers, and not looked at each distinct one once."""
        return self.target.type in _MOST and self.unit not in {_ISO, _ISO_UTC}

    @property
    def is_duration(self) -> bool:
        """Whether its numbers have a unit and may have a fraction."""
        return self.target.type == "count" and bool(self.unit)

    @property
    def is_plain(self) -> bool:
        """Whether its texts are whole numbers, addresses or words, and an absent one is no number."""
        if self.part:
            return False
        if self.is_number:
            return not self.is_duration and not self.default
        return self.target.type in {"address", "enum", "name"}

    @property
    def most(self) -> int:
        """Largest number that fits; of a time what is more is another unit."""
        return _MOST[self.target.type] // (self.scale if self.target.type == "time" else 1)

    @property
    def scale(self) -> int:
        """What its numbers are multiplied with."""
        return _UNITS[self.unit]

    @property
    def null(self) -> int:
        """What stands for no value."""
        return STORAGE[self.target.type][1]

    def enum_code(self, word: str | None) -> int:
        """Code of the dialect's word for an enum value, 0 when it is none."""
        value = self.words.get(word or "", word)
        return self.target.code(value) if value in self.target.values else 0


class Plan:
    """What the texts of a dialect's rows mean, and the spellings of its keys met so far.

    Parameters
    ----------
    dialect : a parsed file of ``schemas/dialects`` with a ``[columns]`` table.

    Attributes
    ----------
    table : that its rows are of.
    columns : the columns in the dialect's order.
    nulls : texts that mean null.
    pod_addresses : keys of the addresses by which pods are told apart, where others are those of interfaces.
    """

    def __init__(self, dialect: dict[str, Any]) -> None:
        self.table = dialect["table"]
        fields = table(self.table)
        self.columns = tuple(_column(fields[name], **raw) for name, raw in dialect["columns"].items())
        self.nulls = frozenset(dialect["null"])
        self.pod_addresses: list[str] = dialect.get("pod_addresses", [])
        self._note: list[str] = [dialect["note"]] if "note" in dialect else []
        self._spellings = {key: [key] for column in self.columns for key in column.keys}
        self._names = {normal_key(key): key for key in self._spellings}

    def learn(self, keys: Iterable[str]) -> bool:
        """Take up other spellings of the dialect's keys; True when one is new. No key gets more than eight."""
        new = False
        # lines mostly repeat them
        for key in dict.fromkeys(keys):
            known = self._spellings.get(self._names.get(normal_key(key), ""))
            if known is not None and key not in known and len(known) < _MAX_SPELLINGS:
                known.append(key)
                new = True
        return new

    @property
    def known_spellings(self) -> Spellings:
        """Those of each key, in the order in which they count."""
        return tuple(map(tuple, self._spellings.values()))

    @property
    def spellings(self) -> int:
        """How many spellings of keys are known; it only grows."""
        return sum(map(len, self._spellings.values()))

    def spelt(self, column: Column, names: Container[str]) -> list[str]:
        """Those of the names that are spellings of a column's keys, in the order in which they count."""
        return [name for key in column.keys for name in self._spellings[key] if name in names]

    def parse(self, data: bytes) -> pl.DataFrame:
        """Texts of JSON lines, one column per canonical column; ``PolarsError`` when a line is no JSON object."""
        return self.choose(self.texts(data))

    def texts(self, data: bytes) -> pl.DataFrame:
        """The same, one column per spelling of a key."""
        keys = [key for known in self._spellings.values() for key in known]
        if data and not data.startswith(b"{"):
            # polars unpacks what begins as a packed file does, whatever it is and however large it becomes
            data = b" " + data
        return pl.read_ndjson(data, schema=dict.fromkeys(keys, pl.String))

    def frame(self, layout: Layout | None, rows: Sequence[Sequence[str]]) -> pl.DataFrame:
        """Texts of rows that have a value for each of the layout's names, one column per canonical column."""
        places: dict[str, int] = {}
        for place, name in enumerate(() if layout is None else layout.names):
            places.setdefault(self.key_of(name), place)
        return self.choose(
            pl.DataFrame(
                {
                    key: [row[places[key]] for row in rows] if key in places else [None] * len(rows)
                    for key in self._spellings
                },
                schema=dict.fromkeys(self._spellings, pl.String),
            )
        )

    def key_of(self, name: str) -> str:
        """The dialect's own spelling of a key, '' when it has none such."""
        return self._names.get(normal_key(name), "")

    def knows(self, name: str) -> bool:
        """Whether a column of that name says anything."""
        return bool(self.key_of(name))

    def may_be_cut(self, name: str) -> bool:
        """Whether the start of a value of that name could pass for the whole: a number or an address."""
        key = self.key_of(name)
        return any(
            key in column.keys and (column.is_number or column.target.type == "address")
            for column in self.columns
        )

    def warnings(self, layouts: Iterable[Layout]) -> list[str]:
        """What to say of logs of the dialect, and of such columns: that they lack those by which pods are told apart."""
        names = [set(map(normal_key, layout.names)) for layout in layouts]
        lacking = [key for key in self.pod_addresses if any(normal_key(key) not in have for have in names)]
        if not lacking:
            return self._note
        sentence = (
            f"it has no {' and no '.join(lacking)}: the other addresses are the interfaces' primary ones, so the traffic of "
            "pods cannot be told apart; add these fields to the format of the flow log."
        )
        return [*self._note, sentence]

    def choose(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Texts by key or a spelling of it, to one column per canonical column: the first text that says something."""
        self.learn(frame.columns)
        chosen = []
        for column in self.columns:
            spellings = self.spelt(column, frame.columns)
            text = pl.lit(None, pl.String)
            if len(spellings) == 1:
                text = pl.col(spellings[0])
            elif spellings:
                said = [pl.col(spelling).replace(list(self.nulls), None) for spelling in spellings]
                text = pl.coalesce(*said, *spellings)
            chosen.append((PARTS[column.part](text) if column.part else text).alias(column.target.name))
        return frame.select(*chosen, self._said_by_interfaces(frame))

    def _said_by_interfaces(self, frame: pl.DataFrame) -> pl.Expr:
        """Rows that do not have all addresses by which pods are told apart."""
        spelt = [
            [name for name in self._spellings.get(key, ()) if name in frame.columns]
            for key in self.pod_addresses
        ]
        if not all(spelt):
            return pl.lit(value=True).alias(INTERFACE_ADDRESSES)
        said = [
            pl.any_horizontal(
                pl.col(name).is_not_null() & ~pl.col(name).is_in(list(self.nulls)) for name in names
            )
            for names in spelt
        ]
        return (~pl.all_horizontal(said) if said else pl.lit(value=False)).alias(INTERFACE_ADDRESSES)

    def convert(self, frame: pl.DataFrame, pools: Pools) -> tuple[Columns, NDArray[np.int16], Flags]:
        """Texts to canonical columns.

        Parameters
        ----------
        frame : what ``parse`` returned, n rows.
        pools : addresses and names are interned here.

        Returns
        -------
        (the columns of the dialect's table; number of the first column whose value does not fit, from 1, 0 where all fit;
        whether that value is missing), arrays of shape (n,).
        """
        frame = frame.with_columns(
            pl.col(column.target.name).fill_null(column.default) for column in self.columns if column.default
        )
        columns = null_columns(self.table, frame.height) | self._numbers(frame) | self._words(frame, pools)
        if INTERFACE_ADDRESSES in columns:
            columns[INTERFACE_ADDRESSES][:] = frame[INTERFACE_ADDRESSES].to_numpy()
        fault, missing = judge(self.columns, columns, lambda name: self._given(frame[name]))
        targets = [column.target.name for column in self.columns]
        for target, complete in _COMPLETIONS.items():
            if target in targets:
                wrong = complete(columns)
                fault[(fault == 0) & wrong] = targets.index(target) + 1
        return columns, fault, missing

    def _given(self, texts: pl.Series) -> Flags:
        given: Flags = (
            (texts.is_not_null() & ~texts.is_in(list(self.nulls))).fill_null(value=False).to_numpy()
        )
        return given

    def _numbers(self, frame: pl.DataFrame) -> Columns:
        """Whole numbers of texts, the type's null where there is none or it is out of range."""
        whole = [column for column in self.columns if column.is_number and not column.is_duration]
        parsed = frame.select(whole_numbers(column.target.name for column in whole))
        columns: Columns = {}
        for column in whole:
            storage, null = STORAGE[column.target.type]
            numbers = parsed[column.target.name].to_numpy()
            fits = (numbers >= 0) & (numbers <= column.most)
            columns[column.target.name] = np.where(fits, numbers * column.scale, null).astype(storage)
        for column in self.columns:
            if column.is_duration:
                columns[column.target.name] = scaled_decimals(frame[column.target.name], column.scale)
        return columns

    def _words(self, frame: pl.DataFrame, pools: Pools) -> Columns:
        """Codes of texts, each distinct text looked at once; 0 where it stands for nothing."""
        columns: Columns = {}
        for column in self.columns:
            if not column.is_number:
                encoded = frame[column.target.name].to_arrow().dictionary_encode()
                words = [None if word in self.nulls else word for word in encoded.dictionary.to_pylist()]
                storage, null = STORAGE[column.target.type]
                known = np.append(self.codes(column, words, pools), null).astype(storage)
                columns[column.target.name] = known[
                    encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
                ]
        return columns

    @staticmethod
    def codes(column: Column, words: Sequence[str | None], pools: Pools) -> NDArray[np.generic]:
        """What distinct words of a column stand for, None for a null text; the column's null where they do not fit."""
        if column.target.type == "address":
            return pools.addresses.intern_texts(words)
        if column.target.type == "enum":
            return np.array([column.enum_code(word) for word in words], np.uint8)
        if column.target.type == "time":
            return np.array([_iso_time(word, utc=column.unit == _ISO_UTC) for word in words], np.int64)
        if column.target.type == "text":
            return pools.texts.codes(
                word if word is None or len(word) <= MAX_TEXT else word[:MAX_TEXT] if column.cut else None
                for word in words
            )
        return pools.names.codes(
            column.words.get(word or "", word) if _is_name(word) else None for word in words
        )


def _column(target: Field, key: str | list[str], **raw: Any) -> Column:
    return Column(target, (key,) if isinstance(key, str) else tuple(key), **raw)


def _iso_time(text: str | None, *, utc: bool) -> int:
    """µs since the epoch of an ISO 8601 text; null where it has no offset and is not ``utc`` then, or is not of 1970 to 9999."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return NULL_TIME
    if moment.tzinfo is None:
        if not utc:
            return NULL_TIME
        moment = moment.replace(tzinfo=UTC)
    since = (moment - _EPOCH) // _MICROSECOND
    return since if 0 <= since <= LAST_TIME else NULL_TIME


def _is_name(word: str | None) -> bool:
    return word is not None and len(word) <= MAX_TEXT and word.isprintable()
