"""Columns as integers, and their Arrow form.

Inside, a table is a mapping from field name to a numpy array of its storage type; a missing value is the
sentinel of that type. Outside it is an Arrow table with nulls and words.

    type              storage   null
    address           uint32    0, else a number of the AddressBook
    name              uint32    0, else a code of Names
    text              uint32    0, else a code of the texts
    enum              uint8     0, else 1 + index of the value
    flag              int8      -1
    port, u8, u16     int32     -1
    bytes, count      int64     -1
    time              int64     the smallest int64, else microseconds since the epoch, UTC
    id                uint64    0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from flowstitch.catalog.arrow import arrow_schema, arrow_type
from flowstitch.catalog.load import table
from flowstitch.kernels.lookup import look_up, mark_numbers
from flowstitch.normalize.address import AddressBook
from flowstitch.normalize.names import Names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.catalog.model import Field


NULL_TIME = np.iinfo(np.int64).min
# The last microsecond of the year 9999: beyond it ISO 8601 and Python have no dates.
LAST_TIME = 253_402_300_799_999_999
STORAGE: dict[str, tuple[type[np.generic], int]] = {
    "address": (np.uint32, 0),
    "name": (np.uint32, 0),
    "text": (np.uint32, 0),
    "enum": (np.uint8, 0),
    "flag": (np.int8, -1),
    "port": (np.int32, -1),
    "u8": (np.int32, -1),
    "u16": (np.int32, -1),
    "bytes": (np.int64, -1),
    "count": (np.int64, -1),
    "time": (np.int64, NULL_TIME),
    "id": (np.uint64, 0),
}


# Where codes go beyond so many times the rows, those that are used are found by sorting.
SPARSE = 8


@dataclass
class Pools:
    """What the numbers in columns stand for, one for a whole run; texts hardly recur, and nothing orders them."""

    addresses: AddressBook = field(default_factory=AddressBook)
    names: Names = field(default_factory=Names)
    texts: Names = field(default_factory=Names)


def null_columns(name: str, rows: int, known: Mapping[str, Any] | None = None) -> Columns:
    """All columns of the table ``name``: those that are ``known``, the others with ``rows`` nulls each; lists are Arrow arrays."""
    known = known or {}
    return {
        item.name: known[item.name] if item.name in known else _nulls(item, rows)
        for item in table(name).fields
    }


def _nulls(item: Field, rows: int) -> Any:
    if item.type not in STORAGE:
        return pa.nulls(rows, arrow_type(item))
    return np.full(rows, STORAGE[item.type][1], STORAGE[item.type][0])


def concat_columns(name: str, parts: Sequence[Columns], workers: Executor | None = None) -> Columns:
    """Rows of all parts in order, a column by each of the workers; a table of no rows when there is no part."""
    if not parts:
        return null_columns(name, 0)

    def whole(item: Field) -> Any:
        return _joined([part[item.name] for part in parts])

    fields = table(name).fields
    columns = workers.map(whole, fields) if workers else map(whole, fields)
    return {item.name: values for item, values in zip(fields, columns, strict=True)}


def _joined(parts: list[Any]) -> Any:
    return pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)


def take_columns(columns: Columns, rows: NDArray[Any] | slice) -> Columns:
    """Chosen rows of all columns, by index, mask or slice."""
    return {name: values[rows] for name, values in columns.items()}


def by_source(columns: Columns) -> Columns:
    """Rows with those of each source together, by line, as reading leaves them; sorted only if they are not so."""
    source, line = columns["source"], columns["line"]
    turns = source[1:] != source[:-1]
    heads = np.append(0, np.flatnonzero(turns) + 1)
    together = np.unique(source[heads[: source.shape[0]]]).shape[0] == heads.shape[0]
    if not source.shape[0] or (together and bool(((line[1:] >= line[:-1]) | turns).all())):
        return columns
    return take_columns(columns, np.lexsort((line, source)))


def span_of(columns: Columns, begin: str, end: str) -> tuple[Ints, Ints]:
    """From when to when each row is, by its two columns of times, shape (n,) each, int64, µs; where one is null the other says both."""
    first, last = columns[begin], columns[end]
    return np.where(first == NULL_TIME, last, first), np.where(last == NULL_TIME, first, last)


def to_arrow(name: str, columns: Mapping[str, object], pools: Pools) -> pa.Table:
    """Arrow table of the table ``name``.

    Parameters
    ----------
    columns : for each field a numpy array of its storage type, an Arrow array, or a sequence of Python values.

    Returns
    -------
    pyarrow.Table; the dictionaries hold what is used, sorted, so that equal columns give equal bytes.
    """
    arrays = [_encode(item, columns[item.name], pools) for item in table(name).fields]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(name))


def from_arrow(name: str, data: pa.Table, pools: Pools) -> Columns:
    """Columns of an Arrow table; the inverse of ``to_arrow`` for the types that have a storage."""
    return {
        item.name: _decode(item, data.column(item.name).combine_chunks(), pools)
        for item in table(name).fields
    }


def _encode(item: Field, values: object, pools: Pools) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(arrow_type(item))
    if not isinstance(values, np.ndarray) or item.type not in STORAGE:
        return _from_python(item, values)
    if item.type in {"address", "name", "enum"}:
        return _words(item, values, pools)
    if item.type == "text":
        used, numbers = renumber(values)
        words = pa.array([pools.texts.word(code) for code in used.tolist()], pa.string())
        return words.take(pa.array(numbers))
    lacking = values == STORAGE[item.type][1]
    return pa.array(values, mask=lacking if lacking.any() else None).cast(arrow_type(item))


def renumber(codes: NDArray[Any]) -> tuple[Ints, Ints]:
    """The codes that are used, ascending, and for each row which of them it has."""
    used = used_codes(codes)
    return used, _told(codes, used, np.arange(used.shape[0]))


def used_codes(codes: NDArray[Any]) -> Ints:
    """The codes that are used, ascending."""
    most = int(codes.max(initial=0))
    if most > SPARSE * codes.shape[0]:
        return np.unique(codes).astype(np.int64)
    # marking is faster than sorting where there are not many more codes than rows
    marks = np.zeros(most + 1, np.bool_)
    mark_numbers(codes, marks)
    return np.flatnonzero(marks)


def _told(codes: NDArray[Any], used: Ints, values: NDArray[Any]) -> NDArray[Any]:
    """What each row has by its code: ``values`` are those of the used codes."""
    most = int(used[-1]) if used.shape[0] else 0
    if most > SPARSE * codes.shape[0]:
        return values[np.searchsorted(used, codes)]
    by_code = np.empty(most + 1, values.dtype)
    by_code[used] = values
    told = np.empty(codes.shape[0], values.dtype)
    look_up(by_code, codes, told)
    return told


def _from_python(item: Field, values: object) -> pa.Array:
    kind = arrow_type(item)
    if pa.types.is_dictionary(kind):
        used = sorted({value for value in values if value is not None})  # type: ignore[attr-defined]
        index = {value: number for number, value in enumerate(used)}
        numbers = pa.array([index.get(value) for value in values], pa.int32())  # type: ignore[attr-defined]
        return pa.DictionaryArray.from_arrays(numbers, pa.array(used, pa.string()))
    return pa.array(values, kind)


def _words(item: Field, codes: NDArray[Any], pools: Pools) -> pa.DictionaryArray:
    used = used_codes(codes)
    # the first of them is null, where it is used
    nulls = int(not used[:1].all())
    order, words = _in_order(item, used[nulls:], pools)
    rank = np.full(used.shape[0], -1, np.int32)
    rank[order + nulls] = np.arange(order.shape[0])
    ranked = _told(codes, used, rank)
    return pa.DictionaryArray.from_arrays(pa.array(ranked, mask=ranked < 0 if nulls else None), words)


def _in_order(item: Field, codes: Ints, pools: Pools) -> tuple[Ints, pa.Array]:
    """Order of distinct codes by what they stand for, addresses by number, and the words in this order."""
    if item.type == "address":
        order = np.lexsort((pools.addresses.lo[codes], pools.addresses.hi[codes]))
        return order, pools.addresses.texts(codes[order])
    if item.type == "name":
        order = np.argsort(pools.names.ranks()[codes])
        words = [pools.names.word(code) for code in codes[order].tolist()]
    else:
        said = [item.values[code - 1] for code in codes.tolist()]
        order = np.array(sorted(range(len(said)), key=said.__getitem__), np.int64)
        words = [said[place] for place in order.tolist()]
    return order, pa.array(words, pa.string())


def _decode(item: Field, array: pa.Array, pools: Pools) -> NDArray[Any]:
    kind, null = STORAGE[item.type]
    if item.type in {"address", "name", "text", "enum"}:
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        words = array.dictionary.to_pylist()
        if item.type == "address":
            codes = pools.addresses.intern_texts(words)
        elif item.type == "name":
            codes = pools.names.codes(words)
        elif item.type == "text":
            codes = pools.texts.codes(words)
        else:
            codes = np.array([item.code(word) for word in words], np.uint8)
        table_of = np.append(codes, 0).astype(kind)
        indices = array.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        decoded: NDArray[Any] = table_of[indices]
        return decoded
    if item.type == "time":
        array = array.cast(pa.int64())
    elif item.type == "flag":
        array = array.cast(pa.int8())
    elif item.type != "id":
        array = array.cast(pa.int64())
    filled: NDArray[Any] = array.fill_null(null).to_numpy(zero_copy_only=False).astype(kind)
    return filled
