import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.kernels.address_text import parse_address
from flowstitch.normalize import address

NEAR_MISSES = [
    "", ".", ":", "::", ":::", "1", "1.2.3", "1.2.3.4", "1.2.3.4.", ".1.2.3.4", "1.2.3.4.5", "01.2.3.4", "0.0.0.0", "00.0.0.0",  # noqa: S104
    "255.255.255.255", "256.0.0.1", "1..2.3", "1.2.3.999999999999999999999", "::1", "1::", "1::2::3", "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4", "::ffff:10.0.1.91", "::1.2.3", "::1.2.3.4:5", "1.2.3.4::", "::12345", "::g", "g::",
    "1:", ":1", "1:2", "fe80::1%eth0", "FE80::ABCD", "fd00:0088:0001:0000:0000:0000:0000:0002", "::0001", "::00001", "[::1]",
    " 1.2.3.4", "1.2.3.4 ", "1.2.3.-4", "\u0661.2.3.4", "::\u0661", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]  # fmt: skip


def parse(text):
    raw = text.encode() if isinstance(text, str) else text
    # what surrounds the address must not matter
    good, high, low = parse_address(np.frombuffer(b"1:." + raw + b":1.", np.uint8), 3, 3 + len(raw))
    return int(high) << 64 | int(low) if good else None


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_like_twin(text):
    assert parse(text) == naive.address(text.encode())


@given(st.ip_addresses())
def test_every_address(ip):
    assert parse(str(ip)) == parse(ip.exploded) == naive.address(str(ip).encode())


@given(st.ip_addresses(v=4))
def test_embedded_ipv4(ip):
    assert parse(f"::ffff:{ip}") == parse(str(ip)) == int(ipaddress.IPv6Address(f"::ffff:{ip}"))


@given(st.text(alphabet="0123456789abcdefF:.", max_size=24))
def test_any_text(text):
    assert parse(text) == naive.address(text.encode())


@given(st.lists(st.sampled_from(["", "0", "1", "ff", "abcd", "12345", "1.2.3.4"]), max_size=10))
def test_any_groups(groups):
    text = ":".join(groups)
    assert parse(text) == naive.address(text.encode())


@given(
    st.sampled_from(NEAR_MISSES)
    | st.ip_addresses().map(str)
    | st.text("0123456789.:\0\ud800\u0661", max_size=16)
    | st.lists(st.text("0123456789", max_size=4), min_size=3, max_size=5).map(".".join)
)
def test_texts_are_the_addresses_that_the_library_takes(text):
    try:
        wanted = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        assert address.parse_address(text) is None
    else:
        found = address.parse_address(text)
        assert found == int(wanted) if wanted.version == 6 else found == int(wanted) + (0xFFFF << 32)
