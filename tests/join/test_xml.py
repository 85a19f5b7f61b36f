"""What becomes of a dump in XML, which has no echo identifiers."""

import pytest

import flowstitch
from conntrack_formats import Entry, text_of, xml_of

TAKEN = 1_795_395_145
ENDS = ("10.0.1.91", "10.0.3.58"), ("10.0.3.58", "10.0.1.91")


def pings(form, first, **said):
    write = xml_of if form.startswith("xml") else text_of
    entries = [
        Entry(1, *((*end, echo, 0) for end in ENDS), id=first + echo, timeout=20, **said) for echo in (77, 78)
    ]
    return "".join(write(entry, form) for entry in entries)


@pytest.mark.parametrize(
    "said", [{}, {"age": 10, "start_ns": (TAKEN - 10) * 10**9}], ids=["plain", "stamped"]
)
@pytest.mark.parametrize(
    ("form", "echoes"), [("xml-ktimestamp", [None, None]), ("extended-id-ktimestamp", [77, 78])]
)
def test_pings_at_once_stay_apart(tmp_path, form, echoes, said):
    for first, node in ((0, "n1"), (500, "n2")):
        folder = tmp_path / "export" / "nodes" / node
        folder.mkdir(parents=True)
        (folder / f"conntrack-list.{TAKEN}.0").write_text(pings(form, first, **said))
    flowstitch.run(tmp_path / "export", out=tmp_path / "out")
    with flowstitch.open(tmp_path / "out") as result:
        assert sorted(result.table("datapaths")["icmp_id"].to_pylist(), key=str) == echoes
        # both nodes have both
        assert result.table("segments")["observers"].to_pylist() == [["n1", "n2"]] * 2
