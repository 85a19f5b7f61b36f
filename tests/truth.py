"""Scores reconstructed datapaths against what the programs of a capture really did."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLOORS = {
    "found": 0.998, "no false path": 0.998, "dialled": 0.999, "server": 0.999, "server node": 0.999, "snat": 0.999,
    "outcome": 0.99, "return lands on": 0.999, "scenario": 0.999, "sop": 0.999, "ENI legs": 0.999,
}  # fmt: skip
COMPARED = {
    "dialled": ("dialled_ip", "dialled_port"), "server": ("server_ip", "server_port"), "server node": ("server_node",),
    "snat": ("snat_ip", "snat_port"), "return lands on": ("return_lands_on",), "scenario": ("scenario",), "sop": ("sop",),
}  # fmt: skip
LEGS = ("forward_out_eni", "forward_in_eni", "return_out_eni", "return_in_eni")
OUTCOMES = {
    "ok": {"established", "closed"},
    "refused": {"refused"},
    "none": {"unanswered", "one_way", "rejected"},
}
START_WITHIN_S = 3


@dataclass
class Score:
    """Hits and tries by measure, and what was missed."""

    hits: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    misses: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def count(self, measure: str, hit: bool, note: object) -> None:
        self.hits[measure] += hit
        self.tries[measure] += 1
        if not hit:
            self.misses[measure].append(note)

    def share(self, measure: str) -> float:
        return self.hits[measure] / self.tries[measure] if self.tries[measure] else 1.0


def read_truth(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def assign(truth: list[dict[str, str]], paths: list[dict[str, Any]]) -> dict[int, int]:
    """Truth rows to datapaths, one to one: same protocol, client and port or echo id, nearest start first."""
    by_client = defaultdict(list)
    for number, path in enumerate(paths):
        port = path["icmp_id"] if path["protocol"].startswith("icmp") else path["client_port"]
        by_client[path["protocol"], path["client_ip"], str(port or "")].append(number)
    pairs = []
    for row, known in enumerate(truth):
        port = known["icmp_id"] if known["protocol"].startswith("icmp") else known["client_port"]
        for number in by_client[known["protocol"], known["client_ip"], port]:
            gap = abs(paths[number]["first_seen"].timestamp() - float(known["t_start"]))
            if gap <= START_WITHIN_S:
                other = paths[number]["dialled_ip"] != known["dialled_ip"] and known["sop"] != "7"
                pairs.append((other, gap, row, number))
    found: dict[int, int] = {}
    taken = set()
    for _, _, row, number in sorted(pairs):
        if row not in found and number not in taken:
            found[row] = number
            taken.add(number)
    return found


def score(truth: list[dict[str, str]], paths: list[dict[str, Any]]) -> Score:
    """Score of all paths; '?' in the truth is unknown and not scored, an empty value is known to be null."""
    result, found = Score(), assign(truth, paths)
    for row, known in enumerate(truth):
        if known["lab_case"].startswith("ext_to_l7"):
            continue
        path = paths[found[row]] if row in found else None
        if known["in_conntrack"] == "yes":
            result.count("found", path is not None, known)
        if path is None:
            continue
        for measure, columns in COMPARED.items():
            if not (measure == "dialled" and known["sop"] == "7"):
                _compare(result, measure, columns, known, path)
        for leg in LEGS:
            _compare(result, "ENI legs", (leg,), known, path)
        if known["outcome"] != "?":
            result.count("outcome", path["outcome"] in OUTCOMES[known["outcome"]], (known, path["outcome"]))
    real = set(found.values())
    for number, path in enumerate(paths):
        backend = path["scenario"] == "lb-to-pod" and path["client_kind"] == "lb"
        result.count("no false path", number in real or backend, path)
    return result


def _compare(
    result: Score, measure: str, columns: tuple[str, ...], known: dict[str, str], path: dict[str, Any]
) -> None:
    wanted = [known[column] for column in columns]
    if "?" not in wanted:
        have = ["" if path[column] is None else str(path[column]) for column in columns]
        result.count(measure, have == wanted, (known["id"], known["lab_case"], wanted, have))
