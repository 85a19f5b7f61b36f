"""What a run keeps of its views is what their statements give."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import flowstitch
from flowstitch.errors import MemoryShortError
from flowstitch.runner.counted import COUNTED
from flowstitch.runner.layout import UNMATCHED
from flowstitch.runner.pipeline import Options
from flowstitch.sql.kept import PATTERN, kept_file, kept_in, kept_views, write_kept
from flowstitch.sql.questions import questions
from flowstitch.sql.session import Result
from plain_duckdb import answered


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small cluster whose observers missed some, with flow-log rows that several connections share."""
    from flowstitch.simulator.generate import generate
    from flowstitch.simulator.settings import Settings

    home = tmp_path_factory.mktemp("kept")
    generate(
        Settings(connections=3000, lost_events=0.02, lost_nodes=1, skipped_windows=0.05, port_reuse=0.05),
        home / "cluster",
    )
    flowstitch.run(home / "cluster" / "export", out=home / "result")
    return home / "result"


@pytest.fixture(scope="module")
def minutes(simulated: Path) -> Path:
    """Of some minutes of that, for which more was read than is told."""
    with flowstitch.open(simulated) as opened:
        ((first,),) = opened.sql("select epoch_us(min(first_seen)) from datapaths").fetchall()
    minute, out = 60_000_000, simulated.parent / "minutes"
    span = Options(since=first + 4 * minute, until=first + 12 * minute, overlap=minute)
    flowstitch.run(simulated.parent / "cluster" / "export", out=out, options=span)
    return out


def rows(opened: Result, name: str) -> list[tuple[object, ...]]:
    return opened.sql(f"from {name} order by all").fetchall()


@pytest.mark.parametrize("name", kept_views())
def test_what_is_kept_is_what_the_statement_of_the_view_gives(
    name: str, result: Path, simulated: Path, minutes: Path, tmp_path: Path
) -> None:
    for place, made in enumerate((result, simulated, minutes)):
        bare = tmp_path / str(place)
        shutil.copytree(made, bare, ignore=shutil.ignore_patterns(PATTERN))
        assert set(kept_in(made)) == set(kept_views())
        assert not kept_in(bare)
        with flowstitch.open(made) as kept, flowstitch.open(bare) as computed:
            assert rows(kept, name) == rows(computed, name) != []
            assert kept.sql(f"from {name}").types == computed.sql(f"from {name}").types


def test_a_part_of_the_time_and_several_results_are_computed_from_their_rows(
    result: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(result, changed)
    file = changed / kept_file("flow_minutes")
    answered(f"copy (from '{file}' limit 1) to '{file}.less' (format parquet)")
    Path(f"{file}.less").replace(file)
    with flowstitch.open(result) as whole:
        known = rows(whole, "flow_minutes")
    with flowstitch.open(changed) as opened:
        assert len(rows(opened, "flow_minutes")) == 1
    with flowstitch.open(changed, since=0) as opened:
        assert rows(opened, "flow_minutes") == known
    with flowstitch.open([changed, result]) as opened:
        assert rows(opened, "flow_minutes") == known


@pytest.mark.parametrize("keeps", [True, False])
def test_of_a_later_result_there_are_the_views_too(
    keeps: bool, result: Path, simulated: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    shutil.copytree(simulated, later, ignore=None if keeps else shutil.ignore_patterns(PATTERN))
    with flowstitch.open(result, after=later) as both, flowstitch.open(simulated) as alone:
        for name in ("path_counts", "runs", "flow_minutes"):
            assert rows(both, f"after.{name}") == rows(alone, name) != rows(both, name)


def test_what_another_version_kept_is_not_read(result: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(result, other)
    for name in kept_views():
        (other / kept_file(name)).rename(other / f"kept-00000000-{name}.parquet")
    assert not kept_in(other)
    with flowstitch.open(result) as known, flowstitch.open(other) as opened:
        assert rows(opened, "node_flows") == rows(known, "node_flows")


def test_a_session_makes_what_a_query_needs(result: Path) -> None:
    with flowstitch.open(result) as opened:
        opened.sql("select path_id from paths")
        made = opened._connection.execute(
            "select view_name from duckdb_views() where not internal"
        ).fetchall()
        names = {name for (name,) in made}
        assert names - set(opened.tables) == {"paths", "runs"}
        assert len(rows(opened, "coverage_stretches")) > 0


def test_what_needs_rows_that_are_left_out_is_not_kept(capture: Path, result: Path, tmp_path: Path) -> None:
    lean = tmp_path / "lean"
    flowstitch.run(capture, out=lean, options=Options(observations=UNMATCHED))
    assert set(kept_in(lean)) == {
        "path_counts", "client_counts", "server_counts", "target_counts", "outside_counts", "failed_paths", "dead_end_paths", "snat_loads",
        "foreign_sources", "entry_crossings",
    }  # fmt: skip
    with flowstitch.open(lean) as opened, flowstitch.open(result) as whole:
        for name in kept_in(lean):
            assert rows(opened, name) == rows(whole, name)
    with duckdb.connect() as shell:
        shell.execute(f"set file_search_path = '{lean}'")
        shell.execute((lean / "open.sql").read_text(encoding="utf-8"))
        with flowstitch.open(result) as whole:
            assert shell.execute("from ask_return_eni").fetchall() == whole.ask("return-eni").fetchall()


def test_counters_that_are_too_large_to_add_up_are_null(tmp_path: Path) -> None:
    flowstitch.run(Path(__file__).parents[1] / "dialects", out=tmp_path / "result")
    assert set(kept_in(tmp_path / "result")) == set(kept_views())
    with flowstitch.open(tmp_path / "result") as opened:
        ((total, told),) = opened.sql(
            "select (select sum(forward_packets) from datapaths), (select sum(forward_packets) from path_counts)"
        ).fetchall()
        assert total > 2**63 > told
        for one in questions():
            if not one.compares:
                opened.ask(one.name).fetchall()


def test_views_without_room_are_written_one_after_the_other(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "result"
    shutil.copytree(simulated, home)
    before = {file.name: file.read_bytes() for file in home.glob(PATTERN)}
    written, write, limit = [], Result.write_view, Result.limit

    def short(session: Result, name: str, file: Path) -> None:
        if session.threads > 1 and name == "path_counts":
            raise MemoryShortError(f"{file}: no room")
        written.append(name)
        write(session, name, file)

    def limited(session: Result, *, threads: int, **rest: object) -> None:
        session.threads = threads
        limit(session, threads=threads, **rest)

    monkeypatch.setattr(Result, "write_view", short)
    monkeypatch.setattr(Result, "limit", limited)
    counted = {name: pq.read_table(home / kept_file(name)) for name in COUNTED}
    kept = write_kept(home, counted, memory_bytes=1 << 28, threads=2, scratch=tmp_path)
    assert set(kept) == set(kept_views())
    assert {file.name: file.read_bytes() for file in home.glob(PATTERN)} == before
    assert "path_counts" in written

    def no_room(*_: object) -> None:
        raise MemoryShortError("no room")

    monkeypatch.setattr(Result, "write_view", no_room)
    with pytest.raises(MemoryShortError):
        write_kept(home, counted, memory_bytes=1 << 28, threads=2, scratch=tmp_path)
