"""The page as one file: markup, style, scripts and data, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from flowstitch.report.markup import written
from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

_HERE = Path(__file__).parent
# What tells a page of ours from other files; the template begins with it.
MARK = b"<!doctype html>\n<!-- flowstitch report -->\n"
SCRIPTS = ("vendor/echarts/echarts.min.js", "page/theme.js", "page/tables.js", "page/charts.js")


def page(title: str, parts: Iterable[Element], data: Any) -> str:
    """The page as HTML.

    Parameters
    ----------
    parts : what stands in its body. data : what the scripts draw, of what JSON has.
    """
    style, scripts = part_text("page/page.css"), [part_text(name) for name in SCRIPTS]
    return Template(part_text("page/page.html")).substitute(
        policy=policy([style], scripts),
        title=escape(printable(title)),
        style=style,
        body=written(parts),
        data=embedded(data),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Content-Security-Policy that admits these texts, by their hashes, and nothing else (https://www.w3.org/TR/CSP3/)."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_admitted, scripts))}",
            f"style-src {' '.join(map(_admitted, styles))}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def embedded(data: Any) -> str:
    """Data as JSON that cannot end the element it stands in, nor begin a comment."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@cache
def part_text(name: str) -> str:
    """Text of a file of the page."""
    return (_HERE / name).read_text(encoding="utf-8")


def _admitted(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
