"""Lines of conntrack text, and what can become of them."""

import re
from pathlib import Path

from hypothesis import strategies as st

LINES = [
    line
    for path in sorted((Path(__file__).parent / "dialects").glob("conntrack-*/in.*"))
    if path.suffix != ".xml" and not path.parent.name.startswith("conntrack-save")
    for line in path.read_bytes().splitlines()
]
LINES.append(
    b"icmp 1 0 src=0.0.0.0 dst=:: type=0 code=0 id=0 src=:: dst=0.0.0.0 type=0 code=0 id=0 mark=0 use=0 id=0"
)
TOKENS = sorted({token for line in LINES for token in re.findall(rb"\[[^\]]*\]|\S+", line)} | {
    b"src=", b"dst=::", b"sport=99999", b"id=", b"bytes=9223372036854775808", b"bytes=18446744073709551616", b"mark=-1",
    b"srckey=0x123456789", b"zone=65535", b"zone-reply=3", b"type=8", b"code=256", b"[start=Mon", b"[stop=]", b"[", b"]", b"=",
    b"labels", b"ipv6", b"255", b"256", b"SHUTDOWN_ACK_SENT", b"SHUTDOWN_ACK_SENT_", b"[ASSURED", b"[12]", b"[12.5]", b"\0tcp",
})  # fmt: skip


@st.composite
def shuffled_lines(draw):
    """Lines with tokens dropped, doubled, swapped, put in, and blanks of any number."""
    tokens = re.findall(rb"\[[^\]]*\]|\S+", draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(tokens)))
        what = draw(st.sampled_from(["drop", "double", "swap", "put"]))
        if what == "drop":
            del tokens[place : place + 1]
        elif what == "double":
            tokens[place:place] = tokens[place : place + 1]
        elif what == "swap":
            tokens[place : place + 2] = tokens[place : place + 2][::-1]
        else:
            tokens.insert(place, draw(st.sampled_from(TOKENS)))
    blanks = draw(st.sampled_from([b" ", b"  ", b"\t", b" \t "]))
    return (
        draw(st.sampled_from([b"", b" "])) + blanks.join(tokens) + draw(st.sampled_from([b"", b" ", b"\r"]))
    )
