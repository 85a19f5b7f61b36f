"""Parts of values that say several things at once, as Polars expressions over their texts; all take linear time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

# An address, with brackets or without, and what stands behind the last colon.
_ENDPOINT = r"^\[?([^\[\]]+?)\]?(?::([^:\[\]]*))?$"
_BARE_IPV6 = r"(^| )([0-9A-Fa-f]*:[0-9A-Fa-f:.]*):([0-9]+)"
# A request line has an absolute URL whose port the balancer adds; what it could not read of it is a `-`, behind the port too.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_METHOD = r"^ *([^ ]+)"
_HOST = rf"{_METHOD} +{_SCHEME}(\[[^\]/?#* ]*\]|[^/?#*: ]*)"
# A client's blanks in the URL are logged as they came: only what looks like a version ends it.
_URI = rf"{_METHOD} +(?:{_SCHEME}(?:[^/?#* ]*[^/?#* -])?)?([/?#*].*?)(?: +HTTP/[0-9.]+)? *$"


def _address(text: pl.Expr) -> pl.Expr:
    # what is no endpoint stays whole, and fails as an address
    return text.str.replace(_ENDPOINT, "${1}")


def _port(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_ENDPOINT, 2)


def _whole(text: pl.Expr) -> pl.Expr:
    return text.str.strip_suffix(".0")


def _list(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(" ").str.replace_all(" +", ", ")


def _endpoints(text: pl.Expr) -> pl.Expr:
    return _list(text.str.replace_all(_BARE_IPV6, "${1}[${2}]:${3}"))


def _method(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_METHOD)


def _host(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_HOST, 2)


def _uri(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_URI, 2)


# The words that a column of a dialect may have as `part`, see schemas/README.md.
PARTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "address": _address,
    "port": _port,
    "whole": _whole,
    "list": _list,
    "endpoints": _endpoints,
    "method": _method,
    "host": _host,
    "uri": _uri,
}
