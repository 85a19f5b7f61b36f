"""``flowstitch explain``: one path, hop by hop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowstitch.cli.output import time_text, write_table
from flowstitch.errors import UsageError
from flowstitch.runner.times import parse_time
from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowstitch.ingest.places import File
    from flowstitch.sql.explain import Hop, Record
    from flowstitch.sql.explain import Path as NetworkPath
    from flowstitch.sql.session import Result

    Raw = Mapping[tuple[str, int], bytes]

EXAMPLES = """\b
Examples:
  flowstitch explain result/ 131946010768004732
  flowstitch explain result/ 10.0.1.91:20036 --at 2026-11-23T00:46:25Z
  flowstitch explain result/ [fd00::1]:80
  flowstitch explain result/ 10.0.1.91:20036 --export export/     with the raw lines
"""
MAX_ROWS = 12
_MARKS = {"wire": "●", "nat": "⇄", "eni": "→", "conntrack": "·", "request": "·"}


@click.command("explain", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("target", metavar="PATH_ID|ADDRESS[:PORT]")
@click.option(
    "--at", metavar="TIME", help="Of several paths of an address the one alive at this time, or the nearest."
)
@click.option(
    "--export", "exports", metavar="EXPORT", multiple=True, type=click.Path(),
    help="What was run, as `flowstitch run --help` describes it, to show the raw lines; can be given again.",
)  # fmt: skip
def command(result: str, target: str, at: str | None, exports: tuple[str, ...]) -> None:
    """Show one path hop by hop, both ways, with what proves each hop.

    An address is looked for as client, dialled, server and translated address; when several paths have it they are
    listed, unless --at picks one. Every proof is named as file:line of the export.
    """
    from flowstitch.sql.explain import load_path, parse_target  # noqa: PLC0415
    from flowstitch.sql.session import Result  # noqa: PLC0415

    wanted = parse_target(target)
    moment = None if at is None else parse_time(at, "--at")
    files = _files(exports)
    with Result(Path(result)) as session:
        if isinstance(wanted, int):
            path_id: int | None = wanted
        else:
            path_id = _pick(session, wanted, moment, target)
        if path_id is not None:
            _show(load_path(session, path_id), files)


def _pick(session: Result, address: Any, at: int | None, target: str) -> int | None:
    """The path of an address; None when there are several, which are listed then."""
    from flowstitch.sql.explain import endpoint, find_paths  # noqa: PLC0415

    found, count = find_paths(session, address, at)
    if not found:
        raise UsageError(
            f"{session.path}: no path has {target} as client, dialled, server or translated address."
        )
    if count == 1 or at is not None:
        picked: int = found[0]["path_id"]
        return picked
    names = ["path_id", "first_seen", "last_seen", "client", "dialled", "server", "scenario"]
    sides = ("client", "dialled", "server")
    rows = [
        [
            *(row[name] for name in names[:3]),
            *(endpoint(row[f"{side}_ip"], row[f"{side}_port"]) for side in sides),
            row["scenario"],
        ]
        for row in found
    ]
    write_table(names, rows, [True] + [False] * (len(names) - 1))
    more = f"{count - len(found)} more paths have {target}; " if count > len(found) else ""
    click.echo(f"\n{more}name one by its path_id, or by its time with --at.")
    return None


def _show(path: NetworkPath, files: Sequence[File]) -> None:
    from flowstitch.sql.explain import chains  # noqa: PLC0415

    forward, back = chains(path)
    raw = _raw_lines(forward + back, files)
    for label, text in _header(path):
        click.echo(f"{label:<9} {printable(text)}")
    for title, hops in (("forward", forward), ("return", back)):
        click.echo(f"\n{title}")
        for line in _chain(hops, raw):
            click.echo(line)


def _header(path: NetworkPath) -> Iterator[tuple[str, str]]:
    facts = path.facts
    yield "path", f"{facts['path_id']}  {facts['protocol']}  {_when(facts)}"
    yield "client", _owner(facts, "client")
    if facts["seen_ip"] is not None:
        yield "", f"first seen as {_end(facts, 'seen')}"
    service = f" of service {facts['service']}" if facts["service"] else ""
    policy = f", policy {facts['traffic_policy']}" if facts["traffic_policy"] else ""
    yield (
        "dialled",
        f"{_end(facts, 'dialled')}  {facts['dialled_kind'] or 'owner not known'}{service}{policy}",
    )
    yield "server", _owner(facts, "server")
    if facts["snat_ip"] is not None:
        yield "", f"saw the client as {_end(facts, 'snat')}"
    number = f" ({facts['sop']})" if facts["sop"] is not None else ""
    reason = (facts["scenario_reason"] or path.title or "").removeprefix(f"{facts['scenario']}: ")
    yield "scenario", f"{facts['scenario']}{number}" + (f": {reason}" if reason else "")
    yield "outcome", f"{facts['outcome']}; {_counted(facts)}"
    yield "return", _landing(facts)
    yield from _drifts(path.drifts)
    yield (
        "evidence",
        f"{', '.join(facts['evidence'] or ())}; match {facts['match']}, candidates {facts['candidates']}",
    )


def _drifts(drifts: Sequence[Record]) -> Iterator[tuple[str, str]]:
    if not drifts:
        yield "drift", "none"
    for drift in drifts:
        yield "drift", drift["code"]
        if drift["sentence"]:
            yield "", drift["sentence"]
            hop = (
                f"; hop {drift['hop']} of {drift['hop_direction']}, {drift['device']}" if drift["hop"] else ""
            )
            rows = f"; {', '.join(drift['evidence'][:MAX_ROWS])}" if drift["evidence"] else ""
            yield "", f"{drift['eni']} on {drift['node']}{hop}{rows}"


def _when(facts: Record) -> str:
    times = [time_text(facts[name]) for name in ("first_seen", "last_seen") if facts[name] is not None]
    return f"{' to '.join(times)} ({facts['time_quality']})" if times else "at a time that is not known"


def _owner(facts: Record, side: str) -> str:
    if facts[f"{side}_ip"] is None:
        return "not known"
    words = [facts[f"{side}_kind"] or "owner not known", facts[f"{side}_name"]]
    node = facts[f"{side}_node"]
    if node is not None and node != facts[f"{side}_name"]:
        words.append(f"on {node}")
    return f"{_end(facts, side)}  {' '.join(word for word in words if word)}"


def _end(facts: Record, side: str) -> str:
    from flowstitch.sql.explain import endpoint  # noqa: PLC0415

    return endpoint(facts[f"{side}_ip"], facts[f"{side}_port"])


def _counted(facts: Record) -> str:
    if facts["counted_by"] is None:
        return "nobody counted"
    ways = [
        f"{_amount(facts[f'{way}_packets'], facts[f'{way}_bytes'])} {word}"
        for way, word in (("forward", "out"), ("return", "back"))
        if facts[f"{way}_packets"] is not None
    ]
    return f"{'; '.join(ways)} (counted by {facts['counted_by']})"


def _amount(packets: int, size: int) -> str:
    return f"{packets} packet{'' if packets == 1 else 's'}, {size} byte{'' if size == 1 else 's'}"


def _landing(facts: Record) -> str:
    place = facts["return_lands_on"]
    if place is None:
        return "nothing came back, or it cannot be known where"
    words = {"local": "crosses no ENI", "outside": "goes to a client outside the cluster"}
    text = f"{words.get(place) or f'lands on the {place} ENI'} ({facts['return_evidence']})"
    if facts["asymmetric"]:
        text += f"; the request left by {facts['forward_out_eni']} ({facts['forward_out_eni_role']})"
    return text


def _chain(hops: Sequence[Hop], raw: Raw) -> Iterator[str]:
    if not hops:
        yield "  nothing was seen to come back"
    for hop in hops:
        note = f": {hop.note}" if hop.note else ""
        yield f"  {_MARKS[hop.kind]} {printable(hop.text + note)}"
        for row in hop.rows[:MAX_ROWS]:
            yield f"      {printable(_proof(row))}"
            if (row["source"], row["line"]) in raw:
                text = raw[row["source"], row["line"]].decode("utf-8", "backslashreplace")
                yield f"        {printable(' '.join(text.split()))}"
        if len(hop.rows) > MAX_ROWS:
            yield f"      and {len(hop.rows) - MAX_ROWS} more rows, see table observations"


def _proof(row: Record) -> str:
    times = dict.fromkeys(
        time_text(row[name]) for name in ("first_seen", "last_seen") if row[name] is not None
    )
    parts = [f"{row['source']}:{row['line']}", " to ".join(times)]
    if row["packets"] is not None:
        parts.append(_amount(row["packets"], row["bytes"]))
    if row["shared_by"] > 1:
        parts.append(f"shared by {row['shared_by']} paths")
    return "  ".join(part for part in parts if part)


def _files(exports: Sequence[str]) -> Sequence[File]:
    if not exports:
        return ()
    from flowstitch.ingest.places import find_files  # noqa: PLC0415

    try:
        return find_files(exports)
    except UsageError as error:
        raise UsageError(f"--export: {error}") from error


def _raw_lines(hops: Sequence[Hop], files: Sequence[File]) -> Raw:
    """Raw lines of what proves the hops, by source and line."""
    if not files:
        return {}
    from flowstitch.ingest.raw import find_source, read_lines  # noqa: PLC0415
    from flowstitch.sql.explain import wanted_lines  # noqa: PLC0415

    raw: dict[tuple[str, int], bytes] = {}
    for source, numbers in wanted_lines(hops, MAX_ROWS).items():
        place = find_source(files, source)
        if place is not None:
            raw |= {(source, number): text for number, text in read_lines(place, numbers).items()}
    return raw
