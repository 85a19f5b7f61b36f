"""Every way through ENIIP that is known has a case, with the entries that conntrack has of it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dataplanes.building import Case

FOLDER = Path(__file__).parent
WAYS: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "ways.toml").read_text(encoding="utf-8"))["ways"]
# Ports of the services of the cluster, by the end that has them.
_SERVICE_KINDS = ("vip", "lbip", "extip")


@pytest.mark.parametrize("way", WAYS)
def test_a_way_has_its_cases(way: str) -> None:
    wanted = WAYS[way]
    assert wanted["cases"]
    for name in wanted["cases"]:
        case = Case(FOLDER / "terway-eniip" / f"{name}.toml")
        entries = _shapes(case)
        if "fails" in wanted:
            assert not entries, name
            assert [row["client_kinds"] for row in case.raw["dead_ends"]] == [wanted["fails"]], name
        else:
            assert "path" in case.raw, name
            assert entries == [wanted["a"], wanted.get("b")][: len(entries)], name
            assert entries, name


def test_what_a_way_has_on_the_backends_node_is_in_a_case() -> None:
    for way, wanted in WAYS.items():
        longest = max(
            len(_shapes(Case(FOLDER / "terway-eniip" / f"{name}.toml"))) for name in wanted["cases"]
        )
        assert longest == len([side for side in ("a", "b") if side in wanted]), way


def test_an_entry_of_another_shape_is_seen() -> None:
    case = Case(FOLDER / "terway-eniip" / "s5-lbip-cluster-remote.toml")
    case.raw["conntrack"] = ["a pod:40000>lbip:80 far:8080>pod:40000", "b far:8080>pod:40000"]
    assert _shapes(case) == ["pod:sp>lbip:svc be:tp>pod:sp", "be:tp>pod:sp"]


def _shapes(case: Case) -> list[str]:
    """Entries of a case, kinds in place of names and ports."""
    lines = [
        [word for word in line.split()[1:] if ">" in word and "=" not in word]
        for line in case.raw.get("conntrack", ())
    ]
    if not lines:
        return []
    client, port = lines[0][0].split(">")[0].split(":")

    def end(text: str, *, replied: bool) -> str:
        name, number = text.split(":")
        kind = _kind(case, name, client)
        if number == port:
            return f"{kind}:sp"
        if kind in _SERVICE_KINDS:
            return f"{kind}:svc"
        if kind == "node":
            return f"{kind}:{'np' if number.startswith('300') and not replied else 'rp'}"
        return f"{kind}:tp"

    return [
        " ".join(
            ">".join(end(side, replied=place > 0) for side in wire.split(">"))
            for place, wire in enumerate(line)
        )
        for line in lines
    ]


def _kind(case: Case, name: str, client: str) -> str:
    if name in case.cluster["pods"]:
        return "pod" if name == client else "be"
    if name in case.cluster["nodes"]:
        return "node"
    return next((kind for kind in _SERVICE_KINDS if name.endswith(kind)), "client")
