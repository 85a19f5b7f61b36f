"""A path with all that explains it as one document, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowstitch.sql.explain import Hop
    from flowstitch.sql.pathfacts import Path

# Columns of ``observations`` that say what a row proves.
_PROOF = (
    "source", "line", "kind", "part", "node", "eni", "packets", "bytes", "reply_packets", "reply_bytes",
    "first_seen", "last_seen", "shared_by",
)  # fmt: skip


def document(
    path: Path, ways: tuple[Sequence[Hop], Sequence[Hop]], raw: Mapping[tuple[str, int], str]
) -> dict[str, Any]:
    """What ``explain`` says of a path.

    Parameters
    ----------
    ways : its hops, see ``chains``. raw : text of rows by source and line, as far as it is at hand.

    Returns
    -------
    ``path``, its row of datapaths; ``title`` of its scenario; ``veths``, by client and server the device of the pod on its node; ``forward`` and ``return``, the hops of both ways, ``return`` empty where nothing
    says that anything came back; ``segments``, its rows of that table; ``counters`` and ``drifts``, its rows of views ``path_counters`` and ``drifts``.
    A hop has ``kind``, ``text``, ``note`` (what proves it where it has no rows, or why it has none), ``device`` or null, ``tuple`` of a wire,
    ``before`` and ``after`` of a translation, and ``rows`` with ``raw``, null where it is not at hand.
    """
    forward, back = ways
    return {
        "path": path.facts,
        "title": path.title,
        "veths": dict(path.veths),
        "forward": [_hop(hop, raw) for hop in forward],
        "return": [_hop(hop, raw) for hop in back],
        "segments": path.segments,
        "counters": path.counters,
        "drifts": path.drifts,
    }


def _hop(hop: Hop, raw: Mapping[tuple[str, int], str]) -> dict[str, Any]:
    names = ("before", "after") if len(hop.tuples) > 1 else ("tuple",)
    return {
        "kind": hop.kind,
        "text": hop.text,
        "note": hop.note or None,
        "device": None if hop.device is None else asdict(hop.device),
        **dict(zip(names, hop.tuples, strict=False)),
        "rows": [
            {name: row[name] for name in _PROOF} | {"raw": raw.get((row["source"], row["line"]))}
            for row in hop.rows
        ],
    }
