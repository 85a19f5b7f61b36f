"""Turns an export into another one that tells the same story: other names, addresses, ports, times and files."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

DAYS = 37
SHIFT_S = DAYS * 86400
SHANGHAI = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")
V4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
ENI = re.compile(r"eni-[a-z0-9]{20}")
CTIME = re.compile(r"\[(start|stop)=([^\]]+)\]")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)")


@dataclass
class Metamorphosis:
    """A seeded bijection of everything that has a name or a number in an export.

    Attributes
    ----------
    seed : decides the bijection.
    v6 : give IPv6 addresses to all but load balancers, whose range is part of the data plane.
    """

    seed: int
    v6: bool = False
    kept_ports: frozenset[int] = frozenset()
    addresses: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._compiled_for = -1
        free = [port for port in range(1024, 65536) if port not in self.kept_ports]
        self.ports = dict(zip(free, self._random.sample(free, len(free)), strict=True))

    def address(self, text: str) -> str:
        """Another address for each address; load balancers stay in their range, local ones as they are."""
        if text.startswith(("127.", "169.254.", "0.", "255.")):
            return text
        while text not in self.addresses:
            other = ".".join(str(self._random.randint(1, 254)) for _ in range(4))
            if text.startswith("100."):
                other = f"100.{self._random.randint(64, 127)}.{other.split('.', 2)[2]}"
            elif self.v6:
                other = (
                    f"2001:db8:{self._random.randrange(1 << 16):x}::{self._random.randrange(1, 1 << 16):x}"
                )
            elif other.startswith(("100.", "127.", "169.254.")):
                continue
            if other not in self.addresses.values():
                self.addresses[text] = other
        return self.addresses[text]

    def name(self, text: str) -> str:
        """Another name for each name."""
        if text not in self.names:
            prefix = "eni-" if text.startswith("eni-") else "n"
            self.names[text] = f"{prefix}{self._random.randrange(1 << 48):012x}"
        return self.names[text]

    def port(self, number: int) -> int:
        """Another port for each that is not a service's."""
        return self.ports.get(number, number)

    def text(self, line: str) -> str:
        """Names first, since names of nodes hold addresses."""
        line = self._known_names().sub(lambda match: self.names[match[0]], line)
        line = ENI.sub(lambda match: self.name(match[0]), line)
        return V4.sub(lambda match: self.address(match[0]), line)

    def _known_names(self) -> re.Pattern[str]:
        if len(self.names) != self._compiled_for:
            longest_first = sorted(self.names, key=len, reverse=True)
            words = "|".join(map(re.escape, longest_first))
            self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])")
            self._compiled_for = len(self.names)
        return self._pattern

    def conntrack(self, line: str) -> str:
        line = re.sub(
            r"([sd]port)=(\d+)", lambda match: f"{match[1]}={self.port(int(match[2]))}", self.text(line)
        )
        line = re.sub(r"^\[(\d+)\.", lambda match: f"[{int(match[1]) + SHIFT_S}.", line)
        if self.v6:
            line = re.sub(r"ipv4     2", "ipv6     10", line)
        return CTIME.sub(lambda match: f"[{match[1]}={_shanghai(match[2])}]", line)

    def flow(self, line: str) -> str:
        row = json.loads(self.text(line))
        for key in ("srcport", "dstport"):
            row[key] = str(self.port(int(row[key])))
        for key in ("__time__", "start", "end"):
            row[key] = str(int(row[key]) + SHIFT_S)
        return json.dumps(row) + "\n"

    def request(self, line: str) -> str:
        """A row of an access log, its time told from elsewhere."""
        upstream = self.connection(json.loads(line)["upstream_addr"])
        row = json.loads(self.text(line))
        for key in ("client_port", "slb_vport"):
            row[key] = str(self.port(int(row[key])))
        time = datetime.fromisoformat(row["time"]) + timedelta(days=DAYS)
        return (
            json.dumps(row | {"upstream_addr": upstream, "time": time.astimezone(SHANGHAI).isoformat()})
            + "\n"
        )

    def ipvs(self, line: str) -> str:
        line = self.text(line)
        return re.sub(r"-([tur]) (2001:\S+):(\d+)", r"-\1 [\2]:\3", line)

    def connection(self, line: str) -> str:
        """A line in which endpoints are ADDRESS:PORT, an IPv6 address in brackets, as ``ipvsadm -Lnc`` has them."""

        def end(match: re.Match[str]) -> str:
            ip = self.address(match[1])
            return f"{f'[{ip}]' if ':' in ip else ip}:{self.port(int(match[2]))}"

        return re.sub(r"(?<![\d.])((?:\d{1,3}\.){3}\d{1,3}):(\d+)", end, line)

    def document(self, text: str) -> str:
        return ISO.sub(lambda match: _later(match[0]), self.text(text))


def _shanghai(ctime: str) -> str:
    moment = datetime.strptime(ctime, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC) + timedelta(days=DAYS)
    return moment.astimezone(SHANGHAI).strftime("%a %b %e %H:%M:%S %Y")


def _later(iso: str) -> str:
    return (datetime.fromisoformat(iso) + timedelta(days=DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()


def transform(source: Path, target: Path, change: Metamorphosis) -> None:
    """Write the changed export: files renamed, event streams split, flow logs run together, gzip where there was none."""
    for kind in ("nodes", "pods", "services"):
        for item in json.loads(read(source / "inventory" / f"{kind}.json"))["items"]:
            change.name(item["metadata"]["name"])
    flows: list[str] = []
    for path in sorted(item for item in source.rglob("*") if item.is_file()):
        parts = path.relative_to(source).parts
        if parts[0] == "slb":
            lines = read(path).splitlines()
            for name in {json.loads(line)["slbid"] for line in lines}:
                change.name(name)
            (target / "7").write_text("".join(map(change.request, lines)))
            continue
        folder = target.joinpath(*(change.names.get(part, part) for part in parts[:-1]))
        folder.mkdir(parents=True, exist_ok=True)
        if parts[0] == "vpc-flow":
            flows += [change.flow(line) for line in read(path).splitlines()]
        elif path.name.startswith("conntrack-events"):
            _split(folder, [change.conntrack(line) for line in read(path).splitlines(keepends=True)])
        elif path.name.startswith("ipvsadm-Lnc"):
            seconds, millis = path.name.split(".")[1:3]
            lines = [change.connection(line) for line in read(path).splitlines(keepends=True)]
            (folder / f"{int(seconds) + SHIFT_S}.{millis}-balanced").write_text("".join(lines))
        elif path.name.startswith("conntrack-list"):
            seconds, millis = path.name.split(".")[1:3]
            lines = [change.conntrack(line) for line in read(path).splitlines(keepends=True)]
            (folder / f"{int(seconds) + SHIFT_S}.{millis}-table").write_text("".join(lines))
        else:
            convert: Callable[[str], str] = (
                change.ipvs if path.name.startswith("ipvsadm") else change.document
            )
            (folder / f"x{change.seed}-{path.stem}.dat").write_bytes(
                gzip.compress(convert(read(path)).encode(), mtime=0)
            )
    half = len(flows) // 3
    for number, part in enumerate((flows[:half], flows[half:])):
        (target / f"flow-{number}.json.snappy").write_text("".join(part))


def _split(folder: Path, lines: list[str]) -> None:
    """Two parts, the second as two gzip members."""
    cut, member = len(lines) // 3, len(lines) // 2
    (folder / "stream-0").write_text("".join(lines[:cut]))
    members = [gzip.compress("".join(part).encode(), mtime=0) for part in (lines[cut:member], lines[member:])]
    (folder / "stream-1.log").write_bytes(b"".join(members))
