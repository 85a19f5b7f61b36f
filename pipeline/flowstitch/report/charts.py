"""What the charts are drawn of, and the figures that they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.report.asked import ask_own, ask_question
from flowstitch.report.markup import element
from flowstitch.texts import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from flowstitch.report.asked import Row
    from flowstitch.sql.session import Result

_MAX_ENIS = 40
# A text as long as a chart has room for.
_MAX_TEXT = 200


def chart_data(session: Result) -> dict[str, list[list[Any]]]:
    """By chart its rows: whole numbers, and texts that are safe to show.

    Their columns are those of the queries of the same name in ``queries/``; ``enis`` is of question ``eni-load``.
    """
    loads = [row for row in ask_question(session, "eni-load") if row["bytes"]]
    loads.sort(key=lambda row: -row["bytes"])
    told = loads[:_MAX_ENIS]
    told.sort(key=lambda row: (row["node"] or "", row["eni_role"] or "", -row["bytes"]))
    rows = {
        "flows": ask_own(session, "flows"),
        "pairs": ask_own(session, "node-pairs"),
        "timeline": ask_own(session, "timeline"),
        "enis": [{name: row[name] for name in ("node", "eni", "eni_role", "bytes", "pods")} for row in told],
        "drifts": ask_own(session, "drifts"),
        "deadends": ask_own(session, "dead-ends"),
    }
    return {name: [_plain(row) for row in found] for name, found in rows.items()}


def charts_section(data: dict[str, list[list[Any]]]) -> Element:
    """The section of charts; one without rows says what the export would have to have."""
    return element(
        "section",
        element("h2", "Pictures"),
        element(
            "noscript",
            element(
                "p",
                "Pictures need scripts, which this reader does not run; tables have their numbers.",
                class_="warning",
            ),
        ),
        [
            _figure(name, title, note, needs, data[name], switch)
            for name, title, note, needs, switch in _FIGURES
        ],
        id="pictures",
    )


_MEASURES = ("connections", "bytes")
_FIGURES: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    (
        "flows",
        "From client to the ENI of the reply",
        "Kind of client, what it dialled, the scenario, and where the replies landed; the colour is that of the landing.",
        "No connections: the export had no conntrack and no flow logs of that time that could be read.",
        _MEASURES,
    ),
    (
        "pairs",
        "From node to node",
        "Connections of a client's node (down) to a server's node (across), by where their replies landed.",
        "No connections, so no nodes between which they are.",
        ("primary", "secondary", "member", "local", "outside", "nothing", "not known"),
    ),
    (
        "timeline",
        "Over time, by what became of them",
        "Connections by their first packet. Shaded: conntrack of a node or the flow log of an ENI may have missed something there, as question coverage has it.",
        "No connections with a time.",
        (),
    ),
    (
        "enis",
        "Load of each ENI",
        "IP bytes both ways in the rows of its flow log; the colour is that of its role.",
        "No bytes of ENIs: they take flow logs.",
        (),
    ),
    (
        "drifts",
        "Broken expectations",
        "Connections that went elsewhere than the data plane lets one expect.",
        "No drift was seen; it takes flow logs of the ENIs, and the rules of the nodes, to see any.",
        (),
    ),
    (
        "deadends",
        "Dead ends that were dialled",
        "Connections to a service that cannot be reached from their node.",
        "No dead end was seen to be dialled. What fails on the client's own node leaves no row in any log.",
        (),
    ),
)


def _figure(
    name: str, title: str, note: str, needs: str, rows: list[list[Any]], switch: tuple[str, ...]
) -> Element:
    if not rows:
        return element(
            "figure", element("h3", title), element("p", needs, class_="note missing"), id=f"figure-{name}"
        )
    buttons = [
        element(
            "button",
            word,
            type="button",
            data_chart=name,
            data_value=word,
            aria_pressed="false" if place else "true",
        )
        for place, word in enumerate(switch)
    ]
    return element(
        "figure",
        element("h3", title),
        element("figcaption", note, class_="note"),
        element("p", buttons, class_="switch") if buttons else None,
        element("div", class_="chart", id=f"chart-{name}", role="img", aria_label=f"{title}. {note}"),
        id=f"figure-{name}",
    )


def _plain(row: Row) -> list[Any]:
    return [_value(value) for value in row.values()]


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
