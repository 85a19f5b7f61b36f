# ruff: noqa: INP001 - MkDocs loads it by its path
"""Pages of the site: all Markdown of the checkout where it is, so that links between pages are those that it has, and the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

_ROOT = Path(__file__).parents[2]
_PATTERNS = (
    "*.md", "pipeline/*.md", "pipeline/design-notes/*.md", "pipeline/pictures/*", "schemas/*.md", "benchmarks/*.md",
    "benchmarks/plots/*", "data/*.md", "tests/*/README.md", "LICENSE",
)  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages of the checkout in place of those below ``docs_dir``; what the theme brings stays."""
    found = sorted(path for pattern in _PATTERNS for path in _ROOT.glob(pattern))
    pages = [
        File.generated(config, path.relative_to(_ROOT).as_posix(), abs_src_path=str(path)) for path in found
    ]
    return Files([*(file for file in files if file.src_dir != config.docs_dir), *pages])
