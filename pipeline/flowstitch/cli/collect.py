"""``flowstitch collect``: the commands that gather an export; they are printed, never run."""

from __future__ import annotations

import re
from string import Template
from textwrap import indent
from typing import TYPE_CHECKING

import click

from flowstitch.catalog.load import schema_root
from flowstitch.cli.console import say
from flowstitch.cli.output import text_sink
from flowstitch.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FORMS = ("commands", "manifest")
DEFAULT_CLOUD = "alibaba"
# The top-level domain .invalid never resolves (RFC 2606): a pod of it says ErrImagePull.
NO_IMAGE = "image.invalid/name-yours-with---image"
# No blank, quote or line end, which could end the value in the manifest; the registry knows the rest of the grammar.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_SCRIPT_INDENT = " " * 4
EXAMPLES = f"""\b
Examples:
  flowstitch collect | less                                what it would gather, and why
  flowstitch collect -o collect.sh
  sh collect.sh inventory                                  where kubectl and aliyun work
  ssh root@10.0.1.82 sh -s node cn-hongkong.10.0.1.82 < collect.sh
  flowstitch collect --cloud aws -o collect.sh
  flowstitch collect --form manifest --image IMAGE | kubectl apply -f -

\b
IMAGE must have sh, conntrack, ip of iproute2, sysctl, ipvsadm where IPVS is used, gzip and tar; without --image the
manifest names {NO_IMAGE}, which no node can pull.
"""


def _directory() -> Path:
    return schema_root() / "collect"


def _clouds() -> list[str]:
    return sorted(path.stem for path in (_directory() / "clouds").glob("*.sh"))


def _image(ctx: click.Context, param: click.Parameter, image: str | None) -> str | None:  # noqa: ARG001 - click's signature
    if image is not None and not _IMAGE.fullmatch(image):
        raise UsageError(
            f"--image: got {image!r}, expected the name of a container image, such as registry.example.com/tools:1."
        )
    return image


@click.command("collect", epilog=EXAMPLES)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default=FORMS[0],
    show_default=True,
    help="A shell script for nodes and inventory, or a DaemonSet that does the nodes.",
)
@click.option(
    "--cloud",
    type=click.Choice(_clouds()),
    help=f"Whose ENIs and logs the script is about.  [default: {DEFAULT_CLOUD}]",
)
@click.option("--image", metavar="IMAGE", callback=_image, help="Container image of the manifest.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write to FILE instead of stdout.")
def command(form: str, cloud: str | None, image: str | None, output: str | None) -> None:
    """Print the commands that gather an export.

    Nothing is run: read what is printed, then run it where it belongs. It only reads, and lays down what
    `flowstitch run` takes: nodes/NAME/ with the conntrack, IPVS and routing of each node, and inventory/ with what
    Kubernetes and the cloud know.
    """
    if form == "manifest":
        if cloud is not None:
            raise UsageError(
                "--cloud goes with --form commands: a manifest gathers from nodes, the same in every cloud."
            )
        text = manifest(image or NO_IMAGE)
        if image is None:
            say(f"without --image the manifest names {NO_IMAGE}, which no node can pull.")
    else:
        if image is not None:
            raise UsageError("--image goes with --form manifest: a script runs without a container.")
        text = script(cloud or DEFAULT_CLOUD)
    with text_sink(output) as sink:
        sink.write(text)


def script(cloud: str) -> str:
    """Shell script for nodes and inventory of a cloud, the stem of a file in ``schemas/collect/clouds``."""
    return _parts("head.sh", "node.sh", "kubernetes.sh", f"clouds/{cloud}.sh")


def manifest(image: str) -> str:
    """Kubernetes manifest, YAML, that runs the part for nodes in containers of an image."""
    gather = indent(_parts("head.sh", "node.sh").rstrip(), _SCRIPT_INDENT)
    return Template(_parts("manifest.yaml")).substitute(image=image, script=gather)


def _parts(*names: str) -> str:
    return "\n".join((_directory() / name).read_text(encoding="utf-8") for name in names)
