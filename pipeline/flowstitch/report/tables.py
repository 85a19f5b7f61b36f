"""Tables of the page: sorted by a click on a head, filtered by a field, each row with the command that goes deeper."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from flowstitch.report.commands import command_element
from flowstitch.report.figures import bytes_text, count_text, counted, share_text
from flowstitch.report.markup import element, scrolled
from flowstitch.report.sheets import PATH, fill, sheets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from flowstitch.report.asked import Row
    from flowstitch.report.commands import Commands
    from flowstitch.report.sheets import Filled
    from flowstitch.sql.session import Result

# HTML that the rows of one table may make: with all tables full the page stays below 3 MB.
_MAX_BYTES = 48_000
_MAX_TEXT, _MAX_ITEMS = 160, 6
# Numbers that nobody adds up.
_PLAIN = ("port", "path_id", "sop")


def tables_section(session: Result, commands: Commands) -> Element:
    """The section of tables."""
    return element(
        "section",
        element("h2", "Tables"),
        element(
            "p",
            "Each is the answer of a named question. A head sorts, the field filters, explain shows one path of a row hop by hop.",
            class_="note",
        ),
        table_parts(session, commands, "tables"),
        id="tables",
    )


def table_parts(session: Result, commands: Commands, section: str) -> list[Element]:
    """The tables of a section; those without rows are named at its end."""
    filled = [fill(session, sheet) for sheet in sheets() if sheet.section == section]
    empty = [one.asked for one in filled if not one.rows]
    parts = [sheet_part(one, commands.words("ask", one.asked.name), commands) for one in filled if one.rows]
    if parts and section == "tables":
        parts[0].set("open", "open")
    if empty:
        titles = [
            element("li", asked.title, element("span", f" {asked.needs}", class_="note")) for asked in empty
        ]
        parts.append(
            element(
                "details",
                element("summary", f"Without rows: {counted(len(empty), 'question')}"),
                element("ul", titles),
            )
        )
    return parts


def sheet_part(filled: Filled, asking: Sequence[object], commands: Commands | None = None) -> Element:
    """A table that opens and closes.

    Parameters
    ----------
    asking : words of the command that gives all of its rows. commands : make those that explain a row.
    """
    asked = filled.asked
    rows = _bounded([_row(row, filled, commands) for row in filled.rows])
    is_cut = len(rows) < filled.total
    # sections of the page have names too: sources is a question and a section
    table_id = f"rows-{asked.name}"
    shown = (
        f"the first {count_text(len(rows))} of {counted(filled.total, 'row')}"
        if is_cut
        else counted(len(rows), "row")
    )
    return element(
        "details",
        element("summary", element("b", asked.title), element("span", f" {shown}", class_="note")),
        element("p", asked.why, class_="note"),
        element("p", shown[0].upper() + shown[1:] + "; the command has them all:", class_="note")
        if is_cut
        else None,
        command_element(asking),
        element(
            "p",
            element(
                "input",
                type="search",
                class_="filter",
                placeholder="Filter rows",
                aria_label="Filter rows",
                data_table=table_id,
                hidden="hidden",
            ),
            " ",
            element("span", id=f"{table_id}-shown", class_="note", aria_live="polite"),
        ),
        scrolled(
            asked.title,
            element(
                "table",
                element("thead", _head(filled)),
                element("tbody", rows),
                class_="sortable",
                id=table_id,
            ),
        ),
        class_="sheet",
        id=f"table-{asked.name}",
    )


def _head(filled: Filled) -> Element:
    heads = [
        element(
            "th",
            element("button", name.replace("_", " "), type="button", title=meaning),
            scope="col",
            class_="number" if _is_number(name, filled.rows) else None,
        )
        for name, meaning in filled.asked.columns
    ]
    return element("tr", heads, element("th", "go deeper", scope="col") if _has_paths(filled) else None)


def _has_paths(filled: Filled) -> bool:
    return any(row[PATH] is not None for row in filled.rows)


def _is_number(name: str, rows: list[Row]) -> bool:
    return any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)


def _row(row: Row, filled: Filled, commands: Commands | None) -> Element:
    deeper = None
    if commands is not None and _has_paths(filled):
        command = commands.shown("explain", row[PATH])
        deeper = element(
            "td", "-" if command is None else element("details", element("summary", "explain"), command)
        )
    return element("tr", [_cell(name, row[name]) for name, _ in filled.asked.columns], deeper)


def _cell(name: str, value: Any) -> Element:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return element("td", _number(name, value), class_="number", data_value=value)
    return element("td", _text(value))


def _number(name: str, value: float) -> str:
    if name.endswith("bytes"):
        return bytes_text(int(value))
    if name.endswith("share"):
        return share_text(value, 1)
    if name.endswith(_PLAIN):
        return str(value)
    return (
        count_text(value) if isinstance(value, int) else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
    )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        more = f" and {len(value) - _MAX_ITEMS} more" if len(value) > _MAX_ITEMS else ""
        return ", ".join(_text(item) for item in value[:_MAX_ITEMS]) + more or "-"
    text = str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _bounded(rows: list[Element]) -> list[Element]:
    """As many rows from the front as the page has room for, one at least."""
    size = 0
    for place, row in enumerate(rows):
        size += len(ET.tostring(row))
        if size > _MAX_BYTES and place:
            return rows[:place]
    return rows
