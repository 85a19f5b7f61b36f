"""Which files an EXPORT names, in each of its forms; and files, names and pipes that mean no good."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import flowstitch
from flowstitch.cli.main import commands
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.ingest import overrides, piped, places
from flowstitch.ingest.discover import discover, taken_at_of
from flowstitch.ingest.places import find_files, shown
from packings import packings

ENTRY = "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport={0} dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport={0} use=1\n"


def entry(port: int) -> bytes:
    return ENTRY.format(port).encode()


def make(root: Path, content: dict[str, bytes]) -> Path:
    for name, body in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(body)
    return root


def names(*exports: object) -> list[str]:
    return [file.name for file in find_files([str(export) for export in exports])]


def call(*arguments: object, text: bytes | None = None) -> Result:
    return CliRunner().invoke(commands, [os.fspath(argument) for argument in arguments], input=text)


# --- lists ---------------------------------------------------------------------------------------
def test_a_list_names_exports_of_any_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"a/1": entry(1), "a/2": entry(2), "b/x.log": entry(3), "c": entry(4), "@d": entry(5)})
    (tmp_path / "list").write_bytes(b"a/1\r\n\nb/*.log\na\nc")
    monkeypatch.chdir(tmp_path)
    assert names("@list") == ["1", "x.log", "2", "c"]
    assert names("@list", "c", "./@d") == ["1", "x.log", "2", "c", "@d"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"c\na\n")))
    assert names("@-") == ["c", "1", "2"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a\n\ngone\n", "@list, line 3: there is no file or directory 'gone'."),
        (b"a\n@list\n", "@list, line 2: there is no file or directory '@list'."),
        (b"\n\n", "@list: got nothing, expected one path per line."),
        (b"", "@list: got nothing, expected one path per line."),
        (b"\xff\n", "@list, line 1: there is no file or directory '\\udcff'."),
        (b"a\0b\n", "@list, line 1: there is no file or directory 'a\\x00b'."),
        (b"x" * 5000, "File name too long."),
        (None, "@list: cannot be read: No such file or directory."),
    ],
)
def test_a_wrong_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, sentence: str
) -> None:
    make(tmp_path, {"a": entry(1)} | ({} if content is None else {"list": content}))
    monkeypatch.chdir(tmp_path)
    done = call("inspect", "@list")
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_list_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_MAX_LIST_BYTES", 1 << 20)
    (tmp_path / "list").write_bytes(b"\n" * ((1 << 20) + 1))
    with pytest.raises(UsageError, match="got more than 1 MiB, expected one path per line"):
        find_files([f"@{tmp_path}/list"])


# --- directories and globs -----------------------------------------------------------------------
def test_the_output_is_passed_over_unless_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"a/x": entry(1), "out/x": entry(2), "a/out": entry(3)})
    for export in (tmp_path, tmp_path / "*"):
        assert [file.name for file in find_files([str(export)], exclude=tmp_path / "out")] == ["a/out", "a/x"]
    assert [file.name for file in find_files([str(tmp_path / "out")], exclude=tmp_path / "out")] == ["x"]


def test_the_manifest_beside_tables_is_passed_over(tmp_path: Path) -> None:
    make(tmp_path, {"t/convert.json": b"{}", "t/sources/x": b"", "u/convert.json": b"{}", "u/y": b""})
    assert names(tmp_path) == ["t/sources/x", "u/convert.json", "u/y"]
    assert names(f"{tmp_path}/*") == ["t/sources/x", "u/convert.json", "u/y"]
    assert names(tmp_path / "t" / "convert.json", tmp_path / "t" / "sources") == ["x"]
    assert names(tmp_path / "u" / "convert.json") == ["convert.json"]


# --- stdin ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", packings(b""))
def test_what_is_piped_in_is_one_source(tmp_path: Path, name: str) -> None:
    content = b"".join(map(entry, range(1, 50)))
    raw = packings(content)[name]
    (tmp_path / "x").write_bytes(entry(77))
    done = call("run", "-", tmp_path / "x", "-", "--out", tmp_path / "result", "--quiet", text=raw)
    assert done.exit_code == 0, done.output
    with flowstitch.open(tmp_path / "result") as result:
        rows = result.sql("select source, size_bytes, parsed from sources order by all").fetchall()
    assert rows == [("stdin", len(raw), 49), ("x", len(entry(77)), 1)]


@pytest.mark.parametrize("name", ["gzip", "zstd", "snappy", "raw snappy"])
def test_what_is_piped_in_may_be_torn(tmp_path: Path, name: str) -> None:
    raw = packings(b"".join(map(entry, range(1, 9000))))[name]
    done = call("run", "-", "--out", tmp_path / "result", text=raw[: len(raw) // 2])
    assert done.exit_code == 1
    assert f" warning stdin: the {name} stream is torn after " in done.stderr


def test_stdin_can_be_a_table(tmp_path: Path) -> None:
    make(tmp_path, {"x/list": entry(1)})
    flowstitch.convert(tmp_path / "x", out=tmp_path / "tables")
    table = (tmp_path / "tables" / "conntrack" / "part-00000.parquet").read_bytes()
    (row,) = json.loads(call("inspect", "-", "--format", "json", text=table).stdout)
    assert (row["source"], row["kind"], row["rows"]) == ("stdin", "canonical-table", 1)


def test_a_terminal_or_nothing_is_no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    for stdin in (terminal, None):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError, match="'-': got a terminal, expected something piped in"):
            find_files(["-"])


def test_there_is_no_room_for_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped.shutil, "disk_usage", lambda folder: os.statvfs_result([0] * 10) and _Usage())
    done = call("inspect", "-", text=b"x" * 1000)
    assert done.exit_code == 3
    assert "stdin cannot be kept in " in done.stderr
    assert "(more than 5 bytes, half of the room there is); set TMPDIR to where there is room." in done.stderr


class _Usage:
    free = 10


def test_stdin_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(FlowstitchError, match="Input/output error"):
        piped.Piped(Broken())


# --- what is no file ------------------------------------------------------------------------------
def test_pipes_sockets_devices_and_links_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, {"file": entry(1), "deep/er/file": entry(2)})
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "deep" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        (tmp_path / "broken").symlink_to("nowhere")
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "up").symlink_to("..")
        (tmp_path / "zero").symlink_to("/dev/zero")
        # only root makes devices
        with suppress(PermissionError):
            os.mknod(tmp_path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        assert names(tmp_path) == names(f"{tmp_path}/*") == ["deep/er/file", "file"]


@pytest.mark.parametrize("name", ["pipe", "/dev/zero"])
def test_a_pipe_by_its_name_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        UsageError, match="got a pipe, socket or device, expected a file or directory; pipe it to '-'"
    ):
        find_files([str(tmp_path / name)])
    with pytest.raises(UsageError, match="no file matches"):
        find_files([f"{tmp_path}/pip*"])


def test_nothing_is_not_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"a": entry(1)})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no file or directory ''"):
        find_files([""])


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"x/a": entry(1), "x/closed/b": entry(2)})
    scandir, opened = os.scandir, Path.open

    def denied(path: Path) -> bool:
        return "closed" in str(path)

    def listing(path: Path) -> object:
        if denied(path):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def opening(path: Path, *mode: str) -> object:
        if denied(path):
            raise PermissionError(13, "Permission denied")
        return opened(path, *mode)

    # root may read everything
    monkeypatch.setattr(os, "scandir", listing)
    monkeypatch.setattr(Path, "open", opening)
    found = discover([str(tmp_path / "x")])
    assert [source.name for source in found.sources] == ["a", "closed/"]
    assert found.notes == {"closed/": "the file cannot be read: Permission denied."}
    assert found.unreadable == {"closed/"}
    with pytest.raises(UsageError, match="closed: cannot be read: Permission denied"):
        discover([str(tmp_path / "x" / "closed")])


def test_a_file_that_goes_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"a": entry(1), "b": entry(2)})
    found = find_files([str(tmp_path)])
    (tmp_path / "a").unlink()
    monkeypatch.setattr("flowstitch.ingest.discover.find_files", lambda exports, exclude: found)
    assert discover([str(tmp_path)]).notes == {"a": "the file cannot be read: No such file or directory."}


def test_a_deep_tree_is_no_trouble(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(1200):
        deep /= "d"
        deep.mkdir()
    (deep / "x").write_bytes(entry(1))
    assert names(tmp_path) == ["d/" * 1200 + "x"]
    # shutil goes down by recursion
    (deep / "x").unlink()
    while deep != tmp_path:
        deep.rmdir()
        deep = deep.parent


# --- names ----------------------------------------------------------------------------------------
ODD = [
    b"\xff\xfe",
    b"a\nb",
    b"a\tb",
    b"\x1b[31m",
    b"\\xff\\xfe",
    b"caf\xc3\xa9",
    b"\xc3(",
    "\u202e".encode(),
    b"a b'\"$;",
    b"-x",
    b"@y",
]


def test_names_that_mean_no_good(tmp_path: Path, result: Path) -> None:
    for number, name in enumerate(map(os.fsdecode, ODD)):
        make(tmp_path / "x" / "nodes" / name, {name: entry(number + 1) + b"what\n"})
    done = call("run", tmp_path / "x", "--out", tmp_path / "result", "--max-rejects", "1", "--quiet")
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "result" / "run.json").read_bytes().decode("utf-8"))
    sources = [source["source"] for source in manifest["inputs"]]
    assert len(set(sources)) == len(ODD)
    assert "nodes/a\nb/a\nb" in sources
    assert "nodes/\\xff\\xfe/\\xff\\xfe (1)" in sources
    assert "nodes/\\xff\\xfe/\\xff\\xfe (2)" in sources
    for form in ("table", "json", "csv"):
        assert call("sql", tmp_path / "result", "from sources", "--format", form).exit_code == 0
    inspected = call("inspect", tmp_path / "x")
    assert inspected.exit_code == 0
    assert "\x1b" not in inspected.stdout + inspected.stderr
    path = json.loads(
        call("sql", tmp_path / "result", "select path_id from datapaths limit 1", "--format", "json").stdout
    )
    explained = call("explain", tmp_path / "result", str(path[0]["path_id"]), "--export", tmp_path / "x")
    assert "src=10.0.1.91" in explained.stdout
    converted = call("convert", tmp_path / "x", "--out", tmp_path / "tables", "--max-rejects", "1", "--quiet")
    assert converted.exit_code == 0
    assert (
        call(
            "run", tmp_path / "tables", "--out", tmp_path / "again", "--max-rejects", "1", "--quiet"
        ).exit_code
        == 0
    )


@given(st.binary(max_size=20).filter(lambda name: b"\0" not in name))
def test_shown_names_can_be_written_anywhere(name: bytes) -> None:
    text = shown(os.fsdecode(name))
    assert text.encode("utf-8").decode("utf-8") == text
    try:
        assert text == name.decode("utf-8")
    except UnicodeDecodeError:
        assert "\\x" in text


@settings(max_examples=40)
@given(
    st.sets(
        st.binary(min_size=1, max_size=3).filter(
            lambda name: not {0, ord("/")} & set(name) and name not in {b".", b".."}
        ),
        max_size=12,
    )
)
def test_names_are_unique(tmp_path_factory: pytest.TempPathFactory, wanted: set[bytes]) -> None:
    root = make(tmp_path_factory.mktemp("names"), {os.fsdecode(name): b"" for name in wanted})
    visible = [name for name in wanted if not name.startswith(b".")]
    found = names(root, *(root / os.fsdecode(name) for name in visible)) if visible else []
    assert len(found) == len(set(found)) == len(visible)


@given(
    st.text("0123456789٣-:TZ._+ ", max_size=40), st.sampled_from(["", "Asia/Hong_Kong", "America/St_Johns"])
)
def test_any_name_may_stand_for_a_time(name: str, zone: str) -> None:
    stamp = taken_at_of(name, zone)
    assert stamp is None or isinstance(stamp, int)


# --- export.toml ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe", "got what is no TOML: 'utf-8' codec can't decode"),
        (b"\0", "got what is no TOML"),
        (b"a = " + b"[\n" * 100_000, "got what is no TOML"),
        (b"a" + b".a" * 2000 + b" = 1", "there is no key 'a'"),
        (b"a" + b".a" * 20_000 + b" = 1", "or a line of more than 4; expected some tables [[source]]"),
        (b"x = " + b"9" * 4001, "there is no key 'x'"),
        (b"#\n" * (1 << 18), "got more than 256 KiB, or"),
        (b"[[source]]\nmatch = '*'\ntaken_at = nan", "expected epoch seconds"),
        (b"[[source]]\nmatch = '*'\ntaken_at = 1e300", "expected epoch seconds"),
        (b"[[source]]\nmatch = '*'\ntaken_at = 0001-01-01T00:00:00+14:00", "expected epoch seconds"),
    ],
    ids=range(10),
)
def test_a_hostile_export_toml(tmp_path: Path, content: bytes, sentence: str) -> None:
    make(tmp_path, {"x": entry(1), "export.toml": content})
    done = call("inspect", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 500


def test_an_export_toml_that_is_no_file_does_not_count(tmp_path: Path) -> None:
    make(tmp_path, {"x": entry(1)})
    os.mkfifo(tmp_path / "export.toml")
    assert names(tmp_path) == names(tmp_path / "x") == ["x"]


def test_a_glob_in_export_toml_takes_no_time(tmp_path: Path) -> None:
    make(tmp_path, {"a" * 200: entry(1), "export.toml": b"[[source]]\nmatch = '" + b"*a" * 60 + b"b'\n"})
    assert names(tmp_path) == ["a" * 200]


def test_an_export_toml_of_many_files_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(
        tmp_path,
        {f"{number}": entry(number) for number in range(50)}
        | {"export.toml": b"[[source]]\nmatch = '7'\nnode = 'n'\n"},
    )
    read = []
    monkeypatch.setattr(
        places, "read_overrides", lambda path: read.append(path) or overrides.read_overrides(path)
    )
    files = find_files([str(tmp_path / f"{number}") for number in range(50)])
    assert [file.name for file in files if file.override.node == "n"] == ["7"]
    assert len(read) == 1
