"""The page is one file, admits nothing from elsewhere, and text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flowstitch.report.markup import element, written
from flowstitch.report.page import MARK, embedded, page
from report.reading import Page

BAD = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    '"><img src=x onerror=alert(1)>',
    "\u202eabc",
    "a\x00b",
    "\ud800",
]


def test_only_what_stands_in_it_is_admitted(page: Page) -> None:
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        hashes = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in page.contents(tag)
        }
        (admitted,) = re.findall(rf"{source} ([^;]*)", page.policy)
        assert hashes == set(admitted.split())
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy


def test_nothing_is_fetched(page: Page) -> None:
    assert page.html.encode().startswith(MARK)
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert not {"src", "style", "srcset"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


@given(st.text() | st.sampled_from(BAD))
def test_text_stays_text(text: str) -> None:
    html = written([element("p", text, title=text)])
    assert re.fullmatch(r'<p title="[^"]*">[^<>]*</p>', html)
    assert html.isprintable()


@given(st.dictionaries(st.text() | st.sampled_from(BAD), st.text() | st.sampled_from(BAD)))
def test_data_cannot_end_its_element(data: dict[str, str]) -> None:
    text = embedded(data)
    assert "<" not in text
    assert json.loads(text) == data


def test_a_title_stays_text(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page("</title><script>alert(1)</script>$policy", [], {}), encoding="utf-8")
    assert "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;$policy" in file.read_text(encoding="utf-8")


def test_content_in_its_order() -> None:
    made = element("p", "a", [element("b", "c"), None, "d"], "e", class_="x", data_value=1.5, id=None)
    assert written([made]) == '<p class="x" data-value="1.5">a<b>c</b>de</p>'
