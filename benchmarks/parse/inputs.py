"""Files to parse: lines of the capture over and over, each with another client port."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CAPTURE = Path(__file__).parents[2] / "data" / "ipvs" / "export"
AWS = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
]
_KEYS = {"interface-id": "eni-id"}
_SEED = 7


@dataclass(frozen=True)
class Input:
    """A file and what it is.

    Attributes
    ----------
    name : of the row in the report. format : of the lines; peers are by format.
    kind, dialect : as the reader takes them.
    """

    name: str
    format: str
    kind: str
    dialect: str
    path: Path
    lines: int


def make_inputs(folder: Path, lines: int) -> Iterator[Input]:
    """Write every input below ``folder``, ``lines`` rows each."""
    for name, kind, dialect, source, change in (
        ("conntrack-list", "conntrack-list", "conntrack", "nodes/*/conntrack-list*", _other_port),
        ("conntrack-events", "conntrack-events", "conntrack", "nodes/*/conntrack-events*", _other_port),
        ("aws-text", "vpc-flow-log", "aws-vpc-flow", "vpc-flow/*", _as_aws),
        ("alibaba-json", "vpc-flow-log", "alibaba-vpc-flow", "vpc-flow/*", _other_json_port),
    ):
        header = " ".join(AWS) + "\n" if name == "aws-text" else ""
        path = folder / f"{name}.1795395168.txt"
        path.write_text(header + "".join(_vary(source, lines, change)))
        yield Input(name, name, kind, dialect, path, lines)
        if name == "aws-text":
            packed = folder / "aws-text.gz"
            packed.write_bytes(gzip.compress(path.read_bytes(), 6))
            yield Input("aws-text-gz", name, kind, dialect, packed, lines)


def _vary(pattern: str, lines: int, change: Callable[[str, str], str]) -> Iterator[str]:
    rng = random.Random(_SEED)  # noqa: S311 - ports, not secrets
    captured = [
        line
        for path in sorted(CAPTURE.glob(pattern))
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    for line in itertools.islice(itertools.cycle(captured), lines):
        yield change(line, str(rng.randint(1024, 65535))) + "\n"


def _other_port(line: str, port: str) -> str:
    return re.sub(r"sport=\d+", f"sport={port}", line, count=1)


def _other_json_port(line: str, port: str) -> str:
    return re.sub(r'"srcport": "[1-9]\d*"', f'"srcport": "{port}"', line)


def _as_aws(line: str, port: str) -> str:
    row = json.loads(_other_json_port(line, port)) | {"version": "2"}
    return " ".join(row[_KEYS.get(name, name)] for name in AWS)
