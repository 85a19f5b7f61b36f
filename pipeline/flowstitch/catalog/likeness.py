"""Data planes that are like another: what their files do not say is as it is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flowstitch.catalog.hops import ENI_ROLES, OWNER
from flowstitch.errors import SchemaError, nearest_name

if TYPE_CHECKING:
    from collections.abc import Mapping

LIKE, ROLES, WITHOUT = "like", "roles", "without"
_UNCLASSIFIED = "unclassified"
_ENI = re.compile(rf"\b({'|'.join(ENI_ROLES)}) ENI$")
# What a file says of itself alone: a cause of drift holds where it was found.
_OF_ITSELF = ("title", "node_labels", "drift", "scenario")


def complete(place: str, raw: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A file that is like another, with all that it takes from there.

    A scenario of a slug that the other has differs from that in the keys that it names; one of another slug comes before ``unclassified``.
    An empty table takes away what the other has.

    Parameters
    ----------
    place : file, for errors. raw : as it is written, with ``like``. other : the file of that name, checked.

    Raises
    ------
    SchemaError : ``roles`` has another word than a role, or ``without`` names what the other does not have.
    """
    roles = raw.get(ROLES, {})
    if not isinstance(roles, dict):
        raise SchemaError(f"{place}: {ROLES}: got {roles!r}, expected a table.")
    for role, instead in roles.items():
        for word, known in ((role, ENI_ROLES), (instead, (*ENI_ROLES, OWNER))):
            if word not in known:
                raise SchemaError(f"{place}: {ROLES}: got {word!r}, expected one of {', '.join(known)}.")
    found = {key: value for key, value in other.items() if key not in _OF_ITSELF}
    found |= {key: value for key, value in raw.items() if key not in {LIKE, ROLES, WITHOUT}}
    found = {key: value for key, value in found.items() if value != {}}
    turned = _Turned(other, found, roles)
    taken = {scenario["slug"]: turned.scenario(scenario) for scenario in other["scenario"]}
    for slug in raw.get(WITHOUT, ()):
        if slug not in taken:
            raise SchemaError(
                f"{place}: {WITHOUT}: {raw[LIKE]} has no scenario {slug!r}; {nearest_name(str(slug), taken)}"
            )
        del taken[slug]
    last = taken.pop(_UNCLASSIFIED)
    unnamed = []
    for own in raw.get("scenario", ()):
        slug = own.get("slug") if isinstance(own, dict) else None
        if isinstance(slug, str):
            taken[slug] = taken.get(slug, {}) | own
        else:
            unnamed.append(own)
    return found | {"scenario": [*taken.values(), *unnamed, last]}


class _Turned:
    """Scenarios of the other file in the words of this one."""

    def __init__(self, other: Mapping[str, Any], own: Mapping[str, Any], roles: Mapping[str, str]) -> None:
        self._roles = roles
        self._node = re.compile(rf"^{re.escape(other['node'])}(?=\d*( |$))"), str(own.get("node"))
        self._veth = re.compile(rf"(?<![^ ]){re.escape(other['veth'])}$"), str(own.get("veth"))

    def scenario(self, scenario: Mapping[str, Any]) -> dict[str, Any]:
        """One of the scenarios, or of its variants."""
        found = dict(scenario)
        for way in ("forward", "return"):
            if way in found:
                found[way] = [self._hop(text) for text in found[way]]
        if "expect" in found:
            found["expect"] = {key: self._roles.get(value, value) for key, value in found["expect"].items()}
        if "variants" in found:
            found["variants"] = [self.scenario(variant) for variant in found["variants"]]
        return found

    def _hop(self, text: str) -> str:
        for pattern, word in (self._node, self._veth):
            text = pattern.sub(lambda _, word=word: word, text)  # type: ignore[misc]
        return _ENI.sub(self._eni, text)

    def _eni(self, found: re.Match[str]) -> str:
        role = self._roles.get(found[1], found[1])
        return "ENI" if role == OWNER else f"{role} ENI"
