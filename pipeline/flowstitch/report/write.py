"""Writes the page of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.atomic import atomic_file, check_replaceable
from flowstitch.report.answer import answer_section, sentences
from flowstitch.report.asked import ask_own, computed_once, result_path
from flowstitch.report.charts import chart_data, charts_section
from flowstitch.report.commands import Commands
from flowstitch.report.drawing import paths_section
from flowstitch.report.head import contents, foot, head_section
from flowstitch.report.markup import element
from flowstitch.report.moved import moved_section
from flowstitch.report.page import MARK, page
from flowstitch.report.sources import run_section, sources_section
from flowstitch.report.tables import tables_section

if TYPE_CHECKING:
    from pathlib import Path

    from flowstitch.sql.session import Result

# Views that several questions read, and answers that several sections tell.
_SHARED = (
    "path_counts", "client_counts", "server_counts", "target_counts", "failed_paths", "flow_minutes", "drifts",
    "coverage_stretches", "dead_end_paths", "ask_eni_load", "ask_lb_ip_instead_of_cluster_ip",
)  # fmt: skip


def write_report(
    session: Result, file: Path, *, overwrite: bool = False, before: Path | None = None
) -> list[str]:
    """Write the page of a result into one file.

    Parameters
    ----------
    overwrite : replace a report that is there already.
    before : an earlier result that this one is held against.

    Returns
    -------
    The answer that stands at its top, in sentences.

    Raises
    ------
    UsageError when the file exists and ``overwrite`` is not given, or is no report, or cannot be written, or ``before`` is not a result;
    FlowstitchError when writing fails, and nothing is left behind.
    """
    check_replaceable(file, overwrite=overwrite, mark=MARK, mark_at=0, what="report of flowstitch")
    with atomic_file(file, "--output") as partial:
        with computed_once(session, _SHARED):
            html = _page(session, before)
        partial.write_text(html, encoding="utf-8", newline="\n")
    (total, *_) = ask_own(session, "landing")
    return sentences(total)


def _page(session: Result, before: Path | None) -> str:
    commands = Commands(result_path(session))
    data = chart_data(session)
    sections = {
        "Answer": answer_section(session, commands),
        **({} if before is None else {"Moved": moved_section(before, session)}),
        "Pictures": charts_section(data),
        "Ways": paths_section(session, commands),
        "Tables": tables_section(session, commands),
        "Sources": sources_section(session, commands),
        "Run": run_section(session),
    }
    parts = [head_section(session), contents(sections), element("main", sections.values()), foot()]
    return page(f"Return paths of {result_path(session).absolute().name}", parts, data)
