"""Where a script of ``collect`` runs: nothing is there but plain tools and stand-ins of those that it asks for."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.conftest import Call

NODE = "cn-hongkong.10.0.1.82"
EARLY, LATE = 1795394843, 1795395168
GOLDENS = Path(__file__).parents[1] / "dialects"
# What a script may expect of any system, beside the tools that it looks for.
PLAIN_TOOLS = ("sh", "cat", "grep", "gzip", "mkdir", "mv", "nice", "rm", "sleep", "tail", "tar", "wc")


class Sandbox:
    """A directory in which a script runs, with no tools on PATH but plain ones and stand-ins that print what was captured.

    Attributes
    ----------
    export : what the script writes.
    """

    def __init__(self, root: Path, capture: Path) -> None:
        self.root = root
        self.export = root / "export"
        self._bin = root / "bin"
        self._bin.mkdir(parents=True)
        self._capture = capture
        for name in PLAIN_TOOLS:
            found = shutil.which(name)
            assert found is not None
            (self._bin / name).symlink_to(found)
        self.tool("date", 'read -r now <"$ROOT/now"; echo "$now"')
        self.at(EARLY)

    def at(self, epoch_s: int) -> None:
        """Set the clock."""
        (self.root / "now").write_text(f"{epoch_s}\n")

    def tool(self, name: str, body: str) -> None:
        """Put a stand-in on PATH; its calls are noted."""
        path = self._bin / name
        path.write_text(f'#!/bin/sh\nprintf \'%s\\0\' "{name} $*" >>"$ROOT/calls"\n{body}\n')
        path.chmod(0o755)

    def calls(self) -> set[str]:
        """Calls of stand-ins, each with its arguments, but of those that read nothing of a node or cluster."""
        noted = (self.root / "calls").read_text().split("\0")[:-1]
        return {call for call in noted if not call.startswith(("date ", "jq "))}

    def node_tools(self, node: str) -> None:
        """Stand-ins of what a node has."""
        captured = self._capture / "nodes" / node
        events, dump, connections = self.root / "events", self.root / "dump", self.root / "connections"
        events.write_bytes(gzip.decompress((captured / "conntrack-events.log.gz").read_bytes()))
        for epoch in (EARLY, LATE):
            (path,) = captured.glob(f"conntrack-list.{epoch}.*")
            dump.with_suffix(f".{epoch}").write_bytes(gzip.decompress(path.read_bytes()))
            (path,) = captured.glob(f"ipvsadm-Lnc.{epoch}.*")
            connections.with_suffix(f".{epoch}").write_bytes(gzip.decompress(path.read_bytes()))
        listening = (
            f'cat "{events}"; echo "NOTICE: Netlink socket buffer size has been set to 33554432 bytes." >&2\n'
            "trap 'echo \"conntrack v1.4.7 (conntrack-tools): 9 flow events have been shown.\" >&2; exit 0' TERM\n"
            "while :; do sleep 0.1; done"
        )
        summary = 'echo "conntrack v1.4.7 (conntrack-tools): 9 flow entries have been shown." >&2'
        self.tool("conntrack", f'case $1 in -E) {listening} ;; esac\ncat "$ROOT/dump.$(date +%s)"\n{summary}')
        # the last of the tables that are dumped at one time: the clock goes on
        self.tool("ipvsadm", f'cat "$ROOT/connections.$(date +%s)"; echo {LATE} >"$ROOT/now"')
        self.tool("ipvsadm-save", f'cat "{captured}/ipvsadm-save.txt"')
        self.tool(
            "ip",
            "case $* in\n"
            "  '-6 -j rule') echo '[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"}]' ;;\n"
            + "".join(
                f"  '{arguments}') cat '{captured}/{name}.json' ;;\n"
                for arguments, name in (
                    ("-j rule", "ip-rule"), ("-j addr", "ip-addr"), ("-j link", "ip-link"), ("-j route show table all", "ip-route-table-all"),
                )
            )
            + "esac",
        )  # fmt: skip
        self.tool(
            "sysctl",
            f'case $1 in -n) echo 1 ;; *) echo "sysctl: permission denied" >&2; echo kernel.hostname = x; cat "{captured}/sysctl.txt" ;; esac',
        )

    def cluster_tools(self) -> None:
        """Stand-ins of what a workstation has; ``jq`` trims nothing."""
        inventory = self._capture / "inventory"
        items = [
            item
            for name in ("nodes", "pods", "services", "endpointslices")
            for item in json.loads((inventory / f"{name}.json").read_text())["items"]
        ]
        (self.root / "lists.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
        mapping = GOLDENS / "terway-mapping-tree" / "in.txt"
        self.tool(
            "kubectl",
            "case $* in\n"
            f"  *terway-cli*) cat '{mapping}'; exit 1 ;;\n"
            f"  *app=terway-eniip*) echo terway-eniip-7xk2p {NODE} ;;\n"
            '  *) cat "$ROOT/lists.json" ;;\nesac',
        )
        self.tool("jq", "cat")
        self.tool("aliyun", f"cat '{inventory}/describe_network_interfaces.json'")
        self.tool("aws", f"cat '{GOLDENS}/aws-eni/in.json'")

    def start(self, script: str, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start a script as ssh would have it, from stdin."""
        (self.root / "script").write_text(script)
        (self.root / "calls").touch()
        with (self.root / "script").open() as text:
            return subprocess.Popen(
                ["sh", "-s", *arguments],
                cwd=self.root,
                env={"PATH": str(self._bin), "ROOT": str(self.root), "EVENTS_S": "1", **settings},
                stdin=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def run(self, script: str, *arguments: str, code: int = 0, **settings: str) -> str:
        """Run a script to its end, which it reaches by itself; returns what it said on stderr."""
        with self.start(script, *arguments, **settings) as process:
            try:
                out, said = process.communicate(timeout=30)
            finally:
                process.kill()
        assert (process.returncode, out) == (code, ""), said
        return said


def printed(call: Call, *arguments: str) -> str:
    """What ``collect`` prints."""
    done = call("collect", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout
