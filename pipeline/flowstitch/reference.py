"""The pages that are made of ``schemas/`` and of the headers of questions and views: ``python -m flowstitch.reference``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowstitch.catalog.reference import field_reference, markdown_table
from flowstitch.sql.definitions import view_name, views
from flowstitch.sql.narrowing import NODE, SERVICE, narrowing_columns
from flowstitch.sql.questions import questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.sql.questions import Question

# The checkout's, beside the package.
DIRECTORY = Path(__file__).parents[1]


def pages() -> dict[str, str]:
    """Text of each page by its name."""
    return {
        "fields.md": "\n".join(field_reference()) + "\n",
        "questions.md": "\n".join(question_catalogue()) + "\n",
    }


def question_catalogue() -> Iterator[str]:
    """Lines of the catalogue of questions and views."""
    asked = questions()
    yield "# Questions and views"
    yield ""
    yield "Made of the headers of `sql/questions` and `sql/views` by `python -m flowstitch.reference`."
    yield "`flowstitch ask RESULT NAME` answers a question; `--top`, `--since` and `--until` are for all of them."
    yield "In SQL each is a view: `from ask_return_eni`."
    yield ""
    yield from markdown_table(
        [{"question": f"[{item.name}](#{item.name})", "asks": item.title} for item in asked]
    )
    for item in asked:
        takes = [option for option in (SERVICE, NODE) if narrowing_columns(item, option)]
        yield from _section(
            item,
            f"compares with {item.compares}" if item.compares else f"view `{view_name(item.name)}`",
            takes,
        )
    yield from ("", "# Views")
    for item in sorted(views(), key=lambda view: view.name):
        yield from _section(item, "view", [])


def _section(item: Question, what: str, takes: list[str]) -> Iterator[str]:
    yield from ("", f"## {item.name}", f"{item.title} {item.why}", "")
    options = f"; takes {' and '.join(f'`{option}`' for option in takes)}" if takes else ""
    kept = f" A run writes it into its result: {item.kept}" if item.kept else ""
    yield f"{item.grain[:1].upper()}{item.grain[1:]}; {what}{options}. Needs {item.needs}{kept}"
    yield ""
    yield from markdown_table([{"column": f"`{name}`", "is": meaning} for name, meaning in item.columns])


if __name__ == "__main__":
    for name, text in pages().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
