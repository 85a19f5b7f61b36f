"""What commands that read exports have in common: the argument EXPORT, and how it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowstitch.cli.results import size_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])

FORMS = """
\b
EXPORT is
  DIR, FILE            a directory, searched recursively, or a file
  'logs/*.gz'          a glob, quoted: files and directories that match
  @LIST                a file with one EXPORT per line; @- reads the list from stdin
  -                    what is piped in, one file of whatever kind, known as stdin
  s3://BUCKET/PREFIX   objects of Amazon S3 and what speaks like it: one, all below a prefix, or a quoted glob
  oss://BUCKET/PREFIX  objects of Alibaba Cloud OSS, likewise
A file of which the name begins with @ is ./@NAME. Files are known by their content, gzip, zstd and snappy too.

\b
Where the objects are, and who asks:
  s3://   AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL for another store than Amazon's; AWS_REGION or AWS_DEFAULT_REGION
          (the bucket's own without); AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or AWS_PROFILE,
          or the role of the machine
  oss://  OSS_ENDPOINT, https://oss-REGION.aliyuncs.com or with -internal; OSS_REGION where it does not say the region;
          ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN (or
          OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN)
"""


def exports_argument(command: Command) -> Command:
    """Argument ``EXPORT...``; paths are completed."""
    return click.argument("exports", metavar="EXPORT...", nargs=-1, required=True, type=click.Path())(command)


def reading_options(command: Command) -> Command:
    """Options ``--memory``, ``--threads`` and ``--max-rejects`` of a command that reads exports."""
    options = (
        click.option(
            "--memory",
            "memory_bytes",
            metavar="SIZE",
            callback=size_of,
            help="Memory to do with, such as 4GiB or 512MB. Rows may have a quarter of it, the others wait on the disk; what "
            "can only be read whole, a JSON document or a raw snappy block, an eighth.  [default: half of the machine's]",
        ),
        click.option(
            "--threads",
            metavar="N",
            type=click.IntRange(1),
            help="Files read at the same time.  [default: one per core]",
        ),
        click.option(
            "--max-rejects",
            metavar="SHARE",
            type=click.FloatRange(0, 1),
            help="Share of a source's rows that may be bad.  [default: 0.001]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
