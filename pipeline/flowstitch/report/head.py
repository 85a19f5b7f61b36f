"""The head of the page: of what it is, and its contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.report.asked import ask_own, result_path
from flowstitch.report.figures import counted
from flowstitch.report.markup import element

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from flowstitch.sql.session import Result


def head_section(session: Result) -> Element:
    """Title, span, what the result is made of, and the switch between light and dark."""
    (told,) = ask_own(session, "span")
    facts = [
        _span(told["first_seen"], told["last_seen"]),
        f"{counted(told['connections'], 'connection')} of {counted(told['files'], 'file')}",
        f"{counted(told['nodes'], 'node')} with conntrack, {counted(told['enis'], 'ENI')} with flow logs",
        f"data plane {', '.join(told['dataplanes'])}" if told["dataplanes"] else None,
    ]
    return element(
        "header",
        element("p", "flowstitch report", class_="kicker"),
        element("button", "Light or dark", type="button", id="theme", hidden="hidden"),
        element("h1", f"Return paths of {result_path(session).absolute().name}"),
        element("p", " · ".join(fact for fact in facts if fact), class_="facts"),
    )


def contents(sections: Mapping[str, Element]) -> Element:
    """Links to the sections, by what they are called there."""
    links = [element("a", name, href=f"#{section.get('id')}") for name, section in sections.items()]
    return element("nav", links, aria_label="Contents")


def foot() -> Element:
    """What the page is and what it is not."""
    return element(
        "footer",
        element(
            "p",
            "Every number is an answer of SQL over the result; flowstitch ask lists the questions. What the export did not have "
            "is null there and a dash here. The page loads nothing and sends nothing.",
        ),
    )


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return "at a time that is not known"
    end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M:%S} to {end} UTC"
