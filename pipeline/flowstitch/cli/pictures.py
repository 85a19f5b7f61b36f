"""A path as the text of a picture, for Mermaid and for Graphviz.

Names come from logs and inventories and can be anything: what could end a string or begin a tag is escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowstitch.sql.picture import RETURN
from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.sql.picture import Picture, Step, Stop

# How each kind of stop is drawn: brackets of Mermaid, shape of Graphviz.
_SHAPES = {
    "pod": ("[", "]", "box"),
    "node": ("[", "]", "box"),
    "lb": ("([", "])", "ellipse"),
    "balancer": ("([", "])", "ellipse"),
    "outside": ("([", "])", "ellipse"),
    "service": ("([", "])", "ellipse"),
    "unknown": ("([", "])", "ellipse"),
    "veth": ("(", ")", "oval"),
    "netfilter": ("{{", "}}", "hexagon"),
    "eni": ("[[", "]]", "component"),
    "vpc": ("((", "))", "circle"),
}
# What Mermaid takes as it is between quotes; anything else is written by its number: https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
_PLAIN = re.compile(r"[^\w .,:/()→⇄-]")


def mermaid(picture: Picture) -> str:
    """Flow chart in Mermaid's language: the request by solid arrows, the reply by dashed ones; what no row shows has a dashed border."""
    lines = ["flowchart LR"]
    lines += _grouped(picture, 'subgraph n{}["{}"]', "end", _mermaid_text, _mermaid_stop)
    for step, text in _labelled(picture):
        arrow = "-.->" if step.way == RETURN else "-->"
        label = f'|"{_mermaid_text(text)}"|' if text else ""
        lines.append(f"  d{step.begin} {arrow}{label} d{step.end}")
    unseen = [f"d{place}" for place, stop in enumerate(picture.stops) if not stop.seen]
    if unseen:
        lines += ["  classDef unseen stroke-dasharray: 4 4", f"  class {','.join(unseen)} unseen"]
    return "\n".join(lines) + "\n"


def dot(picture: Picture) -> str:
    """The same in the language of Graphviz."""
    lines = [
        "digraph path {",
        "  rankdir=LR",
        '  node [fontname="sans-serif"]',
        '  edge [fontname="sans-serif"]',
    ]
    lines += _grouped(picture, 'subgraph cluster_{} {{ label="{}"', "}", _dot_text, _dot_stop)
    for step, text in _labelled(picture):
        style = "dashed" if step.way == RETURN else "solid"
        lines.append(f'  d{step.begin} -> d{step.end} [label="{_dot_text(text)}" style={style}]')
    return "\n".join([*lines, "}"]) + "\n"


def _labelled(picture: Picture) -> Iterator[tuple[Step, str]]:
    """Steps, each with its tuple where that is another than before."""
    before = None
    for step in picture.steps:
        told = step.way, step.text
        yield step, step.text if told != before else ""
        before = told


def _grouped(
    picture: Picture, head: str, foot: str, text: Callable[[str], str], one: Callable[[int, Stop], str]
) -> Iterator[str]:
    """Stops by the node that they are on, those on none behind; ``head`` and ``foot`` are around those of a node."""
    nodes = list(dict.fromkeys(stop.node for stop in picture.stops if stop.node is not None))
    for number, node in enumerate(nodes):
        yield f"  {head.format(number, text(node))}"
        yield from (
            f"    {one(place, stop)}" for place, stop in enumerate(picture.stops) if stop.node == node
        )
        yield f"  {foot}"
    yield from (f"  {one(place, stop)}" for place, stop in enumerate(picture.stops) if stop.node is None)


def _mermaid_stop(place: int, stop: Stop) -> str:
    begin, end, _ = _SHAPES[stop.kind]
    return f'd{place}{begin}"{"<br/>".join(map(_mermaid_text, stop.lines))}"{end}'


def _dot_stop(place: int, stop: Stop) -> str:
    label = r"\n".join(map(_dot_text, stop.lines))
    style = "" if stop.seen else " style=dashed"
    return f'd{place} [shape={_SHAPES[stop.kind][2]} label="{label}"{style}]'


def _mermaid_text(text: str) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", printable(text))


def _dot_text(text: str) -> str:
    # a backslash of ours escapes, and an ampersand would begin an entity: https://graphviz.org/doc/info/lang.html
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
