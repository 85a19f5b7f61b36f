"""Community IDs are those of the specification, and of a twin that shares nothing with the macros but that."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterable

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.catalog.protocols import protocol_names
from flowstitch.sql.definitions import library

# Those of baseline/baseline_deflt.json of https://github.com/corelight/community-id-spec that are not of ICMP.
BASELINE = [
    ("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25, "tcp", "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    ("192.168.170.8", 7, "192.168.170.56", 7, "sctp", "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    ("128.232.110.120", 34855, "66.35.250.204", 80, "tcp", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("192.168.1.52", 54585, "8.8.8.8", 53, "udp", "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("10.1.12.1", None, "10.1.12.2", None, "46", "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
]  # fmt: skip
PORTS = st.integers(0, 65535)
# addresses that are often equal or near, so that ports decide and words begin with zeros
PAIRS = st.one_of(
    *(
        st.tuples(number, number).map(lambda pair, form=form: (str(form(pair[0])), str(form(pair[1]))))
        for form, bits in ((ipaddress.IPv4Address, 32), (ipaddress.IPv6Address, 128))
        for number in (st.integers(0, 3), st.integers(0, 2**bits - 1))
    )
)
# what is an address, or has only a part too many or too few
NEARLY = st.builds(
    str.join,
    st.sampled_from([".", ":", "::"]),
    st.lists(st.sampled_from(["0", "1", "01", "a", "ff", "256", "12345", "", "1:2", "10.0.0.1"]), max_size=9),
)


@pytest.fixture(scope="module")
def macros() -> Iterable[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for item in library():
            if item.name in ("addresses", "community_id"):
                connection.execute(item.body)
        yield connection


def asked(connection: duckdb.DuckDBPyConnection, *flow: object) -> str | None:
    (row,) = connection.execute("select community_id(?, ?, ?, ?, ?)", flow).fetchall()
    return row[0]


def twin(source: str, source_port: int, destination: str, destination_port: int, number: int) -> str:
    """Community ID of a flow whose protocol has ports, from bytes."""
    ends = sorted(
        (ipaddress.ip_address(ip).packed, port.to_bytes(2, "big"))
        for ip, port in ((source, source_port), (destination, destination_port))
    )
    (low, low_port), (high, high_port) = ends
    text = bytes(2) + low + high + bytes([number, 0]) + low_port + high_port
    return "1:" + base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize("flow", BASELINE)
def test_specification(macros: duckdb.DuckDBPyConnection, flow: tuple) -> None:
    source, source_port, destination, destination_port, protocol, expected = flow
    assert asked(macros, source, source_port, destination, destination_port, protocol) == expected
    assert asked(macros, destination, destination_port, source, source_port, protocol) == expected


@settings(max_examples=25)
@given(PAIRS, PORTS, PORTS, st.sampled_from([6, 17, 132]))
def test_twin(
    macros: duckdb.DuckDBPyConnection, pair: tuple[str, str], first: int, second: int, number: int
) -> None:
    assert asked(macros, pair[0], first, pair[1], second, number) == twin(
        pair[0], first, pair[1], second, number
    )


@settings(max_examples=25)
@given(st.lists(NEARLY | PAIRS.map(lambda pair: pair[0]), min_size=20, max_size=40))
def test_addresses_are_those_of_the_standard_library(
    macros: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    told = macros.execute("select list_transform($texts, lambda ip: ip_hex(ip))", {"texts": texts})
    assert told.fetchall() == [([packed(text) for text in texts],)]


def packed(text: str) -> str | None:
    try:
        return ipaddress.ip_address(text).packed.hex()
    except ValueError:
        return None


def test_numbers_of_protocols_are_those_of_the_schema(macros: duckdb.DuckDBPyConnection) -> None:
    names = protocol_names()
    asked_numbers = macros.execute(
        "select list_transform($names, lambda name: protocol_number(name))", {"names": list(names)}
    )
    assert asked_numbers.fetchall() == [(list(range(256)),)]
