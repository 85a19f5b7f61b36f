"""``flowstitch ask``: a named question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowstitch.cli.output import chosen_form, output_options, write_answer, write_query
from flowstitch.sql.questions import question, question_names, questions

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXAMPLES = """\b
Examples:
  flowstitch ask result/                            the list of questions
  flowstitch ask result/ return-eni                 which returns land on the primary ENI?
  flowstitch ask result/ scenarios -f csv -o mix.csv
  flowstitch ask result/ coverage -f json | jq .
"""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str | CompletionItem]:  # noqa: ARG001
    return [name for name in question_names() if name.startswith(incomplete)]


@click.command("ask", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("name", metavar="[QUESTION]", required=False, shell_complete=_complete)
@output_options
def command(result: str, name: str | None, form: str | None, output: str | None) -> None:
    """Answer a named question about a result.

    RESULT is the directory that `flowstitch run` wrote. Without QUESTION the questions are listed, as JSON
    with what one row is and what each column means.
    """
    from flowstitch.sql.session import Result  # noqa: PLC0415

    with Result(Path(result)) as session:
        if name is None:
            _write_list(form, output)
        else:
            asked = question(name)
            write_query(session, asked.sql, form, output, title=asked.title)


def _write_list(form: str | None, output: str | None) -> None:
    import pyarrow as pa

    rows = [
        {
            "question": item.name,
            "title": item.title,
            "why": item.why,
            "grain": item.grain,
            "columns": dict(item.columns),
        }
        for item in questions()
    ]
    if chosen_form(form, output) == "table":
        rows = [{"question": row["question"], "title": row["title"]} for row in rows]
    kinds = {"columns": pa.map_(pa.string(), pa.string())}
    schema = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in rows[0]])
    write_answer(pa.Table.from_pylist(rows, schema).to_reader(), form, output)
