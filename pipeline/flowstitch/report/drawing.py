"""Scenarios as one would draw them on a whiteboard: nodes as frames, devices in them, requests above, replies below."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

from flowstitch.report.asked import ask_own
from flowstitch.report.figures import bytes_text, count_text, counted
from flowstitch.report.hops import columns, spans
from flowstitch.report.markup import element, scrolled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

    from flowstitch.report.asked import Row
    from flowstitch.report.commands import Commands
    from flowstitch.report.hops import Column, Hop
    from flowstitch.sql.session import Result

# Units of the drawing: pixels at full size.
_BOX, _GAP, _MARGIN = 104, 32, 14
_HIGH, _ABOVE, _BELOW = 42, 62, 124
_FRAME, _FRAME_HIGH, _HEIGHT = 18, 172, 204
_LINE = 13
_OPEN = 3
# A drawing that is wider is made smaller on a narrow screen, but not small enough to fit.
_WIDE = 736
_LETTERS = 14


def paths_section(session: Result, commands: Commands) -> Element:
    """The section with a drawing of each scenario that occurs."""
    rows = ask_own(session, "hops")
    missing = "No connection fits a scenario whose hops the data plane says." if not rows else None
    return element(
        "section",
        element("h2", "Ways through the data plane"),
        element("p", missing, class_="note missing")
        if missing
        else element(
            "p",
            "The scenarios that occur, those with most replies on the primary ENI first. ",
            element("span", "Requests", class_="ink-forward"),
            " go above, ",
            element("span", "replies", class_="ink-back"),
            " come back below; what stands at an ENI is by which of them flow logs saw connections go.",
            class_="note",
        ),
        [_scenario(row, commands, is_open=place < _OPEN) for place, row in enumerate(rows)],
        id="paths",
    )


def _scenario(row: Row, commands: Commands, *, is_open: bool) -> Element:
    name = row["scenario"] + (f", {row['variant']}" if row["variant"] else "")
    number = f", number {row['sop']} of the handbook" if row["sop"] else ""
    stacks = [f"{counted(row['kernel_stacks'], 'kernel stack')} one way"] if row["kernel_stacks"] else []
    primary = (
        [f"{counted(row['on_primary'], 'reply', 'replies')} on the primary ENI"] if row["on_primary"] else []
    )
    facts = [
        f"{name}{number}",
        *stacks,
        f"{counted(len(row['forward']), 'hop')} forward, {counted(len(row['back']), 'hop')} back",
        *primary,
    ]
    return element(
        "details",
        element(
            "summary",
            element("b", row["title"] or name),
            element("span", f" {counted(row['connections'], 'connection')}", class_="note"),
        ),
        element("p", " · ".join(facts), class_="note"),
        scrolled(f"Hops of {name}", draw(row)),
        commands.shown("explain", row["path_id"]),
        class_="sheet print",
        open="open" if is_open else None,
    )


def draw(row: Row) -> Element:
    """Drawing of a scenario.

    Parameters
    ----------
    row : of query ``hops``.
    """
    found = columns(row)
    width = 2 * _MARGIN + len(found) * _BOX + (len(found) - 1) * _GAP
    forward = _amount(row["connections"], row["forward_packets"], row["forward_bytes"], "requests")
    back = _amount(row["connections"], row["return_packets"], row["return_bytes"], "replies")
    return element(
        "svg",
        element("title", f"{row['title'] or row['scenario']}: {forward} {back}"),
        [_frame(name, begin, end) for name, begin, end in spans(found)],
        list(_lane(found, "forward")),
        list(_lane(found, "back")),
        [_boxes(column, place, row) for place, column in enumerate(found)],
        element("text", forward, x=_MARGIN, y=_HEIGHT - 1, class_="fill-ink-forward"),
        element("text", back, x=width - _MARGIN, y=_HEIGHT - 1, class_="fill-ink-back", text_anchor="end"),
        class_="hops wide" if width > _WIDE else "hops",
        viewBox=f"0 0 {width} {_HEIGHT + 6}",
        width=width,
        role="img",
    )


def _amount(connections: int, packets: int | None, size_bytes: int | None, what: str) -> str:
    if size_bytes is None:
        return f"{what}: nobody counted {counted(connections, 'connection')}."
    return f"{what}: {count_text(packets or 0)} packets, {bytes_text(size_bytes)}."


def _left(place: int) -> int:
    return _MARGIN + place * (_BOX + _GAP)


def _frame(name: str, begin: int, end: int) -> list[Element]:
    left, right = _left(begin) - 8, _left(end) + _BOX + 8
    return [
        element(
            "rect", x=left, y=_FRAME, width=right - left, height=_FRAME_HIGH - _FRAME, rx=9, class_="frame"
        ),
        element("text", name, x=left + 2, y=_FRAME - 5, class_="host"),
    ]


def _lane(found: Sequence[Column], way: str) -> Iterator[Element]:
    """Arrows of one way between the boxes that it passes."""
    passed = [
        place for place, column in enumerate(found) if (column.forward if way == "forward" else column.back)
    ]
    for here, there in itertools.pairwise(passed):
        begin, end = _left(here) + _BOX, _left(there)
        y = _ABOVE if way == "forward" else _BELOW
        if way == "back":
            begin, end = end, begin
        tip = 7 if end > begin else -7
        yield element("line", x1=begin, y1=y, x2=end - tip, y2=y, class_=f"way line-{way}")
        yield element("path", d=f"M{end} {y}l{-tip - tip // 7} -4.5v9z", class_=f"fill-{way}")


def _boxes(column: Column, place: int, row: Row) -> list[Element]:
    parts: list[Element] = []
    if column.both and column.forward and column.back:
        parts += _box(column.forward, place, _ABOVE - _HIGH // 2, _BELOW - _ABOVE + _HIGH)
    else:
        for hop, middle in ((column.forward, _ABOVE), (column.back, _BELOW)):
            if hop is not None:
                parts += _box(hop, place, middle - _HIGH // 2, _HIGH)
    for hop, y, way in (
        (column.forward, _ABOVE - _HIGH // 2 - 6, "forward"),
        (column.back, _BELOW + _HIGH // 2 + 14, "back"),
    ):
        if hop is not None and hop.leg:
            parts.append(
                element(
                    "text",
                    _crossed(row[hop.leg]),
                    x=_left(place) + _BOX // 2,
                    y=y,
                    text_anchor="middle",
                    class_=f"small fill-ink-{way}",
                )
            )
    return parts


def _box(hop: Hop, place: int, top: int, high: int) -> list[Element]:
    lines = textwrap.wrap(hop.name, _LETTERS)
    middle = top + high / 2 - (len(lines) - 1) * _LINE / 2 + 4
    left = _left(place)
    return [
        element(
            "rect",
            x=left,
            y=top,
            width=_BOX,
            height=high,
            rx=5,
            class_=f"box box-{hop.kind} {f'role-{hop.role}' if hop.role else ''}".strip(),
        ),
        *(
            element("text", line, x=left + _BOX // 2, y=middle + number * _LINE, text_anchor="middle")
            for number, line in enumerate(lines)
        ),
    ]


def _crossed(roles: Sequence[tuple[str, int]] | None) -> str:
    """What flow logs saw at an ENI: ``primary 299, secondary 32``."""
    told = sorted(roles or (), key=lambda item: -item[1])
    return ", ".join(f"{role} {count_text(number)}" for role, number in told) or "not seen"
