"""The command line as a user meets it: called, in a process of its own, and on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.sandbox import Sandbox
from flowstitch.cli.main import commands

Call = Callable[..., Result]
COMMAND = [sys.executable, "-m", "flowstitch"]


@pytest.fixture
def call() -> Call:
    """Calls the command line in this process."""

    def invoke(*arguments: object, text: str | None = None) -> Result:
        return CliRunner().invoke(commands, [str(argument) for argument in arguments], input=text)

    return invoke


def start(*arguments: object, **more: object) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **pipes)


def on_terminal(*arguments: object, columns: int = 100, **environment: str) -> str:
    """What the command line writes to a terminal, on stdout and stderr, with line ends as programs write them."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    inherited = {
        name: text for name, text in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}
    }
    process = start(
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=inherited | {"TERM": "xterm"} | environment,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    process.wait()
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def torn_export(capture: Path, tmp_path: Path) -> Path:
    """The node files of one node, one of them torn."""
    node = "nodes/cn-hongkong.10.0.1.47"
    export = tmp_path / "torn"
    (export / node).mkdir(parents=True)
    events = (capture / node / "conntrack-events.log.gz").read_bytes()
    (export / node / "conntrack-events.log.gz").write_bytes(events[: len(events) // 2])
    (export / node / "ip-addr.json").write_bytes((capture / node / "ip-addr.json").read_bytes())
    return export


@pytest.fixture
def sandbox(tmp_path: Path, capture: Path) -> Sandbox:
    """Where a script of ``collect`` runs."""
    return Sandbox(tmp_path / "sandbox", capture)
