"""What the network plug-in of one node says, through the whole join."""

from __future__ import annotations

from pathlib import Path

from story import Hop, Story

MAPPING = """\
└─┬ENI: eni-a-client
  ├──MAC: 00:16:3e:00:00:01
  ├──Status: InUse
  ├──Type: secondary
  └─┬IPs
    └──10.0.1.1  ns/client  Valid

"""


def test_its_pods_have_names_and_those_of_other_nodes_are_not_outside(tmp_path: Path) -> None:
    story = Story()
    story.node("a", "10.0.0.1")
    story.node("b", "10.0.0.2")
    story.enis.clear()
    story.service("web", "192.168.0.5", 80, [])
    server = ("10.0.2.1", 8080)
    story.connect([Hop(node, ("10.0.1.1", 40000), server) for node in ("a", "b")], 0)
    story.cross("eni-a-client", "out", ("10.0.1.1", 40000), server, 0, 10)
    folder = tmp_path / "export" / "nodes" / "a"
    folder.mkdir(parents=True)
    (folder / "mapping.txt").write_text(MAPPING)
    (path,) = story.tell(tmp_path)
    assert (path["client_name"], path["client_kind"], path["client_node"]) == ("ns/client", "pod", "a")
    assert (path["forward_out_eni"], path["forward_out_eni_role"]) == ("eni-a-client", "secondary")
    assert (path["server_kind"], path["server_name"]) == (None, None)
