"""``flowstitch explain``: one path, hop by hop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowstitch.cli.output import time_text, write_document, write_table
from flowstitch.cli.results import also_option
from flowstitch.errors import UsageError
from flowstitch.runner.times import parse_time
from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowstitch.ingest.places import File
    from flowstitch.sql.explain import Hop
    from flowstitch.sql.pathfacts import Path as NetworkPath
    from flowstitch.sql.pathfacts import Record
    from flowstitch.sql.session import Result

    Raw = Mapping[tuple[str, int], bytes]
    Sizes = Mapping[str, set[int]]

EXAMPLES = """\b
Examples:
  flowstitch explain result/ 131946010768004732
  flowstitch explain result/ 10.0.1.91:20036 --at 2026-11-23T00:46:25Z
  flowstitch explain result/ [fd00::1]:80
  flowstitch explain result/ 10.0.1.91:20036 --export export/     with the raw lines
  flowstitch explain result/ 131946010768004732 -f json           the same for a program
  flowstitch explain result/ 131946010768004732 -f mermaid        a flow chart for a page of Markdown
  flowstitch explain result/ 131946010768004732 -f dot | dot -Tsvg > path.svg
"""
FORMATS = ("text", "json", "mermaid", "dot")
MAX_ROWS = 12
_MARKS = {"wire": "●", "nat": "⇄", "eni": "→", "conntrack": "·", "request": "·"}


@click.command("explain", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("target", metavar="PATH_ID|ADDRESS[:PORT]")
@also_option
@click.option(
    "--at", metavar="TIME", help="Of several paths of an address the one alive at this time, or the nearest."
)
@click.option(
    "--export", "exports", metavar="EXPORT", multiple=True, type=click.Path(),
    help="What was run, as `flowstitch run --help` describes it, to show the raw lines; can be given again.",
)  # fmt: skip
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    help="Text, the same as JSON, or a picture in the language of Mermaid or Graphviz.  [default: text]",
)
def command(
    result: str, target: str, also: tuple[str, ...], at: str | None, exports: tuple[str, ...], form: str
) -> None:
    """Show one path hop by hop, both ways, with what proves each hop.

    An address is looked for as client, dialled, server and translated address; when several paths have it they are
    listed, unless --at picks one. Every proof is named as file:line of the export. In a picture the request goes by solid
    arrows and the reply by dashed ones; what no row shows has a dashed border.
    """
    from flowstitch.sql.pathfacts import input_sizes, load_path, parse_target  # noqa: PLC0415
    from flowstitch.sql.session import Result  # noqa: PLC0415

    wanted = parse_target(target)
    moment = None if at is None else parse_time(at, "--at")
    files = _files(exports)
    with Result([Path(one) for one in (result, *also)]) as session:
        if isinstance(wanted, int):
            path_id: int | None = wanted
        else:
            path_id = _pick(session, wanted, moment, target, form)
        if path_id is None:
            return
        path = load_path(session, path_id)
        sizes = input_sizes(session)
    if form == "text":
        _show(path, files, sizes)
    elif form == "json":
        _tell(path, files, sizes)
    else:
        _draw(path, form)


def _pick(session: Result, address: Any, at: int | None, target: str, form: str) -> int | None:
    """The path of an address; None when there are several, which are listed then."""
    from flowstitch.sql.pathfacts import endpoint, find_paths  # noqa: PLC0415

    found, count = find_paths(session, address, at)
    if not found:
        raise UsageError(
            f"{session.name}: no path has {target} as client, dialled, server or translated address."
        )
    if count == 1 or at is not None:
        picked: int = found[0]["path_id"]
        return picked
    if form == "json":
        columns = [name for name in found[0] if name != "found"]
        write_document({"found": count, "paths": [{name: row[name] for name in columns} for row in found]})
        return None
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


def _show(path: NetworkPath, files: Sequence[File], sizes: Sizes) -> None:
    from flowstitch.sql.explain import chains  # noqa: PLC0415

    forward, back = chains(path)
    raw = _raw_lines(forward + back, files, sizes)
    for label, text in _header(path):
        click.echo(f"{label:<9} {printable(text)}")
    for title, hops in (("forward", forward), ("return", back)):
        click.echo(f"\n{title}")
        for line in _chain(hops, raw):
            click.echo(line)


def _tell(path: NetworkPath, files: Sequence[File], sizes: Sizes) -> None:
    from flowstitch.sql.document import document  # noqa: PLC0415
    from flowstitch.sql.explain import chains  # noqa: PLC0415

    ways = chains(path)
    raw = _raw_lines([hop for way in ways for hop in way], files, sizes, most=None)
    texts = {place: text.decode("utf-8", "backslashreplace") for place, text in raw.items()}
    write_document(document(path, ways, texts))


def _draw(path: NetworkPath, form: str) -> None:
    from flowstitch.cli.pictures import dot, mermaid  # noqa: PLC0415
    from flowstitch.sql.picture import draw  # noqa: PLC0415

    click.echo({"mermaid": mermaid, "dot": dot}[form](draw(path)), nl=False)


def _header(path: NetworkPath) -> Iterator[tuple[str, str]]:
    facts = path.facts
    yield "path", f"{facts['path_id']}  {facts['protocol']}  {_when(facts)}"
    yield "client", _owner(path, "client")
    if facts["seen_ip"] is not None:
        yield "", f"first seen as {_end(facts, 'seen')}"
    service = f" of service {facts['service']}" if facts["service"] else ""
    policy = f", policy {facts['traffic_policy']}" if facts["traffic_policy"] else ""
    yield (
        "dialled",
        f"{_end(facts, 'dialled')}  {facts['dialled_kind'] or 'owner not known'}{service}{policy}",
    )
    yield "server", _owner(path, "server")
    if facts["snat_ip"] is not None:
        yield "", f"saw the client as {_end(facts, 'snat')}"
    number = f" ({facts['sop']})" if facts["sop"] is not None else ""
    reason = (facts["scenario_reason"] or path.title or "").removeprefix(f"{facts['scenario']}: ")
    yield "scenario", f"{facts['scenario'] or 'not known'}{number}" + (f": {reason}" if reason else "")
    yield (
        "outcome",
        f"{facts['outcome'] or 'not known: no answer was seen, and none would have been'}; {_counted(facts)}",
    )
    yield "return", _landing(facts)
    yield from _drifts(path.drifts)
    yield from _counters(path.counters)
    yield (
        "evidence",
        f"{', '.join(facts['evidence'] or ())}; match {facts['match']}, candidates {facts['candidates']}",
    )
    if not path.whole:
        from flowstitch.sql.explain import LEFT_OUT  # noqa: PLC0415

        yield "rows", LEFT_OUT


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


def _counters(counters: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Whether the points on the way agree, and what those that do not differ in."""
    for way in ("forward", "return"):
        points = {row["point"]: row for row in counters if row["hop_direction"] == way}
        odd = [row for row in points.values() if row["judgement"] not in {None, "agrees"}]
        agreed = sum(row["judgement"] == "agrees" for row in points.values())
        if agreed and not odd:
            yield "counters", f"{way}: all {agreed + 1} points that counted agree"
        for row in odd:
            text = f"{way}: {_point(row)}: {row['judgement']}"
            if row["packets_less"] is not None:
                words = [
                    f"{abs(row[f'{unit}_less'])} {unit} {'less' if row[f'{unit}_less'] >= 0 else 'more'}"
                    for unit in ("packets", "bytes")
                ]
                text += f", {' and '.join(words)} than {_point(points[row['before']])}"
            yield "counters", text


def _point(row: Record) -> str:
    """A point on the way as people call it."""
    return f"{row['part']} by {', '.join(row['enis'])}" if row["enis"] else f"conntrack of {row['node']}"


def _when(facts: Record) -> str:
    times = [time_text(facts[name]) for name in ("first_seen", "last_seen") if facts[name] is not None]
    return f"{' to '.join(times)} ({facts['time_quality']})" if times else "at a time that is not known"


def _owner(path: NetworkPath, side: str) -> str:
    facts = path.facts
    if facts[f"{side}_ip"] is None:
        return "not known"
    words = [facts[f"{side}_kind"] or "owner not known", facts[f"{side}_name"]]
    node = facts[f"{side}_node"]
    if node is not None and node != facts[f"{side}_name"]:
        words.append(f"on {node}")
    if side in path.veths:
        words.append(f"behind {path.veths[side]}")
    return f"{_end(facts, side)}  {' '.join(word for word in words if word)}"


def _end(facts: Record, side: str) -> str:
    from flowstitch.sql.pathfacts import endpoint  # noqa: PLC0415

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


def _raw_lines(hops: Sequence[Hop], files: Sequence[File], sizes: Sizes, most: int | None = MAX_ROWS) -> Raw:
    """Raw lines of what proves the hops, by source and line; of each hop the first ``most``, None for all.

    Of a file that is not at hand, or not as large as the one that was run, there are none, which is said.
    """
    if not files:
        return {}
    from flowstitch.cli.console import say  # noqa: PLC0415
    from flowstitch.ingest.raw import find_source, read_lines  # noqa: PLC0415
    from flowstitch.sql.explain import wanted_lines  # noqa: PLC0415

    raw: dict[tuple[str, int], bytes] = {}
    for source, numbers in wanted_lines(hops, most).items():
        file = find_source(files, source)
        if file is None:
            say(f"--export has no {source}; its raw lines are not shown.")
        elif file.size_bytes not in sizes.get(source, {file.size_bytes}):
            ran = " or ".join(map(str, sorted(sizes[source])))
            say(
                f"{source} of --export is not what was run: it has {file.size_bytes} bytes, not {ran}; its raw lines are not shown."
            )
        else:
            raw |= {(source, number): text for number, text in read_lines(file.place, numbers).items()}
    return raw
