"""Stitches conntrack dumps, VPC flow logs and load balancer logs into Kubernetes datapaths, offline.

``read`` an export into canonical tables, ``convert`` it to them, ``run`` the reconstruction, ``open`` its
result. The engines are imported when the first of them is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstitch.runner.api import convert, read, run
    from flowstitch.runner.api import open_result as open  # noqa: A004

__all__ = ["convert", "open", "read", "run"]
__version__ = "0.1.0"

_PUBLIC = {"convert": "convert", "open": "open_result", "read": "read", "run": "run"}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module 'flowstitch' has no attribute {name!r}"
        raise AttributeError(msg)
    from flowstitch.runner import api  # noqa: PLC0415

    return getattr(api, _PUBLIC[name])
