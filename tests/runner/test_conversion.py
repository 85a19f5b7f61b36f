"""Tables that were converted are the export they came from: the same result, byte for byte."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flowstitch
from flowstitch.catalog import table
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.runner.pipeline import Options
from flowstitch.runner.times import parse_time

NODE = "nodes/cn-hongkong.10.0.1.47"
OTHER = "nodes/cn-hongkong.10.0.1.82"


def contents(directory: Path) -> dict[str, bytes]:
    """Bytes of every file but the log of a run."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "run.log.json"
    }


def assert_same(one: Path, other: Path) -> None:
    left, right = contents(one), contents(other)
    assert left.keys() == right.keys()
    assert [name for name in left if left[name] != right[name]] == []


def flip(path: Path, chance: random.Random) -> None:
    """Spoil one line in twenty: a byte of it, its end, or all of it."""
    packed = path.read_bytes()
    lines = (gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed).split(b"\n")
    for number, line in enumerate(lines):
        if line and chance.random() < 0.05:
            at = chance.randrange(len(line))
            spoilt = (
                line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :],
                line[:at],
                b"\xff\x00 nothing",
                b"",
            )
            lines[number] = chance.choice(spoilt)
    path.write_bytes(gzip.compress(b"\n".join(lines), mtime=0))


@pytest.fixture(scope="session")
def damaged(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture with spoilt lines, torn files, copies, empty dumps and files that nobody knows."""
    export = tmp_path_factory.mktemp("exports") / "damaged"
    shutil.copytree(capture, export)
    chance = random.Random(1)
    for pattern in (
        "nodes/*/conntrack-*.gz",
        "vpc-flow/*.gz",
        "slb/*.gz",
        "nodes/*/sysctl.txt",
        "nodes/*/ipvsadm-save.txt",
    ):
        for path in sorted(export.glob(pattern)):
            flip(path, chance)
    for name in (f"{NODE}/conntrack-events.log.gz", "vpc-flow/eni-j6ck41b82ztiqu1dn89i.jsonl.gz"):
        torn = (export / name).read_bytes()
        (export / name).write_bytes(torn[: len(torn) * 2 // 3])
    pods = (export / "inventory" / "pods.json").read_text()
    (export / "inventory" / "pods.json").write_text(pods[: len(pods) * 3 // 4])
    shutil.copy(export / OTHER / "conntrack-events.log.gz", export / "again")
    shutil.copy(export / OTHER / "conntrack-events.log.gz", export / "and-again")
    (export / "export.toml").write_text('[[source]]\nmatch = "*/empty-*"\nkind = "ipvs-rules"\n')
    (export / OTHER / "ipvsadm-save.txt").write_text("\n")
    (export / OTHER / "empty-rules").write_text("\n\n")
    (export / OTHER / "ip-rule.json").write_text('[{"priority": 0, "fwmark": "0x1", "table": "local"}]')
    (export / "sysctl-of-nobody").write_text("net.ipv4.ip_forward = 1\nkernel.domainname =\n")
    (export / "letter \u00fc").write_text("dear")
    (export / "nothing").write_text("")
    return export


@pytest.fixture(scope="session")
def tables(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture's canonical tables."""
    out = tmp_path_factory.mktemp("tables") / "ipvs"
    summary = flowstitch.convert(capture, out=out, threads=2)
    assert not summary.incomplete
    assert summary.counts == {
        path.parent.name: pq.read_metadata(path).num_rows for path in out.glob("*/*.parquet")
    }
    return out


def test_the_result_is_the_same(tables: Path, result: Path, tmp_path: Path) -> None:
    flowstitch.run(tables, out=tmp_path / "result")
    assert_same(tmp_path / "result", result)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_result_of_a_damaged_export_is_the_same(damaged: Path, tmp_path: Path, threads: int) -> None:
    options = Options(threads=threads, max_rejects=0.1)
    wanted = flowstitch.run(damaged, out=tmp_path / "wanted", options=options)
    converted = flowstitch.convert(damaged, out=tmp_path / "tables", threads=3 - threads, max_rejects=0.1)
    found = flowstitch.run(tmp_path / "tables", out=tmp_path / "found", options=options)
    assert_same(tmp_path / "found", tmp_path / "wanted")
    assert (found.counts, found.warnings, found.incomplete) == (
        wanted.counts,
        wanted.warnings,
        wanted.incomplete,
    )
    assert converted.incomplete
    assert set(converted.warnings) <= set(wanted.warnings)
    # the damage is there
    assert wanted.counts["rejects"] > 1000
    assert sum("was not counted again" in warning for warning in wanted.warnings) == 2
    with flowstitch.open(tmp_path / "found") as opened:
        query = "select count(*) filter (not complete), count(*) filter (copies <> []), sum(skipped) > 0 from sources"
        assert opened.sql(query).fetchall() == [(3, 1, True)]
        query = "select name, proxy_mode from nodes order by name"
        assert [mode for _, mode in opened.sql(query).fetchall()] == ["ipvs", None, "ipvs"]
    flowstitch.convert(tmp_path / "tables", out=tmp_path / "twice", max_rejects=0.1)
    assert_same(tmp_path / "twice", tmp_path / "tables")


def test_since_and_until_are_the_same(tables: Path, capture: Path, tmp_path: Path) -> None:
    since, until = (parse_time(text, "--since") for text in ("2026-11-23T00:46:00Z", "2026-11-23T00:48:00Z"))
    for name, export in (("wanted", capture), ("found", tables)):
        flowstitch.run(export, out=tmp_path / name, options=Options(since=since, until=until))
    assert_same(tmp_path / "found", tmp_path / "wanted")


def test_reading_gives_the_same_tables(tables: Path, capture: Path) -> None:
    wanted, found = flowstitch.read(capture), flowstitch.read(tables)
    assert wanted.keys() == found.keys()
    assert all(wanted[name].equals(found[name]) for name in wanted)


def test_tables_and_raw_files_add_up(capture: Path, result: Path, tmp_path: Path) -> None:
    """Some files converted, the others as they are: together they are the export."""
    shutil.copytree(capture, tmp_path / "raw")
    shutil.copytree(capture / NODE, tmp_path / "some" / NODE)
    shutil.rmtree(tmp_path / "raw" / NODE)
    flowstitch.convert(tmp_path / "some", out=tmp_path / "raw" / "converted")
    flowstitch.run(tmp_path / "raw", out=tmp_path / "found")
    assert_same(tmp_path / "found", result)


def test_tables_beside_their_own_raw_files_count_once(
    capture: Path, tables: Path, result: Path, tmp_path: Path
) -> None:
    summary = flowstitch.run(capture, tables, out=tmp_path / "found")
    found, wanted = contents(tmp_path / "found"), contents(result)
    # rows on no path stand behind those of the only part
    listings = {"run.json", "sources/part-00000.parquet", "observations/part-00001.parquet"}
    assert {name for name in wanted if found[name] != wanted[name]} == listings
    name = f"{NODE}/conntrack-events.log.gz"
    assert f"{tables.name}/{name}: has the content of {name} and was not counted again." in summary.warnings
    with flowstitch.open(tmp_path / "found") as opened, flowstitch.open(result) as alone:
        query = (
            "select count(*) from observations where kind <> 'sysctl' and reason is distinct from 'inventory'"
        )
        assert opened.sql(query).fetchall() == alone.sql(query).fetchall()
        query = "select distinct kind from sources where source like 'ipvs/%' order by kind"
        inventory = [
            "enis",
            "ip-addr",
            "ip-link",
            "ip-route",
            "ip-rule",
            "ipvs-rules",
            "kubernetes",
            "sysctl",
            "unknown",
        ]
        assert [kind for (kind,) in opened.sql(query).fetchall()] == inventory


def test_sources_of_two_conversions_are_told_apart(capture: Path, tmp_path: Path) -> None:
    """The same names with other rows, as of two hours, each in a directory of its own."""
    for hour, kept in (("a", 300), ("b", 500)):
        folder = tmp_path / "raw" / hour / NODE
        folder.mkdir(parents=True)
        lines = gzip.decompress((capture / NODE / "conntrack-events.log.gz").read_bytes()).splitlines(
            keepends=True
        )
        (folder / "events.log").write_bytes(b"".join(lines[:kept]))
        flowstitch.convert(tmp_path / "raw" / hour, out=tmp_path / "tables" / hour)
    flowstitch.run(tmp_path / "raw", out=tmp_path / "wanted")
    flowstitch.run(tmp_path / "tables", out=tmp_path / "found")
    assert_same(tmp_path / "found", tmp_path / "wanted")
    with flowstitch.open(tmp_path / "found") as opened:
        query = "select source, parsed from sources"
        assert opened.sql(query).fetchall() == [(f"a/{NODE}/events.log", 300), (f"b/{NODE}/events.log", 500)]


def test_every_file_says_which_table_it_is(tables: Path, result: Path) -> None:
    for path in [*tables.glob("*/*.parquet"), *result.glob("*/*.parquet")]:
        name = path.parent.name
        assert pq.read_schema(path).metadata == {
            b"flowstitch.table": name.encode(),
            b"flowstitch.tables_version": b"1",
        }
        assert pq.read_schema(path).names == [item.name for item in table(name).fields]


def test_results_are_no_exports(capture: Path, tables: Path, result: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"addresses/part-00000\.parquet: got table 'addresses', which is of a result"
    ):
        flowstitch.run(result, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    # beside an export they are passed over, and so is what convert says of its tables
    shutil.copytree(result, tmp_path / "both" / "result")
    shutil.copytree(tables, tmp_path / "both" / "tables")
    flowstitch.run(tmp_path / "both", out=tmp_path / "one")
    flowstitch.run(*sorted(tables.iterdir()), out=tmp_path / "two")
    for out in ("one", "two"):
        assert_same(tmp_path / out, result)


def test_the_output_is_whole_or_not_there(
    capture: Path, tables: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="exists already; give --overwrite"):
        flowstitch.convert(capture, out=tables)
    before = contents(result)
    with pytest.raises(UsageError, match="is not a directory of converted tables"):
        flowstitch.convert(capture, out=result, overwrite=True)
    with pytest.raises(UsageError, match="is not a flowstitch result"):
        flowstitch.run(capture, out=tables, overwrite=True)
    assert contents(result) == before
    with pytest.raises(UsageError, match="there is no file or directory"):
        flowstitch.convert(tmp_path / "nowhere", out=tmp_path / "out")

    from flowstitch.runner import convert as module

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", no_space)
        with pytest.raises(FlowstitchError, match="No space left on device"):
            flowstitch.convert(capture / NODE, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    for export in (capture / NODE, tables):
        flowstitch.convert(export, out=tmp_path / "out", overwrite=True)
    assert_same(tmp_path / "out", tables)
    # a conversion of itself is itself
    flowstitch.convert(tmp_path / "out", out=tmp_path / "out", overwrite=True)
    assert_same(tmp_path / "out", tables)


def test_the_manifest_names_the_original_files(tables: Path, result: Path) -> None:
    told, run = (json.loads(path.read_text()) for path in (tables / "convert.json", result / "run.json"))
    assert told["inputs"] == run["inputs"]
    assert (told["complete"], told["warnings"], told["tables_version"]) == (True, [], "1")
    assert told["counts"]["conntrack"] == 37951
