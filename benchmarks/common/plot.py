"""Results as pictures: time and memory against records where a case has several sizes, else records a second by contender."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.common.model import OURS
from flowstitch.errors import UsageError

# The same file from the same figures: ids of elements follow from their contents.
SETTINGS = {
    "svg.hashsalt": "flowstitch",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}
Cases = dict[str, dict[str, dict[int, dict[str, Any]]]]


def plot(results: Iterable[dict[str, Any]], folder: Path) -> list[Path]:
    """Draw SVG files into ``folder``; of what several results have, the last counts.

    Returns
    -------
    The files: ``SUITE-CASE.svg`` of each case with several sizes, ``SUITE.svg`` of what is left of a suite.
    """
    suites: dict[str, Cases] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for result in results:
        for one in result["measurements"]:
            if not one["failure"]:
                suites[result["suite"]][one["case"]][one["contender"]][one["rows"]] = one
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(SETTINGS):
        for suite, cases in suites.items():
            grown = {case: lines for case, lines in cases.items() if len(lines[OURS]) > 1}
            for case, lines in grown.items():
                written.append(_growth(f"{suite}: {case}", lines, folder / f"{suite}-{case}.svg"))
            single = {case: lines for case, lines in cases.items() if case not in grown}
            if single:
                written.append(_rates(suite, single, folder / f"{suite}.svg"))
    if not written:
        raise UsageError("the results have no figures; nothing was drawn.")
    return written


def _growth(title: str, lines: dict[str, dict[int, dict[str, Any]]], path: Path) -> Path:
    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    for number, (contender, by_rows) in enumerate(lines.items()):
        rows = sorted(by_rows)
        style = {
            "color": f"C{number}",
            "marker": "o",
            "markersize": 4,
            "linewidth": 2.2 if contender == OURS else 1.2,
        }
        time.plot(rows, [by_rows[size]["warm_s"] for size in rows], label=contender, **style)
        memory.plot(rows, [by_rows[size]["peak_rss_bytes"] / 1e6 for size in rows], label=contender, **style)
    _label(time, "s, median of warm runs")
    _label(memory, "MB, peak of resident memory")
    time.legend(frameon=False)
    return _save(figure, path)


def _label(axes: Axes, what: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="records", ylabel=what)
    axes.grid(which="major", alpha=0.3)


def _rates(suite: str, cases: Cases, path: Path) -> Path:
    figure, axes = plt.subplots(
        len(cases), 1, figsize=(7, 0.6 + 1.4 * len(cases)), layout="constrained", squeeze=False
    )
    for (case, lines), place in zip(cases.items(), axes[:, 0], strict=True):
        rates = {
            contender: next(iter(by_rows.values()))["rows_per_s"] / 1e6
            for contender, by_rows in lines.items()
        }
        bars = place.barh(
            list(rates), list(rates.values()), color=["C0" if name == OURS else "C7" for name in rates]
        )
        place.bar_label(bars, fmt="%.3g", padding=3)
        place.invert_yaxis()
        place.set_title(f"{suite}: {case}", loc="left", fontsize=9)
    axes[-1, 0].set_xlabel("million records a second, median of warm runs")
    return _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
