"""Wheel and sdist hold what the tree holds, and work outside of it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the wheel carries, by the directory of the checkout that it comes from.
CARRIED = {"pipeline/flowstitch": "flowstitch", "schemas": "flowstitch/schemas", "data": "flowstitch/data"}
# What building the wheel adds.
COMPILED = "flowstitch/kernels/compiled/"
NOT_IN_SDIST = {".ci/run", ".ci/site/mkdocs.yml", ".ci/site/pages.py", ".gitignore"}


def tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.fail("the contents can only be compared in a git checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return out


def test_wheel_holds_the_package_the_schemas_and_the_capture(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    contents = zipfile.ZipFile(wheel).namelist()
    names = {name for name in contents if ".dist-info/" not in name and not name.startswith(COMPILED)}
    wanted = {
        name.replace(directory, target, 1)
        for name in tracked()
        for directory, target in CARRIED.items()
        if name.startswith(f"{directory}/")
    }
    assert names == wanted


def test_sdist_holds_the_tree(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames() if not tar.getmember(name).isdir()}
    assert names - {"PKG-INFO", ".gitignore"} == tracked() - NOT_IN_SDIST


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a directory of its own that comes before the checkout."""
    target = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return target


def outside(
    installed: Path, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_demo_runs_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    script = "import flowstitch, sys; from flowstitch.cli.main import main; print(flowstitch.__file__, file=sys.stderr); main()"
    done = outside(installed, tmp_path, "-c", script, "demo")
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stderr
    assert "pod-to-lbip-cluster-remote" in done.stdout


@pytest.mark.skipif(platform.machine() != "x86_64", reason="kernels are compiled for x86-64 alone")
@pytest.mark.parametrize(
    "commands",
    [
        ("demo",),
        ("generate small --connections 1000 --format parquet --ip 6", "run small/export --out result"),
        (
            "generate large --connections 20000 --pods-per-node 200 --nodes 25 --flow-logs aws",
            "run large/export --out result --memory 64MiB",
        ),
    ],
)
def test_wheel_compiles_nothing(installed: Path, tmp_path: Path, commands: tuple[str, ...]) -> None:
    script = "from flowstitch.cli.main import main; main()"
    for command in commands:
        done = outside(
            installed,
            tmp_path,
            "-c",
            script,
            *command.split(),
            "--quiet",
            XDG_CACHE_HOME=str(tmp_path / "cache"),
        )
        assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "cache").rglob("*.nb?"))


def test_smoke_part_of_the_suite_passes_on_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = outside(
        installed,
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "smoke",
        str(ROOT / "tests"),
    )
    assert done.returncode == 0, done.stdout[-2000:]
    where = outside(installed, tmp_path, "-c", "import flowstitch; print(flowstitch.__file__)")
    assert where.stdout.startswith(str(installed))


def test_manifest_tells_every_file_of_the_capture() -> None:
    manifest = tomllib.loads((ROOT / "data" / "manifest.toml").read_text())
    told = {row["path"]: (row["size_bytes"], row["sha256"]) for row in manifest["file"]}
    found = {}
    for path in (ROOT / "data" / "ipvs").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found[str(path.relative_to(ROOT / "data"))] = (len(content), hashlib.sha256(content).hexdigest())
    assert told == found
