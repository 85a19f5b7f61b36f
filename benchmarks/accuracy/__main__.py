"""Precision and recall of a run, for perfect observation and as each defect of it grows.

    python benchmarks/accuracy [--connections 5000] [--seeds 3] [--only NAME ...] [--output FILE.json]

Prints a Markdown table: a line is simulations with one dial turned, all seeds together. What was said is precise if it is so,
and recalls what is so if it was said; null says nothing. The last two columns count wrong paths in 10,000 (none such, or
another server, return ENI or scenario): those that say ``ambiguous``, and those that do not. Exit code 1 if what is promised
is not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import flowstitch
from flowstitch.simulator.accuracy import PROMISED, WHOLE, Measure, accuracy
from flowstitch.simulator.generate import generate
from flowstitch.simulator.settings import Settings

Found = dict[str, Measure]
SHOWN = (*PROMISED, "return lands on", "outcome", "requests")
# Precision and recall that are promised of ``PROMISED``, by dial.
FLOORS = {"perfect": (0.9999, 0.9999), "together": (0.999, 0.99)}
# What is turned, and how far.
DIALS: dict[str, list[dict[str, Any]]] = {
    "perfect": [{}, {"proxy": "iptables"}, {"families": (1,)}, {"families": (0, 1)}, {"port_reuse": 0.05}],
    "together": [{"lost_events": 0.01, "clock_skew_s": 2, "port_reuse": 0.05}],
    "port-reuse": [{"port_reuse": share} for share in (0.0, 0.1, 0.2, 0.3)],
    "window": [{"window_s": width, "port_reuse": 0.05} for width in (60, 300, 600)],
    "lost-events": [{"lost_events": share} for share in (0.001, 0.01, 0.05, 0.2)],
    "ends-only": [{"events": "ends"}],
    "dumps-only": [{"events": "none", "dumps": dumps} for dumps in (30, 10, 3)],
    "dumps": [{"dumps": dumps, "lost_events": 0.01} for dumps in (10, 3, 1, 0)],
    "lost-nodes": [{"lost_nodes": count} for count in (1, 2, 3)],
    "skipped-windows": [{"skipped_windows": share} for share in (0.01, 0.1, 0.5)],
    "clock-skew": [{"clock_skew_s": seconds} for seconds in (0.1, 1, 2, 5, 30)],
    "torn-files": [{"torn_files": share} for share in (0.05, 0.2)],
    "several": [{"lost_events": 0.02, "lost_nodes": 1, "skipped_windows": 0.05, "clock_skew_s": 2}],
}


def measured(wishes: dict[str, Any], connections: int, seed: int) -> Found:
    """Measures of one simulation."""
    with tempfile.TemporaryDirectory(prefix="flowstitch-") as directory:
        simulation, result = Path(directory) / "simulation", Path(directory) / "result"
        generate(Settings(connections=connections, seed=seed, **wishes), simulation)
        flowstitch.run(simulation / "export", out=result)
        return accuracy(result, simulation)


def lines(chosen: list[str], connections: int, seeds: int) -> Iterator[tuple[str, dict[str, Any], Found]]:
    """Dial, settings, and measures of all seeds together."""
    for dial in chosen:
        for wishes in DIALS[dial]:
            runs = [measured(wishes, connections, seed) for seed in range(1, seeds + 1)]
            yield dial, wishes, {name: reduce(add, (run[name] for run in runs)) for name in runs[0]}


def kept(dial: str, found: Found) -> bool:
    """Whether a line keeps what is promised of its dial."""
    precision, recall = FLOORS.get(dial, (0.0, 0.0))
    return all(found[name].precision >= precision and found[name].recall >= recall for name in PROMISED)


def row(dial: str, wishes: dict[str, Any], found: Found) -> str:
    """A line of the table."""
    words = ", ".join(f"{name.replace('_', '-')} {_plain(value)}" for name, value in wishes.items())
    whole = found[WHOLE]
    wrong = [f"{10_000 * count / whole.given:.3g}" for count in (whole.doubted, whole.misled)]
    shares = [f"{_share(found[name].precision)} / {_share(found[name].recall)}" for name in SHOWN]
    return f"| {' | '.join((dial, words or 'all defaults', *shares, *wrong))} |"


def _plain(value: Any) -> Any:
    return "+".join(("IPv4", "IPv6")[family] for family in value) if isinstance(value, tuple) else value


def _share(share: float) -> str:
    """Four digits, where only what is whole is 1."""
    return "1" if share == 1 else f"{min(share, 0.9999):.4f}"


def main() -> None:
    """Print the table; exit 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(DIALS), default=list(DIALS))
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    heads = ("dial", "settings", *SHOWN, "wrong, ambiguous", "wrong, not")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    broken, written = [], []
    for dial, wishes, found in lines(asked.only, asked.connections, asked.seeds):
        print(row(dial, wishes, found), flush=True)
        counts = {name: vars(measure) for name, measure in found.items()}
        written.append({"dial": dial, "settings": wishes, "measures": counts})
        if not kept(dial, found):
            broken.append(dial)
    if asked.output:
        asked.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    sys.exit(f"not kept: {', '.join(broken)}" if broken else 0)


if __name__ == "__main__":
    main()
