"""What can be said of a leg that goes elsewhere than its data plane lets one expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.catalog.hops import ENI_ROLES, LEGS, OWNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOLD = {
    "forward_out": "The request left its node by the {} ENI",
    "forward_in": "The request came to the server's node by the {} ENI",
    "return_out": "The reply left the server's node by the {} ENI",
    "return_in": "The reply came back by the {} ENI",
}


_WANTED = {OWNER: "by the one that holds the address", "local": "by none"}


def drift_codes(causes: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Everything that a leg can be elsewhere, with its code and a sentence.

    Parameters
    ----------
    causes : what a data plane's file says of its `drift`.

    Returns
    -------
    Objects with `leg`, `expectation` (the column of `datapaths`), `expected`, `observed`, `code` and `sentence`, by code.
    """
    why = {(one["leg"], one["expected"], one["observed"]): one["cause"] for one in causes}
    found = []
    for leg, told in _TOLD.items():
        for expected in (*ENI_ROLES, OWNER, *(["local"] if leg == "return_in" else [])):
            for observed in ENI_ROLES:
                if observed != expected:
                    wanted = _WANTED.get(expected, f"by the {expected} one")
                    cause = why.get((leg, expected, observed))
                    found.append(
                        {
                            "leg": leg, "expectation": LEGS[leg], "expected": expected, "observed": observed,
                            "code": f"{leg.replace('_', '-')}-{observed}-not-{expected}",
                            "sentence": f"{told.format(observed)}, expected {wanted}" + (f": {cause}." if cause else "."),
                        }
                    )  # fmt: skip
    return sorted(found, key=lambda row: row["code"])
