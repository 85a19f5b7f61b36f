"""Data planes as people and programs read them: each scenario with its hop chains and what a healthy path shows."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from flowstitch.catalog.dataplanes import flat_scenarios, read_dataplane
from flowstitch.cli.output import terminal_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ARROW = " → "
_INDENT = 11


def scenario_rows(names: Sequence[str]) -> list[dict[str, Any]]:
    """Scenarios of data planes in order, one object each; lists and tables as their files have them."""
    return [
        {
            "dataplane": name, "scenario": raw["slug"], "variant": raw["variant"], "sop": raw.get("sop"), "title": raw["title"],
            "kernel_stacks": raw.get("kernel_stacks"), "bypasses_conntrack": raw.get("bypasses_conntrack", []),
            "when": raw["when"], "expect": raw.get("expect", {}),
            "forward": raw.get("forward", []), "return": raw.get("return", []),
        }
        for name in names
        for raw in flat_scenarios(read_dataplane(name))
    ]  # fmt: skip


def text_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same with one text for each list or table."""
    return [
        dict(row) | {
            "variant": row["variant"] or "", "sop": _number(row["sop"]), "kernel_stacks": _number(row["kernel_stacks"]),
            "bypasses_conntrack": " and ".join(row["bypasses_conntrack"]), "when": _conditions(row["when"]),
            "expect": _conditions(row["expect"]), "forward": ARROW.join(row["forward"]), "return": ARROW.join(row["return"]),
        }
        for row in rows
    ]  # fmt: skip


def write_dataplanes(names: Sequence[str]) -> None:
    """Write data planes to stdout, a paragraph for each scenario; folded on a terminal, whole lines elsewhere."""
    width = terminal_width()
    for line in _lines(names):
        click.echo("\n".join(textwrap.wrap(line, width, subsequent_indent=" " * _INDENT)) if width else line)


def _lines(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{name}: {read_dataplane(name)['title']}"
        for row in scenario_rows([name]):
            yield ""
            yield from _paragraph(row)
        if name != names[-1]:
            yield ""


def _paragraph(row: Mapping[str, Any]) -> Iterator[str]:
    stacks = row["kernel_stacks"]
    notes = [f"SOP {row['sop']}"] if row["sop"] else []
    notes += [f"{stacks} kernel stack{'' if stacks == 1 else 's'}"] if stacks else []
    yield " ".join(filter(None, (row["scenario"], row["variant"]))) + (
        f" ({', '.join(notes)})" if notes else ""
    )
    yield f"  {row['title']}"
    parts = {
        "when": _conditions(row["when"]),
        "expects": _conditions(row["expect"]),
        "bypasses": " and ".join(f"conntrack of the {end}'s node" for end in row["bypasses_conntrack"]),
    }
    parts |= {way: ARROW.join(row[way]) for way in ("forward", "return")}
    for label, text in parts.items():
        if text:
            yield f"  {label:<{_INDENT - 2}}{text}"


def _conditions(wanted: Mapping[str, str | list[str]]) -> str:
    return ", ".join(
        f"{key} {value if isinstance(value, str) else ' or '.join(value)}" for key, value in wanted.items()
    )


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
