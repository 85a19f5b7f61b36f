"""``ask`` and ``sql``: questions, formats and files."""

from __future__ import annotations

import csv
import io
import json
from importlib.metadata import entry_points
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flowstitch
import flowstitch.__main__
from cli.conftest import Call, on_terminal, start
from truth import assign, read_truth

ROLES = {"primary", "secondary", "member"}
SCENARIO = "pod-to-lbip-cluster-remote"


def test_without_a_question_it_lists_them(call: Call, result: Path) -> None:
    listed = call("ask", result)
    assert listed.exit_code == 0
    names, titles = zip(*(line.split(maxsplit=1) for line in listed.stdout.splitlines()[1:]), strict=True)
    assert list(names) == sorted(names)
    assert titles[names.index("return-eni")] == "Which return paths land on the primary ENI?"
    told = {item["question"]: item for item in json.loads(call("ask", result, "-f", "json").stdout)}
    assert set(told) >= {"coverage", "return-eni", "scenarios"}
    assert told["return-eni"]["columns"]["return_bytes"].startswith("IP bytes")


def test_every_pod_that_dials_a_remote_backend_by_the_lb_gets_its_reply_on_the_primary_eni(
    call: Call, result: Path, capture: Path
) -> None:
    with flowstitch.open(result) as opened:
        paths = opened.table("datapaths").to_pylist()
    truth = read_truth(capture.parent / "truth.csv.gz")
    wanted = [row for row, known in enumerate(truth) if known["scenario"] == SCENARIO]
    assert len(wanted) == 230
    found = assign(truth, paths)
    assert {paths[found[row]]["return_lands_on"] for row in wanted} == {"primary"}

    answer = json.loads(call("ask", result, "return-eni", "--format", "json").stdout)
    of_scenario = [row for row in answer if row["scenario"] == SCENARIO]
    (mix,) = (
        row
        for row in json.loads(call("ask", result, "scenarios", "-f", "json").stdout)
        if row["scenario"] == SCENARIO
    )
    assert mix["connections"] == mix["on_primary"] == sum(row["connections"] for row in of_scenario) >= 230
    assert (mix["sop"], mix["expected"], mix["drifted"]) == (5, "primary", 0)
    assert {row["return_evidence"] for row in of_scenario} == {"observed"}


def test_return_eni_counts_what_the_paths_say(call: Call, result: Path) -> None:
    answer = json.loads(call("ask", result, "return-eni", "-f", "json").stdout)
    with flowstitch.open(result) as opened:
        paths = opened.table("datapaths").to_pylist()
    for row in answer:
        over = [
            path
            for path in paths
            if path["client_node"] == row["client_node"] and path["return_lands_on"] in ROLES
        ]
        mine = [
            path
            for path in over
            if path["return_lands_on"] == "primary"
            and all(path[name] == row[name] for name in ("service", "scenario", "return_evidence"))
        ]
        assert row["connections"] == len(mine)
        assert row["return_bytes"] == sum(path["return_bytes"] or 0 for path in mine)
        assert row["share"] == pytest.approx(len(mine) / len(over), abs=6e-5)
        assert row["bytes_share"] == pytest.approx(
            row["return_bytes"] / sum(path["return_bytes"] or 0 for path in over), abs=6e-5
        )
    assert sum(row["connections"] for row in answer) == sum(
        path["return_lands_on"] == "primary" for path in paths
    )
    bytes_of = [row["return_bytes"] for row in answer]
    assert bytes_of == sorted(bytes_of, reverse=True)


def test_sources_account_for_every_row(call: Call, result: Path) -> None:
    rows = json.loads(call("ask", result, "sources", "-f", "json").stdout)
    assert all(row["rows"] == row["parsed"] + row["skipped"] + row["rejected"] for row in rows)
    (events,) = (
        row for row in rows if row["source"] == "nodes/cn-hongkong.10.0.1.47/conntrack-events.log.gz"
    )
    assert events["rows"] == 8963
    assert events["first_seen"] == "2026-11-23T00:44:20.184938Z"


@pytest.mark.parametrize(
    ("option", "name", "near"),
    [
        ("--service", "default/ngin", "did you mean 'default/nginx'?"),
        ("--service", "@", "known are: default/"),
        ("--node", "cn-hongkong.10.0.1.28", "did you mean 'cn-hongkong.10.0.1.82'?"),
    ],
)
def test_a_service_or_node_that_is_none_is_refused(
    call: Call, result: Path, option: str, name: str, near: str
) -> None:
    refused = call("ask", result, "return-eni", option, name)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"there is no {option[2:]} {name!r}; {near}" in refused.stderr


def test_one_that_is_there_may_have_no_row(call: Call, result: Path) -> None:
    """Nothing of the answer is left, and that is the answer."""
    with flowstitch.open(result) as opened:
        services = {f"{row['namespace']}/{row['name']}" for row in opened.table("services").to_pylist()}
    answered = {row["service"] for row in json.loads(call("ask", result, "return-eni", "-f", "json").stdout)}
    silent = min(services - answered)
    assert json.loads(call("ask", result, "return-eni", "--service", silent, "-f", "json").stdout) == []


def test_formats_agree(call: Call, result: Path, tmp_path: Path) -> None:
    answer = json.loads(call("ask", result, "sources", "-f", "json").stdout)
    fields = list(csv.DictReader(io.StringIO(call("ask", result, "sources", "-f", "csv").stdout)))
    assert [row["source"] for row in fields] == [row["source"] for row in answer]
    assert [row["node"] or None for row in fields] == [row["node"] for row in answer]
    assert [json.loads(row["warnings"]) for row in fields] == [row["warnings"] for row in answer]
    for name in ("answer.parquet", "answer.json", "answer.csv"):
        done = call("ask", result, "sources", "--output", tmp_path / name)
        assert (done.exit_code, done.stdout) == (0, "")
    assert pq.read_table(tmp_path / "answer.parquet").column("rows").to_pylist() == [
        row["rows"] for row in answer
    ]
    assert json.loads((tmp_path / "answer.json").read_text()) == answer
    assert len((tmp_path / "answer.csv").read_text().splitlines()) == len(answer) + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.csv", "answer.json", "answer.parquet"]
    table = call("ask", result, "sources").stdout.splitlines()
    assert len(table) == len(answer) + 1
    assert "\x1b" not in "".join(table)


def test_parquet_can_go_into_a_pipe(result: Path, tmp_path: Path) -> None:
    with (
        (tmp_path / "paths.parquet").open("wb") as file,
        start("sql", result, "from datapaths", "-f", "parquet", stdout=file) as process,
    ):
        assert process.wait() == 0
    assert "path_id" in pq.read_schema(tmp_path / "paths.parquet").names


def test_types_have_one_text(call: Call, result: Path) -> None:
    query = """
        select 18446744073709551615::ubigint as id, 1.50::decimal(9, 2) as part, 2::hugeint as whole, true as flag,
            timestamptz '2026-01-01 08:00:00+08' as moment, date '2026-01-02' as day, time '01:02:03' as hour, [1, null] as list,
            map {'a': 1} as map, {'x': date '2026-01-03'} as struct, 'nan'::double as nan, 'ab'::blob as bytes, null as nothing
    """
    (row,) = json.loads(call("sql", result, query, "-f", "json").stdout)
    assert row == {
        "id": (1 << 64) - 1, "part": 1.5, "whole": 2, "flag": True, "moment": "2026-01-01T00:00:00Z", "day": "2026-01-02",
        "hour": "01:02:03", "list": [1, None], "map": {"a": 1}, "struct": {"x": "2026-01-03"}, "nan": "nan", "bytes": "ab",
        "nothing": None,
    }  # fmt: skip
    (fields,) = csv.reader(io.StringIO(call("sql", result, query, "-f", "csv").stdout.splitlines()[1]))
    assert fields[:5] == ["18446744073709551615", "1.5", "2", "true", "2026-01-01T00:00:00Z"]
    assert fields[-6:] == ["[1, null]", '{"a": 1}', '{"x": "2026-01-03"}', "nan", "ab", ""]
    cells = call("sql", result, query).stdout.splitlines()[1].split("  ")
    assert [cell.strip() for cell in cells if cell.strip()][-6:] == [
        "1, -",
        "a: 1",
        "x: 2026-01-03",
        "nan",
        "ab",
        "-",
    ]


def test_an_interval_is_text(call: Call, result: Path, tmp_path: Path) -> None:
    query = """
        select interval '14 months 3 days' + interval 458266327 microseconds as "a ""b"" c", null::interval as nothing,
            [interval 1 hour, null] as list, {'interval': interval 1 day, 'kind': 'INTERVAL'::enum('INTERVAL')} as struct,
            map {'INTERVAL': interval 1 second} as map
    """
    told = {
        'a "b" c': "1 year 2 months 3 days 00:07:38.266327", "nothing": None, "list": ["01:00:00", None],
        "struct": {"interval": "1 day", "kind": "INTERVAL"}, "map": {"INTERVAL": "00:00:01"},
    }  # fmt: skip
    assert json.loads(call("sql", result, query, "-f", "json").stdout) == [told]
    (fields,) = csv.DictReader(io.StringIO(call("sql", result, query, "-f", "csv").stdout))
    assert (fields['a "b" c'], fields["list"]) == (told['a "b" c'], '["01:00:00", null]')
    cells = call("sql", result, query).stdout.splitlines()[1].split("  ")
    assert [cell.strip() for cell in cells if cell.strip()] == [
        told['a "b" c'],
        "-",
        "01:00:00, -",
        "interval: 1 day, kind: INTERVAL",
        "INTERVAL: 00:00:01",
    ]
    assert call("sql", result, query, "-o", tmp_path / "x.parquet").exit_code == 0
    (row,) = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert row | {"map": dict(row["map"])} == told


def test_columns_of_one_name_are_all_written(call: Call, result: Path, tmp_path: Path) -> None:
    query = 'select 1 as a, interval 2 hours as a, 3 as b, 4 as "B" order by all'
    told = [{"a": 1, "a_1": "02:00:00", "b": 3, "B_1": 4}]
    assert json.loads(call("sql", result, query, "-f", "json").stdout) == told
    assert call("sql", result, query, "-o", tmp_path / "x.parquet").exit_code == 0
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == told
    assert call("sql", result, query, "-f", "csv").stdout == "a,a,b,B\n1,02:00:00,3,4\n"
    (other,) = json.loads(call("sql", result, 'select 3 as b, 4 as "B"', "-f", "json").stdout)
    assert other == {"b": 3, "B": 4}


def test_no_rows_are_an_answer(call: Call, result: Path) -> None:
    query = "select source, line from rejects where false"
    assert call("sql", result, query).stdout == "source  line\n"
    assert call("sql", result, query, "-f", "json").stdout == "[]\n"
    assert call("sql", result, query, "-f", "csv").stdout == "source,line\n"


def test_a_query_can_come_from_standard_input(call: Call, result: Path) -> None:
    assert call("sql", result, "-", "-f", "csv", text="select 1 as one\n").stdout == "one\n1\n"


def test_a_long_table_is_cut_and_says_so(call: Call, result: Path) -> None:
    done = call("sql", result, "select line from observations")
    assert len(done.stdout.splitlines()) == 10_001
    assert (
        done.stderr
        == "flowstitch: the table was cut after 10000 rows; --format csv, json or parquet has them all.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ask", "nowhere"], "nowhere: no such directory; give the --out of a flowstitch run."),
        (["ask", "."], ".: is not a result, it has no run.json; give the --out of a flowstitch run."),
        (["ask", "{result}", "return-en"], "there is no question 'return-en'; did you mean 'return-eni'?"),
        (["ask", "{result}", "return-eni", "-f", "xml"], "'xml' is not one of"),
        (["ask", "{result}", "return-eni", "-o", "nowhere/x.csv"], "nowhere/x.csv: cannot be written (No such file or directory)"),
        (["sql", "{result}", "selec 1"], "the query failed: Parser Error: syntax error at or near \"selec\""),
        (["sql", "{result}", "from datapath"], "the query failed: Catalog Error: "),
        (["sql", "{result}", "select cast(protocol as int) from datapaths"], "the query failed: Conversion Error: "),
        (["sql", "{result}", " "], "the query has no answer"),
    ],
)  # fmt: skip
def test_wrong_use(
    call: Call,
    result: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*(argument.format(result=result) for argument in arguments))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("flowstitch: ")
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []


HOSTILE = "select '[bold]' || chr(27) || ']0;x' || chr(7) || chr(155) || '31m' || chr(8238) || chr(10) || 'end' as \"na\x1bme\""


def test_a_terminal_gets_no_commands_from_a_result(result: Path) -> None:
    for form in ("table", "json", "csv"):
        shown = on_terminal("sql", result, HOSTILE, "--format", form, NO_COLOR="1")
        assert "[bold]" in shown
        assert "end" in shown
        assert shown.replace("\n", "").isprintable()


def test_a_pipe_gets_the_same_table_and_sound_json(call: Call, result: Path) -> None:
    assert call("sql", result, HOSTILE).stdout == "na\\x1bme\n[bold]\\x1b]0;x\\x07\\x9b31m\\u202e\\nend\n"
    (row,) = json.loads(call("sql", result, HOSTILE, "-f", "json").stdout)
    assert row == {"na\x1bme": "[bold]\x1b]0;x\x07\x9b31m\u202e\nend"}


def test_a_terminal_gets_a_title_a_bold_head_and_a_table_that_fits(result: Path) -> None:
    for columns in (60, 90, 100, 200):
        lines = on_terminal("ask", result, "return-eni", columns=columns).splitlines()
        assert lines[0] == "\x1b[1mWhich return paths land on the primary ENI?\x1b[0m"
        plain = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines]
        assert max(map(len, plain)) <= columns
        assert (columns > 60) == any(line.startswith("───") for line in plain)
    assert "\x1b" not in on_terminal("ask", result, "return-eni", NO_COLOR="1")
    assert "\x1b" not in on_terminal("ask", result, "return-eni", TERM="dumb")


def test_a_terminal_gets_bars_of_shares_and_a_pipe_does_not(result: Path, call: Call) -> None:
    shown = on_terminal("ask", result, "return-eni", columns=160)
    assert "0.7358 \x1b[36m█████▉\x1b[0m" in shown
    assert "0.7358 █████▉" in on_terminal("ask", result, "return-eni", columns=160, NO_COLOR="1")
    assert "█" not in call("ask", result, "return-eni").stdout


def test_parquet_is_not_for_a_terminal(result: Path) -> None:
    assert "Parquet is not for a terminal; give --output FILE" in on_terminal(
        "sql", result, "select 1", "-f", "parquet"
    )


def test_the_command_is_installed_under_its_name() -> None:
    (script,) = entry_points(group="console_scripts", name="flowstitch")
    assert script.value == "flowstitch.cli.main:main"
    assert script.load() is flowstitch.__main__.main
