"""Elements of the page. Text becomes text: whatever it says, it is escaped when the element is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from xml.etree import ElementTree as ET

from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    # what stands in an element: text, elements, nothing, or several of these
    Content: TypeAlias = str | ET.Element | Iterable["Content"] | None


# Text of one piece; nothing that is meant to be read is longer.
_MAX_LETTERS = 4000


def element(tag: str, *content: Content, **attributes: str | float | None) -> ET.Element:
    """An element with its content.

    Parameters
    ----------
    content : text and elements in their order, None for nothing. What is not printable in a text is written as an escape,
        and what is longer than 4000 letters is cut.
    attributes : by name, where ``class_`` is ``class`` and ``data_x`` is ``data-x``; None leaves one out.
    """
    made = ET.Element(
        tag,
        {
            name.rstrip("_").replace("_", "-"): printable(
                f"{value:g}" if isinstance(value, float) else str(value)
            )
            for name, value in attributes.items()
            if value is not None
        },
    )
    _fill(made, content)
    return made


def scrolled(name: str, *content: Content) -> ET.Element:
    """What may be wider than the page: it scrolls by itself, with the keyboard too.

    Parameters
    ----------
    name : what a reader that speaks calls it.
    """
    return element("div", content, class_="scroll", role="region", aria_label=name, tabindex=0)


def written(parts: Iterable[ET.Element]) -> str:
    """Elements as HTML."""
    return "\n".join(ET.tostring(part, encoding="unicode", method="html") for part in parts)


def _fill(parent: ET.Element, content: Content) -> None:
    if content is None:
        return
    if isinstance(content, ET.Element):
        parent.append(content)
    elif isinstance(content, str):
        text = printable(content[:_MAX_LETTERS])
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text
    else:
        for part in content:
            _fill(parent, part)
