"""Kernels that the package carries are used where they fit, and compiled where not: never an error, never other code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numba
import numba.core.config
import pytest
from llvmlite import binding
from numba.core.caching import FunctionCache, NullCache
from numba.core.codegen import get_host_cpu_features

from flowstitch.kernels import _carried
from flowstitch.kernels._carried import carried_caches, runs_here

DIGEST = "0123456789abcdef"


def twice(number: Any) -> Any:
    return number + number


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package's directory that has ``twice`` of an integer, compiled for this processor; what is compiled now is kept in ``own``."""
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path / "made"))
    assert numba.njit(cache=True)(twice)(3) == 6
    (made,) = (tmp_path / "made").iterdir()
    directory = tmp_path / "compiled"
    shutil.copytree(made, directory)
    target = {"name": binding.get_host_cpu_name(), "features": get_host_cpu_features()}
    (directory / f"{DIGEST}.json").write_text(json.dumps(target))
    monkeypatch.setattr(_carried, "DIRECTORY", directory)
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path / "own"))
    return directory


def with_carried(own: Any) -> Any:
    made = carried_caches(DIGEST)
    assert made is not None
    function = numba.njit(twice)
    function._cache = made(twice, own)
    return function


def kept(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.nbc"))


def test_what_is_carried_is_not_compiled(carried: Path, tmp_path: Path) -> None:
    function = with_carried(FunctionCache(twice))
    assert function(21) == 42
    assert not function.stats.cache_misses
    assert not kept(tmp_path / "own")


def test_it_is_found_where_no_directory_can_be_written(carried: Path) -> None:
    carried.chmod(0o500)
    function = with_carried(NullCache())
    assert function(21) == 42
    assert not function.stats.cache_misses


def test_another_type_is_compiled_and_kept_as_without(carried: Path, tmp_path: Path) -> None:
    function = with_carried(FunctionCache(twice))
    assert function(1.5) == 3.0
    assert len(function.stats.cache_misses) == 1
    assert len(kept(tmp_path / "own")) == 1
    again = with_carried(FunctionCache(twice))
    assert (again(1.5), again(21)) == (3.0, 42)
    assert not again.stats.cache_misses
    assert len(kept(carried)) == 1


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_torn_file_is_compiled_anew(carried: Path, tmp_path: Path, suffix: str, share: float) -> None:
    (file,) = carried.glob(f"*.{suffix}")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    function = with_carried(FunctionCache(twice))
    assert function(21) == 42
    assert len(function.stats.cache_misses) == 1
    assert len(kept(tmp_path / "own")) == 1


def test_missing_machine_code_is_compiled_anew(carried: Path) -> None:
    (file,) = carried.glob("*.nbc")
    file.unlink()
    function = with_carried(NullCache())
    assert function(21) == 42
    assert len(function.stats.cache_misses) == 1


def test_code_for_another_processor_is_not_taken_for_that_of_this(carried: Path) -> None:
    said = carried / f"{DIGEST}.json"
    said.write_text(json.dumps({"name": "another", "features": get_host_cpu_features()}))
    function = with_carried(NullCache())
    assert function(21) == 42
    assert len(function.stats.cache_misses) == 1


def test_other_sources_have_none(carried: Path) -> None:
    assert carried_caches(DIGEST) is not None
    assert carried_caches(DIGEST[::-1]) is None


def test_a_processor_that_lacks_a_feature_has_none(carried: Path) -> None:
    said = carried / f"{DIGEST}.json"
    said.write_text(
        json.dumps({"name": "another", "features": f"{get_host_cpu_features()},+feature-of-tomorrow"})
    )
    assert carried_caches(DIGEST) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "x86-64-v3"}'])
def test_a_torn_target_is_none(carried: Path, text: str) -> None:
    (carried / f"{DIGEST}.json").write_text(text)
    assert carried_caches(DIGEST) is None


@pytest.mark.parametrize("variable", ["NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"])
def test_who_asks_for_a_processor_gets_it(
    carried: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "")
    assert carried_caches(DIGEST) is None


def test_features_are_held_against_those_of_the_processor() -> None:
    has = [feature for feature in get_host_cpu_features().split(",") if feature.startswith("+")]
    assert runs_here(",".join(has))
    assert not runs_here("+feature-of-tomorrow")
