"""Texts of flow-log rows to canonical columns, as a dialect maps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from flowstitch.catalog.load import table
from flowstitch.catalog.protocols import protocols_with
from flowstitch.ingest.dialects import normal_key
from flowstitch.normalize.columns import STORAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.catalog.model import Field
    from flowstitch.normalize.columns import Pools

_MOST = {
    "port": 0xFFFF,
    "u8": 0xFF,
    "u16": 0xFFFF,
    "bytes": np.iinfo(np.int64).max,
    "count": np.iinfo(np.int64).max,
    "time": 253_402_300_799,  # the year 9999 in seconds: what is more is another unit
}
_UNITS = {"": 1, "s": 1_000_000}
_MAX_SPELLINGS = 8


@dataclass(frozen=True)
class Column:
    """How a dialect gives one canonical column.

    Attributes
    ----------
    target : the canonical field.
    key : its key in the dialect's own spelling, used in messages.
    needed : ``row``, ``flow``, ``ports`` or ``never``, see the dialect.
    unit : unit of a time.
    words : the dialect's words for the values of an enum.
    """

    target: Field
    key: str
    needed: str
    unit: str = ""
    words: dict[str, str] = field(default_factory=dict)

    def enum_code(self, word: str | None) -> int:
        """Code of the dialect's word for an enum value, 0 when it is none."""
        value = self.words.get(word or "", word)
        return self.target.code(value) if value in self.target.values else 0


class Plan:
    """A dialect of flow logs, and the spellings of its keys met so far.

    Parameters
    ----------
    dialect : a parsed file of ``schemas/dialects`` with a ``[columns]`` table.

    Attributes
    ----------
    columns : the columns in the dialect's order.
    lost : code of the log status that says that rows are missing.
    """

    def __init__(self, dialect: dict[str, Any]) -> None:
        flows = table(dialect["table"])
        self.columns = tuple(Column(flows[name], **raw) for name, raw in dialect["columns"].items())
        self.lost = flows["log_status"].code("SKIPDATA")
        self._ok = flows["log_status"].code("OK")
        self._nulls = frozenset(dialect["null"])
        self._spellings = {column.target.name: [column.key] for column in self.columns}
        self._names = {normal_key(column.key): column.target.name for column in self.columns}

    def learn(self, keys: Iterable[str]) -> bool:
        """Take up other spellings of the dialect's keys; True when one is new. No key gets more than eight."""
        new = False
        for key in keys:
            known = self._spellings.get(self._names.get(normal_key(key), ""))
            if known is not None and key not in known and len(known) < _MAX_SPELLINGS:
                known.append(key)
                new = True
        return new

    def parse(self, data: bytes) -> pl.DataFrame:
        """Texts of JSON lines, one column per canonical column; ``PolarsError`` when a line is no JSON object."""
        keys = [key for known in self._spellings.values() for key in known]
        frame = pl.read_ndjson(data, schema=dict.fromkeys(keys, pl.String))
        if len(keys) == len(self._spellings):
            frame.columns = list(self._spellings)
            return frame
        return frame.select(pl.coalesce(known).alias(name) for name, known in self._spellings.items())

    def convert(self, frame: pl.DataFrame, pools: Pools) -> tuple[Columns, Ints, Flags]:
        """Texts to canonical columns.

        Parameters
        ----------
        frame : what ``parse`` returned, n rows.
        pools : addresses and names are interned here.

        Returns
        -------
        (the columns of the dialect; number of the first column whose value does not fit, from 1, 0 where all fit;
        whether that value is missing), arrays of shape (n,).
        """
        fault = np.zeros(frame.height, np.int64)
        missing = np.zeros(frame.height, np.bool_)
        columns = self._numbers(frame) | self._words(frame, pools)
        scope = self._scope(columns)
        for number, column in enumerate(self.columns, 1):
            name = column.target.name
            null = STORAGE[column.target.type][1]
            values = columns[name]
            values[~scope[column.needed]] = null
            wrong = scope[column.needed] & (values == null)
            if wrong.any():
                given = self._given(frame[name])
                wrong &= given if column.needed == "never" else True
                first = wrong & (fault == 0)
                fault[first] = number
                missing |= first & ~given
            if name == "window_end":
                fault[(fault == 0) & (values < columns["window_start"])] = number
        return columns, fault, missing

    def _scope(self, columns: Columns) -> dict[str, Flags]:
        """For each word of ``needed`` the rows in which a column has a value at all."""
        ok = columns["log_status"] == self._ok
        numbers = columns["protocol_number"]
        ports = ok & (numbers >= 0) & protocols_with("ports")[np.maximum(numbers, 0)]
        return {"row": np.ones_like(ok), "flow": ok, "ports": ports, "never": ok}

    def _given(self, texts: pl.Series) -> Flags:
        given: Flags = (
            (texts.is_not_null() & ~texts.is_in(list(self._nulls))).fill_null(value=False).to_numpy()
        )
        return given

    def _numbers(self, frame: pl.DataFrame) -> Columns:
        """Whole numbers of texts, the type's null where there is none or it is out of range."""
        chosen = [column for column in self.columns if column.target.type in _MOST]
        names = [column.target.name for column in chosen]
        parsed = frame.select(pl.col(names).cast(pl.Int64, strict=False).fill_null(-1))
        columns: Columns = {}
        for column in chosen:
            storage, null = STORAGE[column.target.type]
            numbers = parsed[column.target.name].to_numpy()
            fits = (numbers >= 0) & (numbers <= _MOST[column.target.type])
            columns[column.target.name] = np.where(fits, numbers * _UNITS[column.unit], null).astype(storage)
        return columns

    def _words(self, frame: pl.DataFrame, pools: Pools) -> Columns:
        """Codes of texts, each distinct text looked at once; 0 where it stands for nothing."""
        columns: Columns = {}
        for column in self.columns:
            if column.target.type not in _MOST:
                encoded = frame[column.target.name].to_arrow().dictionary_encode()
                words = [None if word in self._nulls else word for word in encoded.dictionary.to_pylist()]
                known = np.append(self._codes(column, words, pools), 0).astype(STORAGE[column.target.type][0])
                columns[column.target.name] = known[
                    encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
                ]
        return columns

    @staticmethod
    def _codes(column: Column, words: Sequence[str | None], pools: Pools) -> NDArray[np.generic]:
        if column.target.type == "address":
            return pools.addresses.intern_texts(words)
        if column.target.type == "enum":
            return np.array([column.enum_code(word) for word in words], np.uint8)
        return pools.names.codes(word if word and word.isprintable() else None for word in words)
