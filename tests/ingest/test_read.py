from collections import Counter
from pathlib import Path
from threading import get_ident

import numpy as np
import pytest

from flowstitch.errors import UsageError
from flowstitch.ingest import discover as discovery
from flowstitch.ingest.model import MAX_REJECTS_KEPT
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import Pools, to_arrow
from flowstitch.runner.sources import judge_sources

EXPORT = Path(__file__).parents[2] / "data" / "ipvs" / "export"
ENTRY = "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport={} dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport={} use=1\n"
NO_NODE = "whose dump it is is not known; put it below nodes/<node>/ or name the node in export.toml."


class Heard:
    """A listener that adds up what it is told."""

    def __init__(self):
        self.told, self.done = [], Counter()

    def stage(self, name):
        self.told.append(name)

    def sources(self, files, size_bytes):
        self.told.append((files, size_bytes))

    def read(self, size_bytes):
        assert size_bytes > 0
        self.done[get_ident()] += size_bytes


def test_rows_do_not_depend_on_threads():
    read = []
    for threads in (1, 4):
        pools, heard = Pools(), Heard()
        export = read_export([str(EXPORT)], pools, threads=threads, listener=heard)
        size_bytes = sum(source.size_bytes for source in export.sources)
        assert heard.told == [(len(export.sources), size_bytes)]
        # inventory is read here, logs are not
        assert heard.done.total() == size_bytes
        assert len(heard.done) > 1
        tables = [to_arrow(name, export.rows[name], pools) for name in ("conntrack", "flows")]
        read.append((tables, export.accounts, [source.name for source in export.sources], export.inventory))
    assert read[0] == read[1]
    tables, accounts, names, inventory = read[0]
    assert [table.num_rows for table in tables] == [37951, 9592]
    assert not any(account.rejected for account in accounts)
    assert names == sorted(names)
    assert len(inventory.tables["pods"]) == 17


def test_unknown_files_are_listed_and_have_no_rows(tmp_path, monkeypatch):
    for name, text in {
        "a": ENTRY.format(1, 1),
        "b": "nothing\n",
        "c": "",
        "d": ENTRY.format(2, 2),
        "e": ENTRY.format(1, 1),
    }.items():
        (tmp_path / name).write_text(text)
    head = discovery.read_head

    def read_head(path, **more):
        if path.name == "d":
            raise PermissionError(13, "Permission denied")
        return head(path, **more)

    monkeypatch.setattr(discovery, "read_head", read_head)
    export = read_export([str(tmp_path)], Pools())
    assert [(source.name, source.kind) for source in export.sources] == [
        ("a", "conntrack-list"), ("b", "unknown"), ("c", "unknown"), ("d", "unknown"),
    ]  # fmt: skip
    assert [account.rows for account in export.accounts] == [1, 0, 0, 0]
    assert [account.incomplete for account in export.accounts] == [False, False, False, True]
    assert [account.warnings for account in export.accounts] == [
        [NO_NODE], [], ["empty file"], ["the file cannot be read: Permission denied."],
    ]  # fmt: skip
    assert export.duplicates == [("e", "a")]
    assert export.rows["conntrack"]["orig_src_port"].tolist() == [1]
    assert export.rows["flows"]["line"].dtype == np.int64
    assert export.rows["flows"]["line"].size == 0


def test_wrong_use():
    with pytest.raises(UsageError):
        read_export(["no-such-place"], Pools())


def test_only_so_many_rejects_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ENTRY.format(1, 1) + "rubbish\n" * (MAX_REJECTS_KEPT + 5))
    export = read_export([str(tmp_path)], Pools())
    assert export.accounts[0].rejected.total() == MAX_REJECTS_KEPT + 5
    assert len(export.accounts[0].rejects) == MAX_REJECTS_KEPT
    told = [warning for warning in judge_sources(export, 1).warnings if "table rejects" in warning]
    assert told == ["a.txt: table rejects has only 10000 of 10005 rejected rows."]
