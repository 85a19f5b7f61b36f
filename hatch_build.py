"""Build hook of the wheel: it carries the kernels compiled, so that a first run need not compile them.

They are compiled for a processor that nearly every machine has, by what users do: the demo, a simulated cluster, the logs that the tests
have of every format. A wheel with them is one of its platform and Python, and they are of use with the numba that compiled them. With
another numba, on another processor, and where compiling failed, the first run compiles. ``HATCH_BUILD_NO_HOOKS=1`` leaves them out.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
# Processors to compile for, by machine: LLVM's name, and what they have beyond any of that machine. x86-64-v3 is that of the
# System V psABI for x86-64: Intel since Haswell (2013), AMD since Excavator (2015).
TARGETS = {
    "x86_64": (
        "x86-64-v3",
        "+avx,+avx2,+bmi,+bmi2,+cx16,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave",
    )
}
# Commands of flowstitch that together call every kernel, with every type of argument. What reads and what joins have few kernels in common:
# two processes compile them side by side, then one compiles what is left. The cluster is as large as one whose rows
# are put into buckets and do not fit into so little memory, and whose addresses outgrow the first table of them.
CLUSTER = "--quiet --connections 15000 --nodes 12 --pods-per-node 200 --ip both --proxy iptables"
RUNS = {
    "reading": (
        "convert data/ipvs/export --out {work}/capture --quiet",
        "convert tests/dialects --out {work}/dialects --quiet",
    ),
    "joining": (
        f"generate {{work}}/tables --format parquet {CLUSTER}",
        "run {work}/tables/export --out {work}/joined --quiet",
    ),
    "all": (
        "demo --quiet",
        f"generate {{work}}/logs --flow-logs alibaba-csv {CLUSTER}",
        "run {work}/logs/export --out {work}/result --quiet --memory 64MiB",
    ),
}
# What they may end with: done, and done though some of the tests' logs are torn.
DONE = {0, 1}


class CompiledKernels(BuildHookInterface):
    """Compiles the kernels in processes of its own, outside of the checkout, and puts them into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the wheel is an editable one, whose kernels change."""
        if version == "editable":
            return
        if platform.machine() not in TARGETS:
            self._say_without(f"for {platform.machine()} no processor is named in {Path(__file__).name}")
            return
        self._work = tempfile.mkdtemp(prefix="flowstitch-kernels-")
        self.app.display_info("Compiling kernels, which takes a minute or two.")
        try:
            compiled = compile_kernels(Path(self._work), *TARGETS[platform.machine()])
        except subprocess.CalledProcessError as failed:
            self._say_without(failed.stderr.strip())
            return
        build_data["force_include"][str(compiled)] = "flowstitch/kernels/compiled"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was compiled: the wheel has it."""
        shutil.rmtree(getattr(self, "_work", ""), ignore_errors=True)

    def _say_without(self, reason: str) -> None:
        self.app.display_warning(
            f"The wheel carries no compiled kernels, the first run compiles them: {reason}"
        )


def compile_kernels(work: Path, name: str, features: str) -> Path:
    """Directory in ``work`` of what numba keeps of all RUNS for a processor, and the file that says for which it is.

    Raises
    ------
    subprocess.CalledProcessError when one of them failed; its ``stderr`` says why.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "FLOWSTITCH_"))}
    environment = {**kept, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}

    def compiled(runs: str, cache: str) -> Path:
        command = [sys.executable, "-B", __file__, runs, str(work)]
        variables = {**environment, "XDG_CACHE_HOME": str(work / cache)}
        subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
        return next((work / cache).glob("flowstitch/kernels-*/*"))

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(compiled, ("reading", "joining"), ("first", "second"))
    # of a function that both have compiled, the types of arguments that the second had are compiled once more
    for index in second.glob("*.nbi"):
        if not (first / index.name).exists():
            for file in second.glob(f"{index.stem}.*"):
                file.rename(first / file.name)
    compiled("all", "first")
    digest = first.parent.name.removeprefix("kernels-")
    (first / f"{digest}.json").write_text(json.dumps({"name": name, "features": features}))
    return first


def do(runs: str, work: str) -> None:
    """Do those of RUNS in this process, which has to be on a processor that can do what is compiled for."""
    sys.path.insert(0, str(ROOT / "pipeline"))
    from flowstitch.cli.main import commands  # noqa: PLC0415
    from flowstitch.kernels._carried import runs_here  # noqa: PLC0415

    if not runs_here(os.environ["NUMBA_CPU_FEATURES"]):
        sys.exit(f"this processor is no {os.environ['NUMBA_CPU_NAME']}")
    for run in RUNS[runs]:
        try:
            commands([word.format(work=work) for word in run.split()])
        except SystemExit as ended:
            if ended.code not in DONE:
                sys.exit(f"flowstitch {run}: got exit code {ended.code}")


if __name__ == "__main__":
    do(*sys.argv[1:])
