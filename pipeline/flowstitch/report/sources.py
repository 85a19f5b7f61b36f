"""What the answers rest on: files, coverage, warnings, and how the result was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowstitch.report.asked import ask_own
from flowstitch.report.figures import bytes_text, count_text, counted
from flowstitch.report.markup import element
from flowstitch.report.tables import table_parts
from flowstitch.runner.layout import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from flowstitch.report.commands import Commands
    from flowstitch.sql.session import Result

_MAX_WARNINGS = 30
NOT_WHOLE = "The export was not whole: a file was torn or unreadable, a source says that it lost events, or too many rows were rejected."


def sources_section(session: Result, commands: Commands) -> Element:
    """The section on sources and coverage."""
    manifest = read_manifest(session)
    return element(
        "section",
        element("h2", "Sources and coverage"),
        _wholeness(manifest),
        _kinds(session),
        table_parts(session, commands, "sources"),
        id="sources",
    )


def run_section(session: Result) -> Element:
    """The section on how the result was made."""
    manifest = read_manifest(session)
    facts = {
        "flowstitch": manifest.get("flowstitch"),
        **{f"option {name}": value for name, value in manifest.get("options", {}).items()},
        **{f"{name} version": value for name, value in manifest.get("versions", {}).items()},
        "clock of a node that is ahead most": _worst_clock(manifest),
        **{f"rows of {name}": count_text(number) for name, number in manifest.get("counts", {}).items()},
    }
    return element(
        "section",
        element("h2", "How the result was made"),
        element(
            "div",
            element(
                "table",
                element(
                    "tbody",
                    [
                        element("tr", element("th", name, scope="row"), element("td", str(value)))
                        for name, value in facts.items()
                        if value is not None
                    ],
                ),
                class_="facts-table",
            ),
            class_="scroll",
        ),
        id="run",
    )


def read_manifest(session: Result) -> Mapping[str, Any]:
    """What the run wrote of itself, see ``run.json``."""
    manifest: dict[str, Any] = json.loads((session.path / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _wholeness(manifest: Mapping[str, Any]) -> list[Element]:
    warnings = manifest.get("warnings", [])
    words = (
        "The export was whole: no file was torn or unreadable, and no source says that it lost events."
        if manifest.get("complete", False)
        else NOT_WHOLE
    )
    parts = [element("p", words, class_=None if manifest.get("complete", False) else "warning")]
    if warnings:
        told = [element("li", sentence) for sentence in warnings[:_MAX_WARNINGS]]
        more = len(warnings) - len(told)
        parts += [
            element("p", f"The run gave {counted(len(warnings), 'warning')}:"),
            element(
                "ul",
                told,
                element("li", f"and {count_text(more)} more, see {MANIFEST}") if more else None,
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
    return element(
        "div",
        element("table", element("thead", element("tr", head)), element("tbody", body)),
        class_="scroll",
    )


def _worst_clock(manifest: Mapping[str, Any]) -> str | None:
    offsets = manifest.get("clock_offsets_us", {})
    if not offsets:
        return None
    node = max(offsets, key=lambda name: abs(offsets[name]))
    return f"{node}, {offsets[node] / 1e6:+.3f} s"
