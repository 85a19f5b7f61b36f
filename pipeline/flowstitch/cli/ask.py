"""``flowstitch ask``: a named question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowstitch.cli.output import chosen_form, output_options, write_answer, write_relation
from flowstitch.cli.results import also_option, memory_option
from flowstitch.runner.times import parse_time
from flowstitch.sql.questions import question, question_names, questions

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXAMPLES = """\b
Examples:
  flowstitch ask result/                            the list of questions
  flowstitch ask result/ return-eni                 which returns land on the primary ENI?
  flowstitch ask result/ scenarios -f csv -o mix.csv
  flowstitch ask result/ coverage -f json | jq .
  flowstitch ask result/ long-lived --node cn-hongkong.10.0.1.82 --top 5
  flowstitch ask result/ scenarios --since 2026-11-23T00:44:00Z --until 2026-11-23T00:46:00Z
  flowstitch ask drift-between before/ after/       what changed between two results?
  flowstitch ask monday/ return-eni --also tuesday/ the answer of both as one
"""

# DuckDB counts rows in 64 bits with a sign.
MOST_ROWS = (1 << 63) - 1


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str | CompletionItem]:  # noqa: ARG001
    return [name for name in question_names() if name.startswith(incomplete)]


@click.command("ask", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("name", metavar="[QUESTION]", required=False, shell_complete=_complete)
@click.argument("after", metavar="[AFTER]", required=False, type=click.Path())
@also_option
@click.option("--service", metavar="NAMESPACE/NAME", help="Only rows of this service.")
@click.option("--node", help="Only rows that have this node.")
@click.option("--top", type=click.IntRange(1, MOST_ROWS), metavar="N", help="Only the first N rows.")
@click.option(
    "--since", metavar="TIME", help="Only of what was at or after this time; ISO 8601 or epoch seconds, UTC."
)
@click.option("--until", metavar="TIME", help="Only of what was before this time.")
@memory_option
@output_options
def command(
    result: str,
    name: str | None,
    after: str | None,
    also: tuple[str, ...],
    since: str | None,
    until: str | None,
    memory_bytes: int | None,
    form: str | None,
    output: str | None,
    **narrowing: Any,
) -> None:
    """Answer a named question about a result.

    RESULT is the directory that `flowstitch run` wrote, with --also those of several runs. Without QUESTION the questions are listed, as JSON
    with what one row is, what it needs and what each column means. A question that compares two results takes
    the later one as AFTER; the question may come first.
    """
    from flowstitch.sql.session import Result  # noqa: PLC0415

    if result in question_names() and name is not None and not Path(result).exists():
        result, name = name, result
    span = {
        key: parse_time(text, f"--{key}")
        for key, text in (("since", since), ("until", until))
        if text is not None
    }
    paths = [Path(one) for one in (result, *also)]
    with Result(paths, after=None if after is None else Path(after), **span) as session:
        session.limit(memory_bytes=memory_bytes)
        if name is None:
            _write_list(form, output)
        else:
            write_relation(session.ask(name, **narrowing), form, output, title=question(name).title)


def _write_list(form: str | None, output: str | None) -> None:
    import pyarrow as pa

    rows = [
        {
            "question": item.name,
            "title": item.title,
            "why": item.why,
            "grain": item.grain,
            "needs": item.needs,
            "columns": dict(item.columns),
        }
        for item in questions()
    ]
    if chosen_form(form, output) == "table":
        rows = [{"question": row["question"], "title": row["title"]} for row in rows]
    kinds = {"columns": pa.map_(pa.string(), pa.string())}
    schema = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in rows[0]])
    write_answer(pa.Table.from_pylist(rows, schema).to_reader(), form, output)
