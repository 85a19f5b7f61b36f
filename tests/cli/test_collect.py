"""``collect``: what is printed runs where only stand-ins of the tools are, and what it leaves is an export."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import flowstitch
from cli.sandbox import EARLY, NODE, Sandbox, printed
from flowstitch.catalog.load import schema_root
from flowstitch.ingest.sniff import sniff

if TYPE_CHECKING:
    from cli.conftest import Call

NODES = [NODE, "cn-hongkong.10.0.1.47", "cn-hongkong.10.0.3.49"]
CLOUDS = ["alibaba", "aws"]
PAGE = (Path(__file__).parents[2] / "pipeline" / "collecting-an-export.md").read_text(encoding="utf-8")
NODE_CALLS = {
    "conntrack -E -o timestamp,id,extended --buffer-size 16777216",
    "conntrack -L -o extended,id,ktimestamp",
    "ip -j rule",
    "ip -6 -j rule",
    "ip -j addr",
    "ip -j link",
    "ip -j route show table all",
    "ipvsadm -Lnc",
    "ipvsadm-save -n",
    "sysctl -a",
    "sysctl -n net.ipv4.vs.conntrack",
}
LISTS_CALL = "kubectl get nodes,pods,services,endpointslices -A -o json"
CALLS = {
    "alibaba": {
        LISTS_CALL,
        "aliyun ecs DescribeNetworkInterfaces --VpcId vpc-1 --PageSize 100 --pager",
        'kubectl get pods -n kube-system -l app=terway-eniip -o jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.nodeName}{"\\n"}{end}',
        "kubectl exec -n kube-system terway-eniip-7xk2p -c terway -- terway-cli mapping",
    },
    "aws": {
        LISTS_CALL,
        "aws ec2 describe-network-interfaces --filters Name=vpc-id,Values=vpc-1 --output json",
    },
}


def gather_everything(call: Call, sandbox: Sandbox, cloud: str, nodes: list[str]) -> None:
    script = printed(call, "--cloud", cloud)
    sandbox.cluster_tools()
    sandbox.run(script, "inventory", VPC="vpc-1")
    for node in nodes:
        sandbox.at(EARLY)
        sandbox.node_tools(node)
        said = sandbox.run(script, "node", node).splitlines()
        assert [line for line in said if "flow entries have been shown" not in line] == [
            f"collect: records conntrack events of {node} for 1 s"
        ]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_it_gathers_is_known_whole(call: Call, sandbox: Sandbox, cloud: str) -> None:
    gather_everything(call, sandbox, cloud, [NODE])
    rows = json.loads(call("inspect", sandbox.export, "-f", "json").stdout)
    found = {row["source"]: row for row in rows}
    kinds = Counter((row["node"], row["kind"]) for row in rows)
    wanted = Counter({(NODE, "conntrack-list"): 2, (NODE, "ipvs-connections"): 2, (NODE, "ip-rule"): 2})
    wanted.update(
        (NODE, kind)
        for kind in ("conntrack-events", "ipvs-rules", "ip-addr", "ip-link", "ip-route", "sysctl")
    )
    wanted.update(
        {(NODE, "terway-mapping"): int(cloud == "alibaba"), (None, "kubernetes"): 1, (None, "enis"): 1}
    )
    assert kinds == +wanted
    assert {row["dialect"] for row in rows if row["kind"] == "enis"} == {f"{cloud}-eni"}
    for name, row in found.items():
        stamp = re.search(r"\.(\d{10})\.", name)
        assert (stamp is not None) == (
            row["kind"] in {"conntrack-list", "ipvs-connections", "kubernetes", "enis", "terway-mapping"}
        )
        if stamp is not None and row["node"] == NODE:
            assert (
                row["first_seen"] == row["last_seen"] == time.strftime("%FT%TZ", time.gmtime(int(stamp[1])))
            ), name
    assert sandbox.calls() == NODE_CALLS | CALLS[cloud]


def test_it_is_what_a_run_wants(
    call: Call, sandbox: Sandbox, capture: Path, result: Path, tmp_path: Path
) -> None:
    gather_everything(call, sandbox, "alibaba", NODES)
    # the mapping of other ENIs than the capture's would tell of another cluster
    for mapping in sandbox.export.rglob("terway-mapping*"):
        mapping.unlink()
    for logs in ("vpc-flow", "slb"):
        shutil.copytree(capture / logs, sandbox.export / logs)
    flowstitch.run(sandbox.export, out=tmp_path / "result")
    with flowstitch.open(tmp_path / "result") as gathered, flowstitch.open(result) as whole:
        rejected = gathered.sql("select sum(rejected) from sources").fetchall()
        lost = gathered.sql("select count(*) from sources where len(warnings) > 0").fetchall()
        landing = "select return_lands_on, count(*) from datapaths where time_quality = 'events' group by all order by all"
        assert gathered.sql(landing).fetchall() == whole.sql(landing).fetchall()
    assert (rejected, lost) == ([(0,)], [(0,)])


def test_without_its_tools_it_says_so_and_goes_on(call: Call, sandbox: Sandbox) -> None:
    script = printed(call)
    said = sandbox.run(script, "node", NODE) + sandbox.run(script, "inventory")
    missing = re.findall(r"^collect: no (\S+) here, left out: ", said, re.MULTILINE)
    assert set(missing) == {"conntrack", "ip", "sysctl", "kubectl", "aliyun"}
    assert len(said.splitlines()) == len(missing)
    assert [path for path in sandbox.export.rglob("*") if path.is_file()] == []


def test_what_fails_is_told_and_leaves_no_file(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    sandbox.tool(
        "conntrack", 'echo "conntrack v1.4.7 (conntrack-tools): Operation not permitted" >&2; exit 1'
    )
    sandbox.tool("ip", 'echo "Option -j is unknown" >&2; exit 255')
    # it does not wait for events that cannot come
    said = sandbox.run(printed(call), "node", NODE, EVENTS_S="600")
    assert "collect: ended with 1: conntrack -L -o extended,id,ktimestamp\n" in said
    assert "collect: printed nothing, left out: ip -j rule\n" in said
    assert (
        "collect: no event was recorded; conntrack said: conntrack v1.4.7 (conntrack-tools): Operation not permitted\n"
        in said
    )
    files = {path.name.partition(".")[0] for path in sandbox.export.rglob("*") if path.is_file()}
    assert files == {"ipvsadm-Lnc", "ipvsadm-save", "sysctl"}


def test_ipvsadm_is_not_asked_where_it_would_load_a_module(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    sandbox.tool("sysctl", "case $1 in -n) exit 255 ;; *) echo net.netfilter.nf_conntrack_acct = 1 ;; esac")
    sandbox.run(printed(call), "node", NODE)
    assert not [call for call in sandbox.calls() if call.startswith("ipvsadm")]


def test_an_ipvs_table_without_services_is_known(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    header = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
    sandbox.tool("ipvsadm-save", "")
    sandbox.tool(
        "ipvsadm",
        f"case $1 in -Ln) printf '{header}  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n' ;; esac",
    )
    said = sandbox.run(printed(call), "node", NODE)
    assert "collect: printed nothing, left out: ipvsadm-save -n\n" in said
    found = {
        row["source"]: row["kind"] for row in json.loads(call("inspect", sandbox.export, "-f", "json").stdout)
    }
    assert found[f"nodes/{NODE}/ipvsadm-Ln.txt"] == "ipvs-rules"


def test_events_are_bounded(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    said = sandbox.run(printed(call), "node", NODE, EVENTS_S="600", EVENTS_MAX_BYTES="1000")
    assert "collect: stops 599 s early: the events have more than 1000 bytes\n" in said
    assert list(sandbox.export.rglob("conntrack-events.log.gz"))


def test_a_stopped_script_stops_listening(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    sandbox.tool("conntrack", 'case $1 in -E) echo $$ >"$ROOT/listener"; exec sleep 600 ;; esac')
    with sandbox.start(printed(call), "node", NODE, EVENTS_S="600") as process:
        assert process.stderr is not None
        while "records" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((sandbox.root / "listener").read_text()), 0)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        ([], {}, "'' is nothing that can be gathered"),
        (["nodes"], {}, "'nodes' is nothing that can be gathered"),
        (["node"], {}, "'' is no name of a node"),
        (["node", ".."], {}, "'..' is no name of a node"),
        (["node", "a/../b"], {}, "'a/../b' is no name of a node"),
        (["node", NODE], {"EVENTS_S": "a[$(touch evil)]"}, "'a[$(touch evil)]' is no whole number"),
    ],
)
def test_wrong_use_of_the_script(
    call: Call, sandbox: Sandbox, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    said = sandbox.run(printed(call), *arguments, code=2, **settings)
    assert said == f"collect: {sentence}; use: collect.sh inventory, or collect.sh node NAME\n"
    assert {path.name for path in sandbox.root.iterdir()} == {"bin", "now", "script", "calls"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_scripts_are_shell(call: Call, cloud: str, tmp_path: Path) -> None:
    path = tmp_path / "collect.sh"
    assert printed(call, "--cloud", cloud, "-o", str(path)) == ""
    assert path.read_text() == printed(call, "--cloud", cloud)
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert max(map(len, path.read_text().splitlines())) <= 125


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not a package of Python's registry"
)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_scripts_have_nothing_that_shellcheck_minds(call: Call, cloud: str) -> None:
    done = subprocess.run(
        ["shellcheck", "-"],
        input=printed(call, "--cloud", cloud),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not a package of Python's registry")
def test_lists_are_trimmed_of_what_can_be_secret(call: Call, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.cluster_tools()
    lists = json.loads((sandbox.root / "lists.json").read_text())
    balancer = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id"
    for item in lists["items"]:
        item["metadata"]["annotations"] = {"note": "hunter2", balancer: "lb-1"}
        if item["kind"] == "Pod":
            item["spec"] |= {"containers": [{"env": [{"name": "PASSWORD", "value": "hunter2"}]}]}
    (sandbox.root / "lists.json").write_text(json.dumps(lists))
    (sandbox.root / "bin" / "jq").unlink()
    (sandbox.root / "bin" / "jq").symlink_to(str(shutil.which("jq")))
    sandbox.run(printed(call), "inventory")
    (trimmed,) = sandbox.export.rglob("kubernetes.*.json")
    assert "hunter2" not in trimmed.read_text()
    tables = []
    for source in (trimmed, sandbox.root / "lists.json"):
        read = flowstitch.read(source)
        tables.append(
            {
                name: read[name].drop_columns("undated").to_pylist()
                for name in ("nodes", "pods", "services", "endpoints")
            }
        )
    assert tables[0] == tables[1]
    assert "lb-1" in {row["lb_id"] for row in tables[0]["services"]}


def test_the_format_of_aws_flow_logs_tells_all(call: Call) -> None:
    (told,) = re.findall(r"tells all:\n((?:#[ ]+\$\{.*\n)+)", printed(call, "--cloud", "aws"))
    fields = re.findall(r"\$\{([a-z-]+)\}", told)
    assert {"pkt-srcaddr", "pkt-dstaddr", "flow-direction", "tcp-flags"} <= set(fields)
    assert sniff(" ".join(fields).encode() + b"\n")[:2] == ("vpc-flow-log", "aws-vpc-flow")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cloud", "azure"], "invalid value for '--cloud': 'azure' is not one of 'alibaba', 'aws'"),
        (["--cloud", "aws", "--form", "manifest"], "--cloud goes with --form commands"),
        (["--image", "tools"], "--image goes with --form manifest"),
        (["--form", "manifest", "--image", 'a"\n  b: c'], "--image: got"),
        (["--form", "manifest", "--image", ""], "--image: got ''"),
    ],
)
def test_wrong_use(call: Call, arguments: list[str], sentence: str) -> None:
    done = call("collect", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr.lower() if sentence.startswith("invalid") else sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_clouds_are_files(call: Call) -> None:
    assert sorted(path.stem for path in (schema_root() / "collect" / "clouds").iterdir()) == CLOUDS
    assert "[alibaba|aws]" in call("collect", "--help").stdout


def blocks() -> list[str]:
    """What the page has between fences: printing, nodes over SSH, nodes with a DaemonSet."""
    found: list[str] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 3
    return found


def test_the_page_explains_every_command() -> None:
    told = PAGE.replace("`", "")
    own = re.compile(r" --VpcId vpc-1| --filters Name=vpc-id,Values=vpc-1")
    # how Terway's pods and IPVS are found is told in words
    found = ("app=terway-eniip", "sysctl -n net.ipv4.vs.conntrack")
    commands = [
        name
        for name in NODE_CALLS | CALLS["alibaba"] | CALLS["aws"]
        if not any(word in name for word in found)
    ]
    assert len(commands) == 14
    for name in commands:
        assert own.sub("", name).replace("terway-eniip-7xk2p", "…") in told


def test_the_page_prints_as_written(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in blocks()[0].splitlines():
        printed(call, *shlex.split(line, comments=True)[2:])
    assert {path.name for path in tmp_path.iterdir()} == {"collect.sh", "collect.yaml"}


def test_nodes_over_ssh_as_the_page_has_it(call: Call, sandbox: Sandbox) -> None:
    sandbox.node_tools(NODE)
    sandbox.tool("kubectl", f"echo {NODE} 10.0.1.82")
    sandbox.tool(
        "ssh",
        '[ "$1" != -n ] || shift\nmkdir -p "$ROOT/$1"\ncd "$ROOT/$1" || exit 1\nshift\nexec sh -c "$*"',
    )
    (sandbox.root / "collect.sh").write_text(printed(call))
    sandbox.run(blocks()[1])
    assert len(list((sandbox.export / "nodes" / NODE).iterdir())) == 12
    assert list((sandbox.root / "root@10.0.1.82" / "export" / "nodes").iterdir()) == []


def test_the_manifest_says_what_the_page_says(call: Call) -> None:
    head = printed(call, "--form", "manifest", "--image", "tools").partition("apiVersion")[0]
    assert re.findall(r"^#   (.*\n)", head, re.MULTILINE) == blocks()[2].splitlines(keepends=True)
