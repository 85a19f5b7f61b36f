"""A path as a picture: what is drawn of each scenario of the capture, its grammar, and names that would break it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import flowstitch
from flowstitch.cli.pictures import dot, mermaid
from flowstitch.sql.pathfacts import load_path
from flowstitch.sql.picture import Picture, Step, Stop, draw

if TYPE_CHECKING:
    from cli.conftest import Call

# What was drawn of the first path of each scenario.
GOLDEN = Path(__file__).parent / "pictures"
FORMS = {"mermaid": ("mmd", mermaid), "dot": ("dot", dot)}
HOSTILE = 'a"b]]|c\nend;--> <script>alert(1)</script> &quot; #35; \\" \\N {x} `y` "|d9\x1b[31m\u202e'
QUOTED = r'"(?:[^"\\]|\\.)*"'
BRACKETS = r"\[{0}\]|\[\[{0}\]\]|\({0}\)|\(\({0}\)\)|\(\[{0}\]\)|\{{\{{{0}\}}\}}"
# Lines of each language, the parts of it that are used: https://mermaid.js.org/syntax/flowchart.html, https://graphviz.org/doc/info/lang.html
MERMAID = {
    "head": r"flowchart LR",
    "group": rf"  subgraph n\d+\[{QUOTED}\]",
    "close": r"  end",
    "stop": rf" +(d\d+)(?:{BRACKETS.format(QUOTED)})",
    "step": rf"  (d\d+) (?:-->|-\.->)(?:\|{QUOTED}\|)? (d\d+)",
    "style": r"  classDef unseen stroke-dasharray: 4 4",
    "styled": r"  class (d\d+(?:,d\d+)*) unseen",
}
DOT = {
    "head": r"digraph path \{",
    "setting": r"  rankdir=LR|  (?:node|edge) \[fontname=\"sans-serif\"\]",
    "group": rf"  subgraph cluster_\d+ \{{ label={QUOTED}",
    "close": r"  \}",
    "stop": rf" +(d\d+) \[shape=[a-z]+ label={QUOTED}(?: style=dashed)?\]",
    "step": rf"  (d\d+) -> (d\d+) \[label={QUOTED} style=(?:solid|dashed)\]",
    "end": r"\}",
}


def first_of_each(result: Path) -> dict[str, int]:
    with flowstitch.open(result) as opened:
        return dict(
            opened.sql("select scenario, min(path_id) from datapaths group by all order by all").fetchall()
        )


def parsed(text: str, grammar: dict[str, str]) -> dict[str, list[tuple[str, ...]]]:
    """Lines by kind, each with the stops that it names; every stop is named where it stands, and no two alike."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in text.splitlines():
        kinds = [(kind, match) for kind, form in grammar.items() if (match := re.fullmatch(form, line))]
        assert len(kinds) == 1, line
        kind, match = kinds[0]
        found.setdefault(kind, []).append(match.groups())
    stops = [stop for (stop,) in found["stop"]]
    assert len(set(stops)) == len(stops)
    assert {stop for step in found["step"] for stop in step} == set(stops)
    assert len(found.get("group", [])) == len(found.get("close", []))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_each_scenario_is_drawn_as_it_was(call: Call, result: Path, form: str) -> None:
    suffix, _ = FORMS[form]
    drawn = {
        name: call("explain", result, path, "-f", form).stdout for name, path in first_of_each(result).items()
    }
    known = {file.stem: file.read_text(encoding="utf-8") for file in GOLDEN.glob(f"*.{suffix}")}
    assert drawn == known
    grammar = MERMAID if form == "mermaid" else DOT
    for text in drawn.values():
        assert text.endswith("\n")
        parsed(text, grammar)


def test_every_path_is_drawn_from_end_to_end(result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = (
            "select path_id from datapaths qualify row_number() over "
            "(partition by scenario, outcome, return_lands_on, len(evidence), match order by path_id) = 1"
        )
        paths = [load_path(opened, path) for (path,) in opened.sql(query).fetchall()]
    assert len(paths) > 40
    for path in paths:
        picture = draw(path)
        for way, ends in (("forward", ("client", "server")), ("return", ("server", "client"))):
            steps = [step for step in picture.steps if step.way == way]
            assert [step.end for step in steps[:-1]] == [step.begin for step in steps[1:]]
            if steps:
                for place, side in zip((steps[0].begin, steps[-1].end), ends, strict=True):
                    assert picture.stops[place].lines[-1] in (path.facts[f"{side}_ip"], f"{side} not known")
        enis = {stop.lines[0] for stop in picture.stops if stop.kind == "eni" and stop.seen}
        assert enis == {
            crossing.split(" ", 2)[2] for segment in path.segments for crossing in segment["crossings"]
        }
        texts = {step.text for step in picture.steps}
        for segment in path.segments:
            assert any(f"{segment['src_ip']}" in text and f"{segment['dst_ip']}" in text for text in texts)
        parsed(mermaid(picture), MERMAID)
        parsed(dot(picture), DOT)


def test_names_do_not_break_out() -> None:
    stops = [Stop("pod", (HOSTILE, HOSTILE), HOSTILE), Stop("eni", (HOSTILE,), None, seen=False)]
    picture = Picture(stops, [Step(0, 1, "forward", HOSTILE), Step(1, 0, "return", HOSTILE)])
    chart, graph = mermaid(picture), dot(picture)
    for text, grammar in ((chart, MERMAID), (graph, DOT)):
        found = parsed(text, grammar)
        assert [len(found[kind]) for kind in ("group", "stop", "step")] == [1, 2, 2]
        assert all(char.isprintable() for char in text.replace("\n", ""))
        assert "<script" not in text
    # as each reads it, the name is there
    numbers = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), chart)
    plain = r'a"b]]|c\nend;--> <script>alert(1)</script> &quot; #35; \" \N {x} `y` "|d9\x1b[31m\u202e'
    assert numbers.count(plain) == 6
    unescaped = re.sub(r"\\(.)", r"\1", graph).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert unescaped.count(plain) == 6


def test_several_paths_are_listed_whatever_the_format(call: Call, result: Path) -> None:
    with flowstitch.open(result) as opened:
        ((ip,),) = opened.sql(
            "select client_ip from datapaths group by all having count(*) > 1 order by all limit 1"
        ).fetchall()
    assert call("explain", result, ip, "-f", "dot").stdout == call("explain", result, ip).stdout
