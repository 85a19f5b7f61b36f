"""The page in a real browser, without a network: it draws, switches, filters and sorts, and says nothing in the console."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_core_python
import pytest

import flowstitch
from report.browser import DRIVER, Browser, browser, browser_path

pytestmark = pytest.mark.skipif(
    browser_path() is None,
    reason=f"no Chromium with {DRIVER}; on Debian: apt-get install chromium chromium-driver",
)
PHONE, DESK = (390, 844), (1200, 900)
# Rules of WCAG and what else a page should keep, https://github.com/dequelabs/axe-core.
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")


@pytest.fixture(scope="module")
def opened_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as window:
        yield window


@pytest.fixture
def window(opened_browser: Browser, report_file: Path) -> Iterator[Browser]:
    opened_browser.dark(dark=False)
    opened_browser.show(report_file, *DESK)
    yield opened_browser
    assert opened_browser.complaints() == []


def asked(result: Path, query: str) -> list[tuple[Any, ...]]:
    with flowstitch.open(result) as session:
        return session.sql(query).fetchall()


def text(window: Browser, selector: str) -> str:
    found: str = window.run("return document.querySelector(arguments[0]).textContent", selector)
    return found


def test_every_chart_is_drawn(window: Browser) -> None:
    sizes = window.run("""
        return [...document.querySelectorAll(".chart")].map((chart) => [chart.id, chart.querySelectorAll("svg path").length, chart.clientHeight])
    """)
    assert len(sizes) == 6
    assert all(paths > 0 and height > 50 for _, paths, height in sizes), sizes


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_accessible(window: Browser, *, dark: bool, size: tuple[int, int]) -> None:
    window.dark(dark=dark)
    window.resize(*size)
    window.run('for (const part of document.querySelectorAll("details")) part.open = true')
    window.run(AXE.read_text(encoding="utf-8") + "; window.axe = axe")
    broken = window.wait_for("""
        const {violations} = await axe.run(document, {resultTypes: ["violations"]});
        return violations.map((one) => [one.id, one.help, one.nodes.length, one.nodes[0].target.join(" ")])
    """)
    assert broken == []


def test_the_switch_between_connections_and_bytes(window: Browser, result: Path) -> None:
    value = """
        const series = echarts.getInstanceByDom(document.getElementById("chart-flows")).getOption().series[0];
        return series.data.find((node) => node.name === "3 primary").value
    """
    ((connections, size),) = asked(
        result, "select count(*), sum(return_bytes)::bigint from datapaths where return_lands_on = 'primary'"
    )
    assert window.run(value) == connections
    window.click("button[data-chart=flows][data-value=bytes]")
    assert window.run(value) == size
    pressed = window.run(
        'return [...document.querySelectorAll("button[data-chart=flows][aria-pressed=true]")].map((one) => one.textContent)'
    )
    assert pressed == ["bytes"]


def test_the_heat_map_of_a_role(window: Browser, result: Path) -> None:
    window.click("button[data-chart=pairs][data-value=secondary]")
    cells = window.run("""
        const series = echarts.getInstanceByDom(document.getElementById("chart-pairs")).getOption().series[0];
        return series.data.map((cell) => cell.value[2]).sort((a, b) => a - b)
    """)
    wanted = asked(
        result,
        "select count(*) as n from datapaths where return_lands_on = 'secondary' group by client_node, server_node order by n",
    )
    assert cells == [number for (number,) in wanted]


def test_a_table_is_filtered(window: Browser, result: Path) -> None:
    window.type("#table-return-eni input.filter", "NGINX1")
    shown = window.run(
        'return [...document.getElementById("rows-return-eni").tBodies[0].rows].filter((row) => row.offsetHeight > 0).length'
    )
    ((wanted, rows),) = asked(
        result, "select count(*) filter (where service like '%nginx1%'), count(*) from ask_return_eni"
    )
    assert shown == wanted
    assert text(window, "#rows-return-eni-shown") == f"{wanted} of {rows} rows have it"


def test_every_table_is_filtered(window: Browser) -> None:
    left = window.run("""
        return [...document.querySelectorAll("input.filter")].map((field) => {
            field.value = "no row has this";
            field.dispatchEvent(new Event("input"));
            const rows = [...field.closest("details").querySelectorAll("tbody tr")];
            return [field.dataset.table, rows.length > 0, rows.filter((row) => !row.hidden).length];
        })
    """)
    assert len(left) > 10
    assert [one for one in left if one[1:] != [True, 0]] == []


def test_a_table_is_sorted(window: Browser, result: Path) -> None:
    column = 'return [...document.getElementById("rows-return-eni").tBodies[0].rows].map((row) => Number(row.cells[4].dataset.value))'
    head = "#rows-return-eni thead th:nth-child(5)"
    wanted = [
        number for (number,) in asked(result, "select connections from ask_return_eni order by connections")
    ]
    window.click(f"{head} button")
    assert window.run(column) == wanted[::-1]
    window.click(f"{head} button")
    assert window.run(column) == wanted
    assert (
        window.run("return document.querySelector(arguments[0]).getAttribute('aria-sort')", head)
        == "ascending"
    )


def test_what_is_not_known_is_sorted_last(window: Browser) -> None:
    services = 'return [...document.getElementById("rows-return-eni").tBodies[0].rows].map((row) => row.cells[1].textContent)'
    for _ in range(2):
        window.click("#rows-return-eni thead th:nth-child(2) button")
        found = window.run(services)
        assert found == [name for name in found if name != "-"] + ["-"] * found.count("-")


def test_numbers_of_the_page_are_those_of_sql(window: Browser, result: Path) -> None:
    ((primary, over),) = asked(
        result,
        "select count(*) filter (where return_lands_on = 'primary'), count(*) from datapaths where return_lands_on in ('primary', 'secondary', 'member')",
    )
    assert f"{100 * primary / over:.1f}%" in text(window, "#answer .lead")
    assert f"{primary:,} of {over:,}" in text(window, "#answer .lead")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_the_screen(size: tuple[int, int], dark: bool, window: Browser, report_file: Path) -> None:
    window.dark(dark=dark)
    window.show(report_file, *size)
    wide, seen = window.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen == size[0]
    colour = window.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) < 200) == dark


# of text against what is behind it: WCAG 2.2, 1.4.3, https://www.w3.org/TR/WCAG22/#contrast-minimum
_CONTRAST = """
    const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const colour = numbers(getComputedStyle(node).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    document.querySelectorAll("details").forEach((part) => (part.open = true));
    const texts = [...document.querySelectorAll("body *:not(svg *)")].filter((node) =>
        node.offsetParent && [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim()));
    const ratio = (node) => {
        const [one, two] = [light(numbers(getComputedStyle(node).color)), light(behind(node))];
        return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    };
    return [texts.length, texts.filter((node) => ratio(node) < 4.5).map((node) => node.outerHTML.slice(0, 99))];
"""


@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out(dark: bool, window: Browser, report_file: Path) -> None:
    window.dark(dark=dark)
    window.show(report_file, *DESK)
    texts, faint = window.run(_CONTRAST)
    assert texts > 100
    assert faint == []


def test_the_keyboard_reaches_switches_and_tables_and_each_has_a_name(window: Browser) -> None:
    window.resize(*PHONE)
    reached, unnamed, unreached = window.run("""
        document.querySelectorAll("details").forEach((part) => (part.open = true));
        const shown = (selector) => [...document.querySelectorAll(selector)].filter((node) => node.offsetParent);
        const named = (node) => node.textContent.trim() && node.tagName !== "DIV" || node.getAttribute("aria-label");
        const wide = shown(".scroll").filter((node) => node.scrollWidth > node.clientWidth);
        const worked = [...shown("a[href], button, input, summary"), ...wide];
        const tell = (nodes) => nodes.map((node) => node.outerHTML.slice(0, 99));
        return [worked.length, tell(worked.filter((node) => !named(node))), tell(worked.filter((node) => {
            node.focus();
            return node.tabIndex < 0 || document.activeElement !== node;
        }))];
    """)
    assert reached > 50
    assert (unnamed, unreached) == ([], [])


def test_pictures_say_what_they_are_or_are_left_out(window: Browser) -> None:
    pictures, silent = window.run("""
        const pictures = [...document.querySelectorAll("img, canvas, svg")].filter((node) => !node.parentElement.closest("svg"));
        const told = (node) => node.closest("[aria-hidden=true]") || node.closest("[aria-label]:not(.scroll)")
            || node.getAttribute("alt") || node.querySelector(":scope > title");
        return [pictures.length, pictures.filter((node) => !told(node)).map((node) => node.outerHTML.slice(0, 99))];
    """)
    assert pictures > 10
    assert silent == []


def test_the_reader_chooses_light_or_dark(window: Browser) -> None:
    colours = 'return [getComputedStyle(document.body).backgroundColor, document.querySelector("#chart-enis text").getAttribute("fill")]'
    light = window.run(colours)
    window.click("#theme")
    dark = window.run(colours)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    window.click("#theme")
    assert window.run(colours) == light


def test_a_chart_follows_the_width(window: Browser) -> None:
    window.resize(*PHONE)
    time.sleep(0.5)
    assert (
        window.run('return document.querySelector("#chart-timeline svg").getBoundingClientRect().width')
        <= PHONE[0]
    )


def test_it_is_printed(window: Browser, tmp_path: Path) -> None:
    window.run("""
        addEventListener("beforeprint", () => {
            const wide = (svg) => Number(svg.getAttribute("width"));
            window.printed = [...document.querySelectorAll(".chart svg")].map(wide).concat(document.querySelectorAll("#paths details:not([open])").length);
        })
    """)
    window.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert window.run("return window.printed") == [660] * 6 + [0]


# Pictures of the docs: width and height of the window, what is scrolled to the top.
PICTURES = {
    "report": (1100, 1000, "header"),
    "report-pictures": (1100, 1180, "#figure-flows"),
    "report-ways": (1100, 560, "#paths"),
    "report-phone": (390, 844, "header"),
}


def test_pictures(
    opened_browser: Browser, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result").symlink_to(result)
    with flowstitch.open("result") as opened:
        opened.report("report.html")
    for name, (width, height, selector) in PICTURES.items():
        opened_browser.dark(dark=False)
        opened_browser.show(tmp_path / "report.html", width, height)
        opened_browser.run("document.querySelector(arguments[0]).scrollIntoView()", selector)
        time.sleep(0.3)
        opened_browser.picture(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        if docs := os.environ.get("FLOWSTITCH_PICTURES"):
            keep_small(tmp_path / f"{name}.png", Path(docs) / f"{name}.png")


def keep_small(picture: Path, docs: Path) -> None:
    """Keep a picture for the docs, in as many colours as it needs."""
    from PIL import Image

    with Image.open(picture) as opened:
        few = opened.convert("RGB").quantize(96, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(docs, optimize=True)
