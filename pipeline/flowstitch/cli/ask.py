"""``flowstitch ask``: a named question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowstitch.cli.output import output_options, write_answer
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

    RESULT is the directory that `flowstitch run` wrote. Without QUESTION the questions are listed; as JSON
    with why anyone asks, what one row is and what each column means.
    """
    from flowstitch.run.api import open_result  # noqa: PLC0415

    with open_result(result) as session:
        if name is None:
            _list(form, output)
            return
        asked = question(name)
        write_answer(session.sql(asked.sql).to_arrow_reader(BATCH_ROWS), form, output, title=asked.title)
