"""An object store of moto's on this machine, and what it was asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@dataclass
class ObjectStore:
    """A running store; ``asked`` has (method, path, range, host) of each request since it was last emptied."""

    port: int
    asked: list[tuple[str, str, str | None, str]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, name: str, content: dict[str, bytes]) -> None:
        """Make a bucket of objects."""
        config = Config(s3={"addressing_style": "path"})
        client: Any = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=config,
            aws_access_key_id=SETTINGS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=SETTINGS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        client.create_bucket(Bucket=name)
        for key, body in content.items():
            client.put_object(Bucket=name, Key=key, Body=body)
        client.close()
        self.asked.clear()

    def deny(self, denied: bool) -> None:
        """Ask everybody for credentials that it knows, and it knows none; or nobody."""
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0.0 if denied else float("inf")
        ActionAuthenticatorMixin.request_count = 0


@contextmanager
def running() -> Iterator[ObjectStore]:
    """A store on a free port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        store = ObjectStore(0)

        def note(handler: Any, code: object = "-", size: object = "-") -> None:
            headers = handler.headers
            store.asked.append((handler.command, handler.path, headers.get("Range"), headers.get("Host")))

        patch.setattr(WSGIRequestHandler, "log_request", note)
        server.start()
        store.port = server.get_host_and_port()[1]
        yield store
        server.stop()


def objects_of(directory: Path, prefix: str) -> dict[str, bytes]:
    """The files of a directory as objects."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {prefix + path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
