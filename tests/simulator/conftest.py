"""Simulations, and what a run makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowstitch.simulator.settings import Settings

SMALL = Settings(connections=1500, nodes=4, pods_per_node=16, services=12, duration_s=900)
Simulate = Callable[..., Path]


@pytest.fixture(scope="session")
def simulate(tmp_path_factory: pytest.TempPathFactory) -> Simulate:
    """Directory of a simulation with settings that differ from ``SMALL``, made once."""
    from flowstitch.simulator.generate import generate

    known: dict[Settings, Path] = {}

    def make(**wishes: Any) -> Path:
        settings = replace(SMALL, **wishes)
        if settings not in known:
            known[settings] = tmp_path_factory.mktemp("simulations") / "cluster"
            generate(settings, known[settings])
        return known[settings]

    return make


@pytest.fixture(scope="session")
def reconstruct(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Result of the export of a simulation, made once."""
    import flowstitch

    known: dict[Path, Path] = {}

    def make(simulation: Path) -> Path:
        if simulation not in known:
            known[simulation] = tmp_path_factory.mktemp("results") / "result"
            flowstitch.run(simulation / "export", out=known[simulation])
        return known[simulation]

    return make
