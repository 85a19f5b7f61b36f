"""The guide to adding a data plane, followed to the letter with the toy that it adds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from dataplanes.test_cases import test_case as check_case
from flowstitch.catalog import dataplanes, load
from flowstitch.catalog.dataplanes import dataplane_names, read_dataplane
from flowstitch.cli.main import commands
from flowstitch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "pipeline" / "adding-a-data-plane.md").read_text(encoding="utf-8")
FILES = {
    name.rpartition("/")[2]: text
    for name, text in re.findall(r"`([\w./-]+\.toml)`:\n\n```toml\n(.*?)```", GUIDE, re.DOTALL)
}
CASES = sorted(FILES.keys() - {"eni-per-pod.toml", "cluster.toml"})


@pytest.fixture
def schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The schemas with the toy among the data planes."""
    root = tmp_path / "schemas"
    root.mkdir()
    for path in (ROOT / "schemas").iterdir():
        if path.name != "dataplanes":
            (root / path.name).symlink_to(path)
    (root / "dataplanes").mkdir()
    for path in (ROOT / "schemas" / "dataplanes").iterdir():
        (root / "dataplanes" / path.name).symlink_to(path)
    (root / "dataplanes" / "eni-per-pod.toml").write_text(FILES["eni-per-pod.toml"])
    for module in (load, dataplanes):
        monkeypatch.setattr(module, "schema_root", lambda: root)
    load.load_toml.cache_clear()
    yield root
    load.load_toml.cache_clear()


def test_the_file_is_read_back(schemas: Path) -> None:
    assert "eni-per-pod" in dataplane_names()
    done = CliRunner().invoke(commands, ["schema", "dataplanes", "eni-per-pod"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("\n  forward  ") == 3


def test_the_mistake_is_refused_as_shown(schemas: Path) -> None:
    path = schemas / "dataplanes" / "eni-per-pod.toml"
    path.write_text(path.read_text().replace("server_place", "server_plaice", 1))
    with pytest.raises(SchemaError) as refused:
        read_dataplane("eni-per-pod")
    assert f"```\n{refused.value}\n```" in GUIDE


@pytest.mark.parametrize("name", CASES)
def test_its_cases_pass(schemas: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "eni-per-pod"
    folder.mkdir()
    for one in ("cluster.toml", name):
        (folder / one).write_text(FILES[one])
    check_case(folder / name, tmp_path)


def test_it_counts_right() -> None:
    assert CASES == ["clusterip-remote.toml", "reply-by-the-nodes-eni.toml"]
    (count,) = re.findall(r"`terway-eniip` and `aws-vpc-cni` have (\d+)\.", GUIDE)
    assert {len(read_dataplane(name)["scenario"]) for name in ("terway-eniip", "aws-vpc-cni")} == {int(count)}
    for link in re.findall(r"\]\(([\w./-]+)\)", GUIDE):
        assert (ROOT / "pipeline" / link).is_file(), link
