"""Exports in object stores: read like directories, in few requests, and refused in a sentence."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import flowstitch
from cli.conftest import start
from flowstitch.cli.main import commands
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.ingest import objects
from flowstitch.ingest.discover import discover
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import Pools
from object_store import SETTINGS, ObjectStore, objects_of, running
from packings import raw_snappy

NODE = "nodes/cn-hongkong.10.0.1.47"
ENTRY = "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport={0} dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport={0} use=1\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with running() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store, with the environment that leads to it."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    server.asked.clear()
    return server


@pytest.fixture(scope="module")
def export(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One node of the capture with the flow logs and the inventory."""
    root = tmp_path_factory.mktemp("objects") / "export"
    for part in (NODE, "vpc-flow", "inventory"):
        shutil.copytree(capture / part, root / part)
    return root


def entry(port: int) -> bytes:
    return ENTRY.format(port).encode()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def contents(result: Path) -> dict[str, bytes]:
    files = objects_of(result, "")
    del files["run.log.json"]
    return files


def test_the_same_export_from_a_directory_and_from_a_store(
    store: ObjectStore, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = {"some/prefix/empty/": b"", "some/prefixed": b"x"}
    store.bucket("same", objects_of(export, "some/prefix/") | beside)
    assert flowstitch.read(export) == flowstitch.read("s3://same/some/prefix")
    results = []
    monkeypatch.setenv("OSS_ENDPOINT", f"http://localhost:{store.port}")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    for number, place in enumerate([export, "s3://same/some/prefix/", "oss://same/some/prefix"]):
        store.asked.clear()
        flowstitch.run(place, out=tmp_path / str(number))
        results.append(contents(tmp_path / str(number)))
    assert results[0] == results[1] == results[2]
    # OSS takes no other form
    assert {host for _, _, _, host in store.asked} == {f"same.localhost:{store.port}"}
    assert not any(path.startswith("/same") for _, path, _, _ in store.asked)


def test_what_is_passed_over_and_what_is_derived(store: ObjectStore) -> None:
    store.bucket("derived", {
        "x/nodes/n1/list.1795394843.txt": entry(1),
        "x/node=n2/deep/list.gz": gzip.compress(entry(2)),
        "x/a b+%41/é": entry(3),
        "x/block": raw_snappy(entry(4) * 2),
        "x/.hidden": entry(5),
        "x/.git/x": entry(6),
        "x/../up": entry(7),
        "x/old/run.json": b"{}",
        "x/old/datapaths/x": entry(8),
        "x/folder/": b"",
        "x/empty": b"",
        "x/copy": entry(1),
        "x/export.toml": b'[[source]]\nmatch = "block"\nnode = "n3"\n',
    })  # fmt: skip
    found = discover(["s3://derived/x/"])
    assert [(source.name, source.kind, source.node, source.taken_at) for source in found.sources] == [
        ("a b+%41/é", "conntrack-list", "", None),
        ("block", "conntrack-list", "n3", None),
        ("empty", "unknown", "", None),
        ("node=n2/deep/list.gz", "conntrack-list", "n2", None),
        ("nodes/n1/list.1795394843.txt", "conntrack-list", "n1", 1795394843000000),
    ]
    assert found.duplicates == [("copy", "nodes/n1/list.1795394843.txt")]


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (
            "",
            ["b/nodes/n1/x.txt", "b/nodes/n2/export.toml", "b/nodes/n2/x.txt", "b/nodes/n2/y.log", "top.txt"],
        ),
        ("b/nodes/n2", ["x.txt", "y.log"]),
        ("b/nodes/n2/x.txt", ["x.txt"]),
        ("b/nodes/n*", ["n1/x.txt", "n2/export.toml", "n2/x.txt", "n2/y.log"]),
        ("b/nodes/*/x.*", ["n1/x.txt", "n2/x.txt"]),
        ("**/*.txt", ["b/nodes/n1/x.txt", "b/nodes/n2/x.txt", "top.txt"]),
        ("b/n[a-o]des/n2/?.*", ["nodes/n2/x.txt", "nodes/n2/y.log"]),
        ("b/nodes/n2/*.log", ["y.log"]),
        ("to*", ["top.txt"]),
    ],
)
def test_prefixes_objects_and_globs(store: ObjectStore, key: str, names: list[str]) -> None:
    store.bucket("forms", {
        "b/nodes/n1/x.txt": entry(1), "b/nodes/n2/x.txt": entry(2), "b/nodes/n2/y.log": entry(3), "top.txt": entry(4),
        "b/nodes/n2/export.toml": b'[[source]]\nmatch = "x.txt"\ntaken_at = 1\n',
    })  # fmt: skip
    sources = discover([f"s3://forms/{key}"]).sources
    assert [source.name for source in sources] == names
    # only the one at the root counts, of an object and of a glob that in the folder before
    told = {source.name for source in sources if source.taken_at is not None}
    assert told == ({"x.txt"} if key.startswith("b/nodes/n2") and "x.txt" in names else set())
    for source in sources:
        assert source.node == ("n1" if "n1" in source.name else "" if source.name == "top.txt" else "n2")


def test_an_object_is_known_and_read_in_few_requests(store: ObjectStore) -> None:
    large = b"".join(map(entry, range(30_000))) * 3
    store.bucket("few", {f"{number}": entry(number) for number in range(40)} | {"large": large})
    read = read_export(["s3://few"], Pools())
    assert sum(account.parsed for account in read.accounts) == 40 + 90_000
    asked = [(method, path.partition("?")[0], part) for method, path, part, _ in store.asked]
    assert [method for method, path, _ in asked if path in {"/few", "/few/"}].count("GET") == 1
    assert (
        asked.count(("HEAD", "/few/7", None))
        == asked.count(("GET", "/few/7", f"bytes=0-{len(entry(7)) - 1}"))
        == 1
    )
    ranges = [part for method, path, part in asked if path == "/few/large" and method == "GET"]
    edges = [0, 1 << 18, (1 << 18) + (1 << 23), len(large)]
    assert ranges == [f"bytes={begin}-{end - 1}" for begin, end in itertools.pairwise(edges)]


def test_tables_in_a_store_are_an_export(store: ObjectStore, export: Path, tmp_path: Path) -> None:
    flowstitch.convert(export / NODE, out=tmp_path / "tables")
    store.bucket("tables", objects_of(tmp_path / "tables", "day/"))
    read = flowstitch.read("s3://tables/day")
    for name, table in flowstitch.read(tmp_path / "tables").items():
        assert read[name] == table
    found = json.loads(call("inspect", "s3://tables/day", "--format", "json").stdout)
    assert {row["kind"] for row in found} == {"canonical-table"}


def test_raw_lines_come_from_the_store(store: ObjectStore, result: Path, capture: Path) -> None:
    store.bucket("lines", objects_of(capture, "export/"))
    store.asked.clear()
    told = call("explain", result, "10.0.1.91:56662", "--export", "s3://lines/export/")
    assert told.exit_code == 0
    assert told.stdout == call("explain", result, "10.0.1.91:56662", "--export", capture).stdout
    wrong = call("explain", result, "10.0.1.91:56662", "--export", "s3://lines/nothing")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("flowstitch: --export: s3://lines/nothing: there is no object")


def test_what_cannot_be_read_is_told(store: ObjectStore, tmp_path: Path) -> None:
    torn = gzip.compress(b"".join(map(entry, range(9999))))
    store.bucket("damaged", {"a": entry(1), "b//c": entry(2), "torn.gz": torn[: len(torn) // 2]})
    done = call("run", "s3://damaged", "--out", tmp_path / "result", "--quiet")
    assert done.exit_code == 1
    told = json.loads((tmp_path / "result" / "run.json").read_text())["warnings"]
    assert any(warning.startswith("b//c: the file cannot be read: Empty path component") for warning in told)
    assert any(warning.startswith("torn.gz: the gzip stream is torn") for warning in told)


def test_an_object_that_goes_away_is_told(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_KEPT_BYTES", 0)
    store.bucket("denied", {"a": entry(1), "b": entry(2)})
    found = discover(["s3://denied"])
    monkeypatch.setattr("flowstitch.ingest.read.discover", lambda exports, exclude: found)
    store.deny(True)
    try:
        read = read_export(["s3://denied"], Pools())
    finally:
        store.deny(False)
    assert [account.incomplete for account in read.accounts] == [True, True]
    assert "the file cannot be read: access denied." in read.accounts[0].warnings


def test_access_is_denied_in_a_sentence(store: ObjectStore, tmp_path: Path) -> None:
    store.bucket("closed", {"a": entry(1)})
    store.deny(True)
    try:
        done = call("inspect", "s3://closed")
    finally:
        store.deny(False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("flowstitch: s3://closed: access is denied (")
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        ("s3://no-such-bucket/x", "s3://no-such-bucket/x: there is no bucket 'no-such-bucket'."),
        ("s3://no-such-bucket/x*", "s3://no-such-bucket/x*: there is no bucket 'no-such-bucket'."),
        (
            "s3://here/nothing",
            "there is no object of this name or below it; if names only begin so, put a '*' behind it.",
        ),
        ("s3://here/so", "put a '*' behind it."),
        ("s3://here/nothing*", "there is no object"),
        ("s3://", "s3://: got no bucket, expected s3://BUCKET/PREFIX."),
        ("oss:///x", "oss:///x: got no bucket, expected oss://BUCKET/PREFIX."),
        ("s3://here/wrong", "s3://here/wrong/export.toml: got what is no TOML"),
        ("oss://here/x", "oss://: OSS_ENDPOINT is not set; it is https://oss-REGION.aliyuncs.com"),
    ],
)
def test_wrong_use(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, export: str, sentence: str) -> None:
    store.bucket("here", {"something": entry(1), "wrong/export.toml": b"[", "wrong/x": entry(1)})
    monkeypatch.delenv("OSS_ENDPOINT", raising=False)
    with pytest.raises(UsageError) as caught:
        discover([export])
    assert sentence in str(caught.value)


def test_a_bucket_is_asked_for_its_region(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert objects._s3_settings("b") == {"endpoint_override": store.endpoint, "region": "us-east-1"}
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setattr(objects.fs, "resolve_s3_region", lambda bucket: "eu-west-1")
    assert objects._s3_settings("b") == {"endpoint_override": None, "region": "eu-west-1"}

    def unknown(bucket: str) -> str:
        raise OSError(f"Bucket '{bucket}' not found")

    monkeypatch.setattr(objects.fs, "resolve_s3_region", unknown)
    with pytest.raises(UsageError, match="s3://b/x: there is no bucket 'b'"):
        discover(["s3://b/x"])


def test_a_process_that_has_read_objects_ends_quietly(store: ObjectStore) -> None:
    store.bucket("quiet", {"nodes/n/x": entry(1)})
    with start("inspect", "s3://quiet/", "--format", "csv") as process:
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines()[1].startswith("nodes/n/x,conntrack-list,conntrack,n,")
    assert all(" warning " in line for line in complained.splitlines())


def test_oss_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_ENDPOINT", "http://127.0.0.1:9")
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "OSS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="there are no credentials; set ALIBABA_CLOUD_ACCESS_KEY_ID and"):
        discover(["oss://bucket/x"])


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://oss-cn-hongkong.aliyuncs.com", "cn-hongkong"),
        ("oss-cn-hongkong-internal.aliyuncs.com", "cn-hongkong"),
        ("https://s3.oss-ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
        ("https://logs.example.com", "us-east-1"),
    ],
)
def test_the_region_of_an_oss_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str, region: str) -> None:
    for name, value in {"ENDPOINT": endpoint, "ACCESS_KEY_ID": "a", "ACCESS_KEY_SECRET": "b"}.items():
        monkeypatch.setenv(f"OSS_{name}", value)
    monkeypatch.delenv("OSS_REGION", raising=False)
    assert objects._oss_settings()["region"] == region
    monkeypatch.setenv("OSS_REGION", "eu-central-1")
    assert objects._oss_settings()["region"] == "eu-central-1"


def test_a_store_that_is_not_there(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(objects, "_ATTEMPTS", 1)
    with pytest.raises(FlowstitchError) as caught:
        discover(["s3://bucket/x"])
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(
        "s3://bucket/x: the store cannot be reached (Failed to connect to 127.0.0.1"
    )
