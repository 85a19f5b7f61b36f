"""Text that a terminal could take for commands, wherever an export can have it: it is never shown as it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from flowstitch.sql.questions import question_names
from hostile import ENTRY, WRONG, build, call, event, flow, pod

# Colours, a window's title, an escape of one byte, a line that overwrites itself, and text that runs backwards.
HOSTILE = "\x1b[31m\x1b]0;x\x07\x9b2J\r\n\u202e<b>"
NAME = HOSTILE.replace("/", "")
REQUEST = {
    "slbid": "lb-1", "vip_addr": "10.0.0.9", "status": "200", "request_time": "0.5", "upstream_addr": f"10.0.3.58:80{HOSTILE}",
    "time": "2023-11-14T22:13:21+00:00", "request_uri": HOSTILE, "host": HOSTILE, "request_method": HOSTILE, "client_ip": "10.0.1.91",
}  # fmt: skip
# what a name cannot have is no row, what a client says can have anything but blanks
CONNECTION = (
    "tls 2.0 2023-11-14T22:13:22 net/x l 10.0.1.91:1 10.0.0.9:443 1 1 1 1 - - - c tlsv12 - {0}\n"
    "tls 2.0 2023-11-14T22:13:22 net/{0} l 10.0.1.91:1 10.0.0.9:443 1 1 1 1 - - - c tlsv12 - -\n"
).format(HOSTILE.replace("\r\n", ""))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": HOSTILE, "namespace": "n"}, "spec": {"clusterIP": "10.0.3.58"},
    }  # fmt: skip
    odd = f" {HOSTILE[: HOSTILE.index(chr(13))]} helper=x"
    events = event("1700000000.000000", "NEW", odd) + event("1700000001.000000", "DESTROY") + HOSTILE + "\n"
    return build(
        tmp_path_factory.mktemp("hostile") / f"export{NAME}",
        {
            f"nodes/n{NAME}/events{NAME}.log": events,
            f"nodes/n{NAME}/list.txt.gz": gzip.compress(ENTRY.encode() * 3)[:-9],
            f"nodes/n{NAME}/sysctl.txt": f"net.x = {HOSTILE}\nnet.y = 1\n",
            f"nodes/n{NAME}/rules.json": json.dumps([{"priority": 1, "src": "all", "table": HOSTILE}, {"priority": 2, "src": "all"}]),
            f"flow{NAME}.json": flow(eni_id=HOSTILE) + flow(action=HOSTILE) + flow(),
            "pods.json": json.dumps({"items": [pod(HOSTILE), pod("p", phase=HOSTILE), pod("q")], "apiVersion": "v1", "kind": "List"}),
            "services.json": json.dumps(service),
            "requests.json": json.dumps(REQUEST) + "\n",
            "connections.log": CONNECTION,
            f"unknown{NAME}": HOSTILE,
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(export: Path) -> Path:
    out = export.with_name(f"result{NAME}")
    assert call("run", export, "--out", out).exit_code == 1
    return out


def test_reading(export: Path, result: Path) -> None:
    for form in ("table", "json"):
        assert "\\x1b[31m" in call("inspect", export, "-f", form).output.replace("\\u001b", "\\x1b")
    for log in ("text", "json"):
        call("run", export, "--out", result.with_name("again"), "--overwrite", "--log", log)
    call("convert", export, "--out", result.with_name(f"tables{NAME}"))


@pytest.mark.parametrize("name", question_names())
def test_questions(name: str, result: Path) -> None:
    for form in ("table", "json"):
        call("ask", result, name, "-f", form)


def test_tables(result: Path) -> None:
    for table in (
        "datapaths",
        "segments",
        "observations",
        "sources",
        "rejects",
        "lb_requests",
        "lb_connections",
        "ip_rules",
        "sysctls",
        "services",
        "pods",
    ):
        for form in ("table", "json"):
            call("sql", result, f"from {table}", "-f", form)
    shown = call("sql", result, "select text from rejects order by all").output
    assert "\\x1b[31m" in shown


def test_one_path_with_its_raw_lines(export: Path, result: Path) -> None:
    shown = call("explain", result, "10.0.1.91:1", "--at", "2023-11-14T22:13:20Z", "--export", export).output
    assert "helper=x" in shown
    assert "\\x1b[31m" in shown


@pytest.mark.parametrize(
    "arguments", [
        ("ask", "{result}", HOSTILE), ("sql", "{result}", HOSTILE), ("sql", "{result}", f'select 1 as "{HOSTILE}" from x'),
        ("explain", "{result}", HOSTILE), ("explain", "{result}", "10.0.0.1", "--at", HOSTILE), ("run", HOSTILE, "--out", "x"),
        ("run", "{export}", "--out", "x", "--dataplane", HOSTILE), ("run", "{export}", "--out", "{result}"), ("inspect", f"{HOSTILE}*"),
        ("ask", HOSTILE), ("schema", HOSTILE), (HOSTILE,), ("run", f"--{HOSTILE}"), ("run", "{export}", "--out", "x", "--threads", HOSTILE),
    ]
)  # fmt: skip
def test_errors(arguments: tuple[str, ...], export: Path, result: Path) -> None:
    places = {"{export}": export, "{result}": result}
    assert call(*(places.get(argument, argument) for argument in arguments)).exit_code == WRONG


def test_names_of_columns(result: Path) -> None:
    for form in ("table", "json"):
        call("sql", result, 'select 1 as "' + HOSTILE + '"', "-f", form)
