"""``collect --form manifest``: what the cluster is asked for, and that its pods run the script of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from cli.sandbox import NODE, printed
from flowstitch.cli.collect import NO_IMAGE

if TYPE_CHECKING:
    from cli.conftest import Call
    from cli.sandbox import Sandbox


def documents(text: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_the_manifest_asks_for_little(call: Call) -> None:
    found = documents(
        printed(call, "--form", "manifest", "--image", "registry.example.com/tools:1@sha256:0a")
    )
    assert set(found) == {"Namespace", "ConfigMap", "DaemonSet"}
    assert {item["metadata"].get("namespace", item["metadata"]["name"]) for item in found.values()} == {
        "flowstitch-collect"
    }
    spec = found["DaemonSet"]["spec"]["template"]["spec"]
    assert spec["hostNetwork"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert not {"hostPID", "hostIPC"} & set(spec)
    volumes = {volume.pop("name"): volume for volume in spec["volumes"]}
    assert volumes == {
        "script": {"configMap": {"name": "script"}},
        "export": {"emptyDir": {"sizeLimit": "3Gi"}},
    }
    rights = {}
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["image"] == "registry.example.com/tools:1@sha256:0a"
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        security = container["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
        assert "privileged" not in security
        rights[container["name"]] = (
            security["capabilities"]["drop"],
            security["capabilities"].get("add", []),
        )
    assert rights == {"gather": (["ALL"], ["NET_ADMIN"]), "hold": (["ALL"], [])}


def test_the_manifest_runs_the_script_of_nodes(call: Call, sandbox: Sandbox) -> None:
    found = documents(printed(call, "--form", "manifest", "--image", "tools"))
    script = found["ConfigMap"]["data"]["collect.sh"]
    assert printed(call).startswith(script.rstrip())
    (gather,) = found["DaemonSet"]["spec"]["template"]["spec"]["initContainers"]
    assert gather["command"] == ["sh", "/script/collect.sh", "node", "$(NODE_NAME)"]
    settings = {row["name"]: row["value"] for row in gather["env"] if "value" in row}
    assert settings.pop("EXPORT") == "/export"
    sandbox.node_tools(NODE)
    sandbox.run(script, "node", NODE, **settings | {"EVENTS_S": "1"})
    assert len(list((sandbox.export / "nodes" / NODE).iterdir())) == 12


def test_a_manifest_without_image_fails_where_it_is_seen(call: Call) -> None:
    done = call("collect", "--form", "manifest")
    assert f'image: "{NO_IMAGE}"' in done.stdout
    assert NO_IMAGE.partition("/")[0].endswith(".invalid")
    assert NO_IMAGE in done.stderr
    assert done.stderr.count("\n") == 1
