"""Precision and recall of a run, for perfect observation and as each defect of it grows.

    python benchmarks/accuracy [--connections 5000] [--seeds 1] [--only NAME ...] [--output FILE.json]

Each line is a simulation with one dial turned, the median of the seeds: what was said of paths, server, scenario and
return is precise if it is so, and recalls what is so if it was said. Null says nothing. Perfect observation must be perfect;
otherwise the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flowstitch
from flowstitch.simulator.accuracy import Measure, accuracy
from flowstitch.simulator.generate import generate
from flowstitch.simulator.settings import Settings

SHOWN = (
    "paths",
    "dialled",
    "server",
    "snat",
    "scenario",
    "return lands on",
    "return ENI",
    "outcome",
    "requests",
)
# What is turned, and how far.
DIALS: dict[str, list[dict[str, Any]]] = {
    "perfect": [{}, {"proxy": "iptables"}, {"families": (1,)}, {"window_s": 600}],
    "lost-events": [{"lost_events": share} for share in (0.001, 0.01, 0.05, 0.2)],
    "ends-only": [{"events": "ends"}],
    "no-events": [{"events": "none", "dumps": dumps} for dumps in (30, 10, 3)],
    "no-dumps": [{"dumps": 0}],
    "lost-nodes": [{"lost_nodes": count} for count in (1, 2, 3)],
    "skipped-windows": [{"skipped_windows": share} for share in (0.01, 0.1, 0.5)],
    "clock-skew": [{"clock_skew_s": seconds} for seconds in (0.1, 1, 3, 30)],
    "torn-files": [{"torn_files": share} for share in (0.05, 0.2)],
    "several": [{"lost_events": 0.02, "lost_nodes": 1, "skipped_windows": 0.05, "clock_skew_s": 2}],
}


def measured(wishes: dict[str, Any], connections: int, seed: int) -> dict[str, Measure]:
    """Measures of one simulation."""
    with tempfile.TemporaryDirectory(prefix="flowstitch-") as directory:
        simulation, result = Path(directory) / "simulation", Path(directory) / "result"
        generate(Settings(connections=connections, seed=seed, **wishes), simulation)
        flowstitch.run(simulation / "export", out=result)
        return accuracy(result, simulation)


def lines(chosen: list[str], connections: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Medians of each setting of the chosen dials."""
    for dial in chosen:
        for wishes in DIALS[dial]:
            runs = [measured(wishes, connections, seed) for seed in range(1, seeds + 1)]
            line: dict[str, Any] = {"dial": dial, "settings": wishes}
            for name in runs[0]:
                line[name] = [
                    statistics.median(getattr(run[name], side) for run in runs)
                    for side in ("precision", "recall")
                ]
            yield line


def main() -> None:
    """Print the table; exit 1 when perfect observation is not reconstructed perfectly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(DIALS), default=list(DIALS))
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    print(f"{'precision / recall':38}" + "".join(f"{name:>17}" for name in SHOWN))
    found = []
    for line in lines(asked.only, asked.connections, asked.seeds):
        found.append(line)
        words = ", ".join(f"{name} {value}" for name, value in line["settings"].items())
        shares = "".join(f"{line[name][0]:9.4f}/{line[name][1]:.4f} " for name in SHOWN)
        print(f"{line['dial'] + ' ' + words:38.38}{shares}", flush=True)
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    perfect = [line for line in found if line["dial"] == "perfect"]
    sys.exit(any(line[name] != [1, 1] for line in perfect for name in SHOWN))


if __name__ == "__main__":
    main()
