"""Two results side by side: what moved from the earlier one to the later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.report.asked import ask_own, result_path
from flowstitch.report.figures import bytes_text, count_text, share_text
from flowstitch.report.markup import element, scrolled
from flowstitch.report.sheets import Sheet, fill
from flowstitch.report.tables import sheet_part
from flowstitch.sql.session import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from flowstitch.report.asked import Row

QUESTION = "drift-between"
_COUNTS = (
    ("connections", "connections"),
    ("replies over an ENI of the client's node", "over_eni"),
    ("on the primary ENI", "on_primary"),
    ("on secondary ENIs", "on_secondary"),
    ("on member ENIs", "on_member"),
    ("that crossed no ENI", "local"),
    ("to clients outside the cluster", "outside"),
    ("got nothing back", "no_return"),
    ("drifted", "drifted"),
    ("dead ends", "dead_ends"),
)


def moved_section(before: Path, session: Result) -> Element:
    """The section that holds a result against an earlier one.

    Parameters
    ----------
    before : the earlier result. session : the later one.

    Raises
    ------
    UsageError when ``before`` is not a result.
    """
    with Result(before) as earlier:
        old, new = _numbers(earlier), _numbers(session)
        kinds = [
            {row["kind"] for row in ask_own(one, "kinds") if row["parsed"]} for one in (earlier, session)
        ]
    with Result(before, after=result_path(session)) as both:
        filled = fill(both, Sheet(QUESTION))
    return element(
        "section",
        element("h2", f"What moved since {before.absolute().name}"),
        [
            element("p", sentence, class_=None if place else "lead")
            for place, sentence in enumerate(moved_sentences(old, new))
        ],
        [element("p", sentence, class_="warning") for sentence in _unlike(*kinds)],
        scrolled(
            "What moved",
            element(
                "table",
                element("thead", _head(before, result_path(session))),
                element("tbody", list(_rows(old, new))),
            ),
        ),
        element("p", "Nothing else moved.", class_="note missing")
        if not filled.rows
        else sheet_part(filled, ["ask", QUESTION, before, result_path(session)]),
        id="moved",
    )


def moved_sentences(old: Row, new: Row) -> list[str]:
    """The change of the first answer in sentences.

    Parameters
    ----------
    old, new : rows of query ``landing`` for all connections, of the earlier and the later result.
    """
    if not old["over_eni"] or not new["over_eni"]:
        which = "earlier" if not old["over_eni"] else "later"
        return [
            f"The {which} result has no reply over an ENI of the client's node, so that no share can be compared."
        ]
    shares = [100 * row["on_primary"] / row["over_eni"] for row in (old, new)]
    change = round(shares[1], 1) - round(shares[0], 1)
    went = (
        f"went {'up' if change > 0 else 'down'} by {abs(change):.1f} points"
        if abs(change) >= 0.05
        else "stayed"
    )
    told = [
        (
            f"The share of connections with replies on the primary ENI {went}: {shares[0]:.1f}% before, {shares[1]:.1f}% after "
            f"({count_text(old['on_primary'])} of {count_text(old['over_eni'])}, then {count_text(new['on_primary'])} of {count_text(new['over_eni'])})."
        )
    ]
    if old["primary_bytes"] is not None and new["primary_bytes"] is not None:
        told.append(
            f"Of the bytes of these replies it was {share_text(old['primary_bytes'], old['over_eni_bytes'])} before and "
            f"{share_text(new['primary_bytes'], new['over_eni_bytes'])} after: {bytes_text(old['primary_bytes'])}, then {bytes_text(new['primary_bytes'])}."
        )
    return told


def _numbers(session: Result) -> Row:
    (landing,) = (row for row in ask_own(session, "landing") if row["grouped"] == "all")
    (found,) = ask_own(session, "findings")
    return landing | found


def _unlike(old: set[str], new: set[str]) -> Iterator[str]:
    """What only one of the exports had: its lack looks like a change."""
    for kinds, others, which in ((old, new, "earlier"), (new, old, "later")):
        if kinds - others:
            yield f"Only the {which} export had {', '.join(sorted(kinds - others))}; what the other lacks looks like a change here."


def _head(before: Path, after: Path) -> Element:
    names = ("", before.absolute().name, "share", after.absolute().name, "share", "change")
    return element(
        "tr",
        [
            element("th", name, scope="col", class_="number" if place else None)
            for place, name in enumerate(names)
        ],
    )


def _rows(old: Row, new: Row) -> Iterator[Element]:
    for words, name in _COUNTS:
        cells = []
        for row in (old, new):
            share = "-" if name in {"connections", "dead_ends"} else share_text(row[name], row["connections"])
            cells += [count_text(row[name]), share]
        change = new[name] - old[name]
        yield element(
            "tr",
            element("th", words, scope="row"),
            [element("td", text, class_="number") for text in (*cells, f"{change:+,}" if change else "0")],
        )
