"""What the answers rest on: files, coverage, warnings, and how the result was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowstitch.report.asked import ask_own, rows
from flowstitch.report.figures import bytes_text, count_text, counted
from flowstitch.report.markup import element, scrolled
from flowstitch.report.tables import table_parts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from flowstitch.report.commands import Commands
    from flowstitch.sql.session import Result

_MAX_WARNINGS = 30
# Columns of table runs that are shown as they are.
_OPTIONS = ("flowstitch", "tables_version", "dataplane", "since", "until", "overlap_us", "max_rejects")
NOT_WHOLE = "The export was not whole: a file was torn or unreadable, a source says that it lost events, or too many rows were rejected."


def sources_section(session: Result, commands: Commands) -> Element:
    """The section on sources and coverage."""
    made = read_runs(session)
    return element(
        "section",
        element("h2", "Sources and coverage"),
        _wholeness(made),
        _kinds(session),
        table_parts(session, commands, "sources"),
        id="sources",
    )


def run_section(session: Result) -> Element:
    """The section on how the result was made."""
    made = read_runs(session)
    facts = [
        ("runs", count_text(made.runs)),
        *((name.replace("_", " "), text) for name, text in made.options),
        ("clock that is off most", _worst_clock(made.clock_offsets_us)),
        *((f"rows of {name}", count_text(number)) for name, number in made.counts.items()),
    ]
    body = [
        element("tr", element("th", name, scope="row"), element("td", text)) for name, text in facts if text
    ]
    return element(
        "section",
        element("h2", "How the result was made"),
        scrolled("How the result was made", element("table", element("tbody", body), class_="facts-table")),
        id="run",
    )


@dataclass(frozen=True)
class Made:
    """How a result was made, see table ``runs``: of partitions what is true of all, warnings of each once.

    Attributes
    ----------
    runs : how many. complete : no source was torn or lost events, in any of them.
    options : version and options with their values, several where they differ.
    counts : rows by table; empty for several runs, whose rows are counted before they are united.
    """

    runs: int
    complete: bool
    warnings: list[str]
    options: list[tuple[str, str]]
    clock_offsets_us: dict[str, int]
    counts: dict[str, int]


def read_runs(session: Result) -> Made:
    """How the result was made."""
    found = rows(session, "from runs")
    options = []
    for name in _OPTIONS:
        told = dict.fromkeys(str(row[name]) for row in found if row[name] is not None)
        options.append((name, ", ".join(told)))
    return Made(
        len(found),
        all(row["complete"] for row in found),
        list(dict.fromkeys(sentence for row in found for sentence in row["warnings"] or ())),
        options,
        {node: offset for row in found for node, offset in row["clock_offsets_us"] or ()},
        dict(found[0]["counts"] or ()) if len(found) == 1 else {},
    )


def _wholeness(made: Made) -> list[Element]:
    words = (
        "The export was whole: no file was torn or unreadable, and no source says that it lost events."
        if made.complete
        else NOT_WHOLE
    )
    parts = [element("p", words, class_=None if made.complete else "warning")]
    if made.warnings:
        told = [element("li", sentence) for sentence in made.warnings[:_MAX_WARNINGS]]
        more = len(made.warnings) - len(told)
        parts += [
            element("p", f"The run gave {counted(len(made.warnings), 'warning')}:"),
            element(
                "ul",
                told,
                element("li", f"and {count_text(more)} more, see column warnings of table runs")
                if more
                else None,
                class_="warnings",
            ),
        ]
    return parts


def _kinds(session: Result) -> Element:
    """What was read, by kind of source."""
    heads = ("kind", "files", "size", "rows", "parsed", "skipped", "rejected", "from", "to")
    body = [
        element(
            "tr",
            element("th", row["kind"], scope="row"),
            element("td", count_text(row["files"]), class_="number"),
            element("td", bytes_text(row["size_bytes"]), class_="number"),
            [element("td", count_text(row[name]), class_="number") for name in heads[3:7]],
            [
                element("td", f"{row[name]:%Y-%m-%d %H:%M:%S}" if row[name] else "-")
                for name in ("first_seen", "last_seen")
            ],
        )
        for row in ask_own(session, "kinds")
    ]
    head = [
        element("th", name, scope="col", class_="number" if 0 < place < 7 else None)
        for place, name in enumerate(heads)
    ]
    return scrolled(
        "Sources by kind", element("table", element("thead", element("tr", head)), element("tbody", body))
    )


def _worst_clock(offsets_us: Mapping[str, int]) -> str:
    if not offsets_us:
        return ""
    node = max(offsets_us, key=lambda name: abs(offsets_us[name]))
    return f"{node}, {offsets_us[node] / 1e6:+.3f} s"
