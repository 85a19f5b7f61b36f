"""What is learnt of a line: its literals and values, and when nothing is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.ingest.dialects import dialects
from flowstitch.ingest.layouts import Layout
from flowstitch.ingest.logcolumns import Plan
from flowstitch.ingest.templates import Template, TemplateSet, Value, delimited_template, json_template

PLAN = Plan(dialects("json-lines")["alibaba-vpc-flow"])
AWS = Plan(dialects("delimited")["aws-vpc-flow"])


def test_template_of_an_object():
    template = json_template(b' {"__time__": 1700000060,"eni-id":"eni-1", "x":null, "start" : "5"}\r', PLAN)
    assert template == Template(
        (b' {"__time__": ', b',"eni-id":"', b'", "x":null, "start" : "', b'"}\r\n'),
        (Value("__time__", bare=True), Value("eni-id"), Value("start")),
        '"',
    )


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"{}", b"[]", b"x", b'{"a":"1"', b'{"a":"1",}', b'{"a":"1"}x', b'{"a":"1"} {"b":"2"}', b'{"a":"1" "b":"2"}', b'{"a":01}',
        b'{"a":1.5}', b'{"a":-1}', b'{"a":1e3}', b'{"a":[]}', b'{"a":{"b":"1"}}', b'{"a":"\\n"}', b'{"\\u0061":"1"}', b'{"a":"1","a":"2"}',
        b'{"\xff":"1"}', b'{"a":True}', b'{"a":nul}', b'{"a":null}', b'\xef\xbb\xbf{"a":"1"}', b'{"srcport":true,"a":"1"}', b"{'a':'1'}",
        b'{"SrcPort":false,"a":"1"}', b'{"a":1 2}', b'{,"a":"1"}',
    ],
)  # fmt: skip
def test_no_template_of_what_lines_cannot_be_compared_with(line):
    assert json_template(line, PLAN) is None


def test_an_object_of_very_many_values_has_no_template():
    assert json_template(json.dumps({str(n): "x" for n in range(256)}).encode(), PLAN) is not None
    assert json_template(json.dumps({str(n): "x" for n in range(257)}).encode(), PLAN) is None


TEXTS = st.text(st.sampled_from('abc012 ,:{}"\\\n\u00e9'), max_size=5)


@given(st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-9, 999), st.none(), st.booleans()), max_size=5))
def test_a_template_is_its_line(row):
    line = json.dumps(row, ensure_ascii=False).encode()
    template = json_template(line, PLAN)
    if template is None:
        assert all(isinstance(value, bool | None) for value in row.values()) or any(
            char in str(item) for item in [*row, *row.values()] for char in '"\\\n-'
        )
        return
    names = [value.name for value in template.values]
    assert names == [name for name, value in row.items() if value is not None and not isinstance(value, bool)]
    texts = [str(row[name]).encode() for name in names]
    rest = zip(texts, template.literals[1:], strict=True)
    assert template.literals[0] + b"".join(text + literal for text, literal in rest) == line + b"\n"


def test_template_of_values():
    layout = Layout(",", ("version", "interface_id", "x", "srcaddr"))
    assert delimited_template(b'\t2,"eni-1",,10.0.0.1 \r', layout, AWS) == Template(
        (b"\t", b',"', b'",', b",", b" \r\n"),
        (Value("", trimmed=True), Value("interface-id"), Value(""), Value("srcaddr", trimmed=True)),
        ",",
    )
    blanks = delimited_template(b'2 eni-1 "" -', Layout(" ", layout.names), AWS)
    assert [value.least for value in blanks.values] == [1, 1, 0, 1]
    tabs = delimited_template(b"2\teni-1\t\t-", Layout("\t", layout.names), AWS)
    assert [value.least for value in tabs.values] == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("line", "separator"),
    [(b"a b", ","), (b"a  b c", " "), (b"a,b,c,d", ","), (b"a1b1c", "1"), (b"a-b-c", "-"), (b'a"b"c', '"'), (b"a,,b,,c", ",,"), (b"", " "),
     (b"axbxc", "x"), (b"a\\b\\c", "\\"), (b"a.b.c", "."), (b"a\nb\nc", "\n"), ("aéböc".encode(), "é")],
)  # fmt: skip
def test_no_template_of_other_columns_or_of_odd_separators(line, separator):
    assert delimited_template(line, Layout(separator, ("start", "end", "x")), AWS) is None


def test_the_first_column_that_says_something_counts():
    one = Template((b"", b" ", b"\n"), (Value("srcaddr"), Value("pkt-srcaddr")), " ")
    other = Template((b"", b"\n"), (Value("srcaddr"),), " ")
    names = [column.target.name for column in AWS.columns]
    assert TemplateSet((), AWS).rows[names.index("src_ip")] == []
    both = TemplateSet((one, other), AWS)
    assert both.rows[names.index("src_ip")] == [0, 1]
    assert both.steps.begins.tolist() == [0, 3, 6]
