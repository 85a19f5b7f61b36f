"""Pages as a test reads them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {"meta", "input", "br", "link"}


class Page(HTMLParser):
    """The text of a page by the id of what it stands in, its tags, and the data of its scripts."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, str | None]] = []
        self._texts: dict[str, list[str]] = {}
        self.feed(self.html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self._texts.setdefault(name, []).append(data)

    def text(self, name: str) -> str:
        """Text of the element of that id, blanks as one."""
        return " ".join(" ".join(self._texts.get(name, [])).split())

    @property
    def data(self) -> Any:
        """What the scripts draw."""
        return json.loads("".join(self._texts["data"]))

    @property
    def policy(self) -> str:
        """The Content-Security-Policy."""
        (policy,) = (
            attrs["content"]
            for tag, attrs in self.tags
            if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
        )
        return policy or ""

    def contents(self, tag: str) -> list[str]:
        """What stands in all elements like ``<style>``."""
        return re.findall(rf"<{tag}>(.*?)</{tag}>", self.html, re.DOTALL)
