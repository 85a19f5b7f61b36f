"""The answer first: how much comes back over the primary ENI, of which nodes and services, why, and what to do about it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowstitch.report.asked import ask_own, ask_question
from flowstitch.report.figures import bytes_text, count_text, counted, share_text
from flowstitch.report.markup import element, scrolled
from flowstitch.report.sources import NOT_WHOLE, read_runs

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from flowstitch.report.asked import Row
    from flowstitch.report.commands import Commands
    from flowstitch.sql.session import Result

ROLES = ("primary", "secondary", "member")
# Nodes and services, clients, and warnings that are named; the tables have the others.
_NAMED, _CLIENTS, _WARNINGS = 10, 5, 4
_CAUSES = Path(__file__).parent / "page" / "causes.toml"


def answer_section(session: Result, commands: Commands) -> Element:
    """The first section of the page."""
    landing = ask_own(session, "landing")
    (total,) = (row for row in landing if row["grouped"] == "all")
    return element(
        "section",
        element("h2", "Which replies land on the primary ENI?"),
        [
            element("p", sentence, class_=None if place else "lead")
            for place, sentence in enumerate(sentences(total))
        ],
        _limits(session),
        _bar(total, "bar wide") if total["over_eni"] else None,
        _legend(total) if total["over_eni"] else None,
        element(
            "div",
            [_groups(landing, kind, total) for kind in ("node", "service")] if total["on_primary"] else None,
            class_="pair",
        ),
        _causes(session, total, commands),
        _findings(session, commands),
        id="answer",
    )


def sentences(total: Row) -> list[str]:
    """The answer in sentences.

    Parameters
    ----------
    total : the row of query ``landing`` for all connections.
    """
    if not total["connections"]:
        return [
            "The result has no connections: nothing was found to stitch. Sources and coverage, below, say what was read."
        ]
    if not total["over_eni"]:
        return [
            f"Of {counted(total['connections'], 'connection')} none is known to have had its reply over an ENI of the client's node.",
            _elsewhere(total),
        ]
    over, primary = total["over_eni"], total["on_primary"]
    lead = (
        f"{share_text(primary, over)} of the connections whose replies came back over an ENI of the client's node had them on "
        f"the primary ENI: {count_text(primary)} of {count_text(over)}."
    )
    return [lead, _carried(total), f"Of the others {_rest(total)}. {_elsewhere(total)}"]


def _carried(total: Row) -> str:
    primary, observed = total["on_primary"], total["observed"]
    if not primary:
        return "None of them landed on the primary ENI."
    if total["primary_bytes"] is None:
        carried = "Nobody counted their bytes."
    else:
        carried = (
            f"They carried {bytes_text(total['primary_bytes'])} of {bytes_text(total['over_eni_bytes'])} of replies, "
            f"{share_text(total['primary_bytes'], total['over_eni_bytes'])}."
        )
    if observed == primary:
        return f"{carried} Flow logs show every one of them."
    inferred = "inferred from who owns the address that the reply goes to"
    if not observed:
        return f"{carried} No flow log shows them: all are {inferred}."
    return f"{carried} Flow logs show {count_text(observed)} of them; the others are {inferred}."


def _rest(total: Row) -> str:
    parts = [
        f"{count_text(total[f'on_{role}'])} came back over {role} ENIs"
        for role in ROLES[1:]
        if total[f"on_{role}"]
    ]
    return " and ".join(parts) or "none came back over another ENI"


def _elsewhere(total: Row) -> str:
    parts = [
        f"{counted(total[name], 'connection')} {words}"
        for name, words in (
            ("local", "crossed no ENI"),
            ("outside", "answered clients outside the cluster"),
            ("no_return", "got nothing back"),
            ("not_known", "had replies of which it cannot be known where they landed"),
        )
        if total[name]
    ]
    return f"Besides, {'; '.join(parts)}." if parts else ""


def _limits(session: Result) -> Element | None:
    """What the run says that the answers lack, the first of it."""
    made = read_runs(session)
    told = [*([] if made.complete else [NOT_WHOLE]), *made.warnings]
    if not told:
        return None
    more = len(told) - _WARNINGS
    return element(
        "div",
        element("p", element("b", "What this rests on is not all there is. "), "The run warns:"),
        element("ul", [element("li", sentence) for sentence in told[:_WARNINGS]]),
        element("p", element("a", f"and {counted(more, 'more warning')}", href="#sources"))
        if more > 0
        else None,
        class_="warning",
        id="limits",
    )


def _bar(row: Row, class_: str = "bar") -> Element:
    """Shares of the ENI roles as a bar of three colours."""
    begin, parts = 0.0, []
    for role in ROLES:
        width = 100 * row[f"on_{role}"] / row["over_eni"]
        parts.append(element("rect", x=begin, y=0, width=width, height=8, class_=f"fill-{role}"))
        begin += width
    return element(
        "svg", parts, class_=class_, viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"
    )


def _legend(total: Row) -> Element:
    return element(
        "p",
        [
            element(
                "span",
                element("i", class_=f"key back-{role}"),
                f"{role} ENI {share_text(total[f'on_{role}'], total['over_eni'])}",
            )
            for role in ROLES
            if total[f"on_{role}"]
        ],
        class_="legend",
    )


def _groups(landing: list[Row], kind: str, total: Row) -> Element:
    """Table of nodes or services: those with most on the primary ENI."""
    found = [row for row in landing if row["grouped"] == kind]
    none = "no service" if kind == "service" else "node not known"
    names = (kind, "primary ENI", "of", "share", "", "bytes", "share of bytes")
    # the bar draws the share and has no head of its own
    heads = [element("th", name, scope="col") if name else element("td") for name in names]
    body = [
        element(
            "tr",
            element("th", row["name"] or none, scope="row"),
            element("td", count_text(row["on_primary"]), class_="number"),
            element("td", count_text(row["over_eni"]), class_="number"),
            element("td", share_text(row["on_primary"], row["over_eni"]), class_="number"),
            element("td", _bar(row)),
            element("td", bytes_text(row["primary_bytes"]), class_="number"),
            element("td", share_text(row["primary_bytes"], total["primary_bytes"]), class_="number"),
        )
        for row in found[:_NAMED]
    ]
    more = len(found) - _NAMED
    return element(
        "div",
        element("h3", f"By {kind}{' of the client' if kind == 'node' else ' that was dialled'}"),
        scrolled(
            f"By {kind}",
            element(
                "table",
                element("thead", element("tr", heads)),
                element("tbody", body),
                class_="groups",
            ),
        ),
        element("p", f"and {counted(more, f'more {kind}')}.", class_="more") if more > 0 else None,
    )


@cache
def _worded() -> dict[str, dict[str, str]]:
    return tomllib.loads(_CAUSES.read_text(encoding="utf-8"))


def _causes(session: Result, total: Row, commands: Commands) -> list[Element]:
    found = ask_own(session, "causes")
    if not found:
        return []
    items = []
    for row in found:
        words = _worded()[row["cause"]]
        part = share_text(row["connections"], total["on_primary"])
        carried = "" if row["return_bytes"] is None else f", {bytes_text(row['return_bytes'])} of replies"
        items.append(
            element(
                "li",
                element(
                    "p",
                    element("b", f"{counted(row['connections'], 'connection')} ({part}){carried}. "),
                    words["what"],
                ),
                element("p", element("b", "What to do: "), words["do"]),
                _clients(session) if row["cause"] == "lb_address" else None,
                commands.shown("ask", words["question"]),
                commands.shown("explain", row["path_id"]),
            )
        )
    return [element("h3", "Why, and what to do"), element("ol", items, class_="causes")]


def _clients(session: Result) -> list[Element]:
    """Whom to tell: the clients that dial a load balancer's address though there is a ClusterIP."""
    rows = [
        row
        for row in ask_question(session, "lb-ip-instead-of-cluster-ip")
        if row["masqueraded"] and row["avoidable_bytes"] != 0
    ]
    told = [
        element(
            "li",
            element("b", row["client_name"] or "a client whose name is not known"),
            f" dials {row['dialled_ip']} of {row['service']} in {counted(row['connections'], 'connection')}",
            f", {bytes_text(row['avoidable_bytes'])} avoidable" if row["avoidable_bytes"] is not None else "",
            f"; dial {' or '.join(row['cluster_ips'])} instead.",
        )
        for row in rows[:_CLIENTS]
    ]
    more = len(rows) - len(told)
    return [
        element("ul", told, class_="clients"),
        *([element("p", f"and {counted(more, 'more client')}.", class_="more")] if more > 0 else []),
    ]


def _findings(session: Result, commands: Commands) -> list[Element]:
    (found,) = ask_own(session, "findings")
    told = [
        (
            found["drifted"],
            f"{counted(found['drifted'], 'connection')} went elsewhere than the data plane lets one expect.",
            "drift",
        ),
        (
            found["dead_ends"],
            f"{counted(found['dead_ends'], 'dead end')}: from a node a service cannot be reached. {_attempts(found)}",
            "dead-ends",
        ),
        (
            found["lost"],
            f"{counted(found['lost'], 'connection')} got no answer or a rejection.",
            "unanswered",
        ),
        (
            found["crossed"],
            f"{counted(found['crossed'], 'connection')} left their node by one ENI and came back by another.",
            "asymmetric-pairs",
        ),
        (
            found["unclassified"],
            f"{counted(found['unclassified'], 'connection')} fit no scenario of the data plane.",
            "scenarios",
        ),
    ]
    items = [
        element("li", sentence, " ", commands.shown("ask", question))
        for number, sentence, question in told
        if number
    ]
    return [element("h3", "What else was found"), element("ul", items, class_="findings")] if items else []


def _attempts(found: Row) -> str:
    if not found["attempts"]:
        return "No connection was seen to dial one."
    answered = f", {count_text(found['answered'])} of which got an answer" if found["answered"] else ""
    return f"{counted(found['attempts'], 'connection')} dialled one{answered}."
