"""Converted tables that are torn, mixed up, of another version, or hostile; and the inventory's way through them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowstitch
from flowstitch.catalog import fields, table
from flowstitch.catalog.arrow import arrow_schema
from flowstitch.errors import UsageError
from flowstitch.ingest import parquet
from flowstitch.ingest.discover import discover
from flowstitch.ingest.facts import FACT_TABLES, inventory_rows, note_dump, take_rows
from flowstitch.ingest.inspect import inspect_export
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Account, Inventory, IpRule, NodeFacts, Source
from flowstitch.ingest.read import Export, read_export
from flowstitch.ingest.sniff import sniff
from flowstitch.ingest.tables import LOST
from flowstitch.normalize.columns import Pools, to_arrow

ENTRY = "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport={0} dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport={0} use=1\n"
RULES = "-A -t 192.168.0.10:53 -s rr\n-a -t 192.168.0.10:53 -r 10.0.1.91:53 -m -w 1\n"
PART = "part-00000.parquet"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A small conversion: two lists of five rows and one bad line each, rules and settings of one node."""
    for node, first in (("n1", 1), ("n2", 101)):
        folder = tmp_path / "raw" / "nodes" / node
        folder.mkdir(parents=True)
        (folder / "list").write_text("".join(ENTRY.format(first + row) for row in range(5)) + "bad src=\n")
    (tmp_path / "raw" / "nodes" / "n1" / "rules").write_text(RULES)
    (tmp_path / "raw" / "nodes" / "n1" / "settings").write_text("net.ipv4.ip_forward = 1\n")
    flowstitch.convert(tmp_path / "raw", out=tmp_path / "tables")
    return tmp_path / "tables"


def read(*exports: Path) -> Export:
    export = read_export([str(path) for path in exports], Pools())
    finish_inventory(export.inventory)
    return export


def accounts(export: Export) -> dict[str, Account]:
    return {source.name: account for source, account in zip(export.sources, export.accounts, strict=True)}


def rewrite(path: Path, change) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def test_restored_sources_are_the_original_ones(tables: Path) -> None:
    wanted, found = read(tables.parent / "raw"), read(tables)
    assert [source.name for source in found.sources] == [
        "nodes/n1/list",
        "nodes/n1/rules",
        "nodes/n1/settings",
        "nodes/n2/list",
    ]
    for name in ("kind", "dialect", "node", "size_bytes"):
        assert [getattr(source, name) for source in found.sources] == [
            getattr(source, name) for source in wanted.sources
        ]
    assert found.accounts == wanted.accounts
    assert found.inventory == wanted.inventory


@pytest.mark.parametrize("name", ["conntrack", "pods", "rejects", "sources"])
def test_a_file_without_its_end_is_listed(tables: Path, name: str) -> None:
    whole = (tables / name / PART).read_bytes()
    (tables / name / PART).write_bytes(whole[:-30])
    export = read(tables)
    account = accounts(export)[f"{name}/{PART}"]
    assert (account.rows, account.incomplete) == (0, True)
    assert account.warnings[0].startswith("the file cannot be read: ")
    (source,) = (source for source in export.sources if source.name == f"{name}/{PART}")
    assert (source.kind, source.size_bytes) == ("unknown", len(whole) - 30)
    (found,) = (item for item in inspect_export([str(tables)]) if item.source.name == source.name)
    assert found.incomplete


@pytest.mark.parametrize("name", ["conntrack", "observations"])
def test_a_damaged_page_is_seen_and_its_rows_are_accounted_for(tables: Path, name: str) -> None:
    path = tables / name / PART
    damaged = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(1)
    damaged[chunk.data_page_offset + chunk.total_compressed_size - 2] ^= 0x40
    path.write_bytes(damaged)
    found = accounts(read(tables))
    listed = found.pop(f"{name}/{PART}")
    assert (listed.rows, listed.incomplete) == (0, True)
    assert listed.warnings[0].startswith("the file cannot be read: ")
    short = {source: account for source, account in found.items() if account.skipped[LOST]}
    kinds = {
        "conntrack": {"nodes/n1/list": 5, "nodes/n2/list": 5},
        "observations": {"nodes/n1/rules": 2, "nodes/n1/settings": 1},
    }
    assert {source: account.skipped[LOST] for source, account in short.items()} == kinds[name]
    assert all(account.incomplete and account.parsed == 0 for account in short.values())
    assert [account.rows for account in found.values()] == [6, 2, 1, 6]
    # the account of what is missing survives another conversion
    flowstitch.convert(tables, out=tables.parent / "again")
    again = accounts(read(tables.parent / "again"))
    assert again == found | {f"{name}/{PART}": listed}


def test_the_same_damage_again_is_listed_beside_the_first(tables: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.rmtree(tables / "flows")
        again = tmp_path / str(number)
        flowstitch.convert(tables, out=again)
        tables = again
    found = accounts(read(tables))
    name = f"sources/{PART}"
    assert [source for source, account in found.items() if account.incomplete] == [
        f"0/{name}",
        f"1/{name}",
        name,
    ]


def test_what_is_not_there_is_said(tables: Path) -> None:
    shutil.rmtree(tables / "pods")
    shutil.rmtree(tables / "flows")
    found = accounts(read(tables))
    assert found[f"sources/{PART}"].warnings == ["the tables flows, pods are not beside it."]
    shutil.rmtree(tables / "sources")
    found = accounts(read(tables))
    # nothing says any more what it is of
    assert found.pop("convert.json").rows == 0
    assert f"conntrack/{PART}" in found
    assert all(
        account.incomplete and account.rows == 0 and "table sources" in account.warnings[0]
        for account in found.values()
    )


def test_an_ipvs_table_that_is_not_there_is_not_an_empty_one(tables: Path) -> None:
    assert read(tables).inventory.of_node("n1").ipvs
    rewrite(
        tables / "ipvs_servers" / PART,
        lambda data: data.slice(0, 0).replace_schema_metadata(data.schema.metadata),
    )
    assert read(tables).inventory.of_node("n1").ipvs == []
    shutil.rmtree(tables / "ipvs_servers")
    assert read(tables).inventory.of_node("n1").ipvs is None


def test_rows_of_no_source_are_left_out(tables: Path) -> None:
    rewrite(
        tables / "sources" / PART,
        lambda data: data.filter(pc.not_equal(data["source"].cast(pa.string()), "nodes/n2/list")),
    )
    export = read(tables)
    assert export.rows["conntrack"]["line"].tolist() == [1, 2, 3, 4, 5]
    listed = accounts(export)[f"sources/{PART}"]
    assert listed.warnings == ["5 rows beside it are of no source that it has; they were left out."]
    assert sum(account.rejected.total() for account in export.accounts) == 1


def test_more_rows_than_were_converted_are_said(tables: Path) -> None:
    rewrite(tables / "conntrack" / PART, lambda data: pa.concat_tables([data, data.slice(0, 1)]))
    account = accounts(read(tables))["nodes/n1/list"]
    assert (account.parsed, account.incomplete) == (6, True)
    assert account.warnings == ["5 rows were converted, 6 are in the tables that were read."]


def test_rows_in_several_files_and_row_groups(tables: Path) -> None:
    wanted = read(tables)
    whole = pq.read_table(tables / "conntrack" / PART)
    (tables / "conntrack" / PART).unlink()
    # the sources' rows mixed, each source's in order
    mixed = whole.take(pa.array([5, 0, 1, 6, 2, 7, 8, 3, 4, 9]))
    pq.write_table(mixed.slice(0, 4), tables / "conntrack" / "a.parquet", row_group_size=3)
    pq.write_table(mixed.slice(4), tables / "conntrack" / "b.snappy", row_group_size=1, compression="snappy")
    found = read(tables)
    assert found.accounts == wanted.accounts
    for name in ("line", "orig_src_port"):
        assert found.rows["conntrack"][name].tolist() == wanted.rows["conntrack"][name].tolist()


def test_tables_in_one_directory_belong_together(tables: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in tables.glob("*/*.parquet"):
        shutil.copy(path, flat / path.parent.name)
    assert read(flat).accounts == read(tables).accounts


def test_a_row_of_inventory_needs_its_values(tables: Path) -> None:
    empty = pa.array([None], pa.string())
    rewrite(
        tables / "sysctls" / PART,
        lambda data: data.set_column(1, data.schema.field("key"), empty.dictionary_encode()),
    )
    listed = accounts(read(tables))[f"sysctls/{PART}"]
    assert listed.warnings == ["the file cannot be read: column 'key' has rows without a value."]


def test_a_word_that_no_schema_knows(tables: Path) -> None:
    event = pa.array(["rumour"] * 10).dictionary_encode()
    rewrite(tables / "conntrack" / PART, lambda data: data.set_column(3, data.schema.field("event"), event))
    assert accounts(read(tables))[f"conntrack/{PART}"].incomplete


@pytest.mark.parametrize("limit", ["MAX_GROUP_ROWS", "MAX_GROUP_BYTES"])
def test_row_groups_are_bounded(tables: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(parquet, limit, 9)
    listed = accounts(read(tables))[f"conntrack/{PART}"]
    assert "a row group of 10 rows" in listed.warnings[0]
    assert listed.warnings[0].endswith("is too large.")


def metadata(data: pa.Table, key: bytes, value: bytes) -> pa.Table:
    return data.replace_schema_metadata(data.schema.metadata | {key: value})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda data: metadata(data, b"flowstitch.tables_version", b"2"),
            "got tables of version '2', expected '1'; convert",
        ),
        (
            lambda data: data.drop_columns("zone"),
            "got no column 'zone', expected one in table 'conntrack'; convert",
        ),
        (
            lambda data: data.set_column(1, "line", data["line"].cast(pa.string())),
            "column 'line': got string, expected int64; convert",
        ),
        (
            lambda data: metadata(data, b"flowstitch.table", b"datapaths"),
            "got table 'datapaths', which is of a result;",
        ),
        (
            lambda data: metadata(data, b"flowstitch.table", b"nonsense"),
            "got table 'nonsense', which is of a result;",
        ),
    ],
)
def test_tables_of_another_kind_are_refused(tables: Path, change, sentence: str) -> None:
    rewrite(tables / "conntrack" / PART, change)
    with pytest.raises(UsageError) as refused:
        read(tables)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(str(tables / "conntrack" / PART))


def test_sniffing_asks_the_end_of_the_file(tables: Path, tmp_path: Path) -> None:
    path = tables / "flows" / PART
    head = path.read_bytes()[:100]
    assert sniff(head, path) == ("canonical-table", "flows", "")
    pq.write_table(pa.table({"net.ipv4.ip_forward =": ["1"]}), tmp_path / "other.parquet")
    assert sniff(head, tmp_path / "other.parquet") == ("unknown", "", "a Parquet file of something else")
    (tmp_path / "torn").write_bytes(head)
    with pytest.raises(OSError, match="Parquet"):
        sniff(head, tmp_path / "torn")


def test_a_table_is_what_it_says_whatever_export_toml_says(tables: Path) -> None:
    (tables / "export.toml").write_text('[[source]]\nmatch = "*"\nkind = "sysctl"\ndialect = "conntrack"\n')
    assert {(source.kind, source.dialect) for source in discover([str(tables)]).sources} == {
        ("canonical-table", path.parent.name) for path in tables.glob("*/*.parquet")
    }


def test_inspect_counts_rows(tables: Path) -> None:
    found = {item.source.dialect: item.rows for item in inspect_export([str(tables)])}
    assert found == {path.parent.name: pq.read_metadata(path).num_rows for path in tables.glob("*/*.parquet")}
    assert found["conntrack"] == 10


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
TEXT = WORD | st.just("")
IP = st.ip_addresses().map(str)
PORT = st.integers(0, 65535)
SERVERS = st.sets(st.tuples(IP, PORT, st.integers(0, 100)), max_size=3)
SERVICES = st.dictionaries(st.tuples(st.sampled_from(["tcp", "udp"]), IP, PORT), SERVERS, max_size=3)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    from flowstitch.ingest.ipvs import add_services

    inventory = Inventory()
    for node in draw(st.sets(TEXT, max_size=3)):
        facts = NodeFacts(sysctls=draw(st.dictionaries(WORD, TEXT, max_size=3)))
        rule = st.builds(IpRule, st.integers(0, 0xFFFFFFFF), TEXT, TEXT, TEXT, WORD)
        facts.rules = draw(st.none() | st.lists(rule, max_size=3))
        services = draw(st.none() | SERVICES)
        if services is not None:
            add_services(services, facts)
        inventory.facts[node] = facts
    finish_inventory(inventory)
    return inventory


@given(inventories())
def test_facts_come_back_from_their_tables(inventory: Inventory) -> None:
    rows, found = inventory_rows(inventory), Inventory()
    for name in FACT_TABLES:
        columns = {item.name: [row[item.name] for row in rows[name]] for item in table(name).fields}
        arrow = to_arrow(name, columns, Pools())
        assert arrow.schema == arrow_schema(name)
        for item in table(name).fields:
            assert fields()[item.name].null or arrow[item.name].null_count == 0
        take_rows(name, arrow.to_pylist(), found)
    for node, facts in inventory.facts.items():
        for kind, known in (("ip-rule", facts.rules), ("ipvs-rules", facts.ipvs)):
            if known is not None:
                note_dump(Source(Path(), "x", 1, kind, node=node), Account(), found)
    finish_inventory(found)
    empty = NodeFacts()
    assert {node: facts for node, facts in inventory.facts.items() if facts != empty} == found.facts
