"""Whether a query only reads, by its words.

The session that it runs in has no way to other files. What is left is to write below the result itself, which COPY
can do anywhere at the top level of a statement, even in a WITH clause.
"""

from __future__ import annotations

import re

from flowstitch.errors import UsageError

_READING = frozenset(
    ["select", "from", "with", "values", "table", "show", "describe", "desc", "summarize", "explain", "pivot", "unpivot"]
)  # fmt: skip
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"\w*")
_UNSAFE = "give --unsafe to let it write, or read other files"


def check_reads(query: str) -> None:
    """Raise ``UsageError`` for a query that could do more than read, or is several; the words in quotes and comments do not count."""
    statements = _statements(query)
    for words in statements:
        first = words[0]
        # without a keyword it is no statement, which DuckDB says better
        if first and first not in _READING:
            raise UsageError(
                f"the query begins with {first.upper()}, expected one that reads, like SELECT, FROM, WITH or DESCRIBE; {_UNSAFE}."
            )
        for word, wrong in (("copy", True), ("analyze", first == "explain")):
            if wrong and word in words:
                raise UsageError(
                    f"the query has {word.upper()}, which can write files; quote it if it is a name, or {_UNSAFE}."
                )
    # only the answer of the last would be seen, and what reads does nothing for those behind it
    if len(statements) > 1:
        raise UsageError(
            f"one statement at a time; got {len(statements)}. Ask each alone, or give --unsafe to run all and see the last answer."
        )


def _statements(query: str) -> list[list[str]]:
    """Keywords of each statement, in lower case; where the first word is none, an empty one stands for it."""
    import duckdb  # noqa: PLC0415

    # other than ASCII can be blanks to DuckDB, and never is a keyword
    text = _NOT_ASCII.sub(" ", query)
    statements: list[list[str]] = [[]]
    for offset, kind in duckdb.tokenize(text):
        if text[offset] == ";":
            statements.append([])
        elif kind == duckdb.token_type.keyword:
            match = _WORD.match(text, offset)
            statements[-1].append(match[0].lower() if match else "")
        elif kind == duckdb.token_type.identifier and not statements[-1]:
            statements[-1].append("")
    return [words for words in statements if words]
