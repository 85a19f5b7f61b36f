"""Who had an address, also one that nobody had heard of when the owners were put in order."""

from __future__ import annotations

import numpy as np

from flowstitch.join.owners import Owners
from flowstitch.normalize.columns import Pools


def test_an_address_that_is_interned_later_has_no_owner() -> None:
    pools = Pools()
    row = {"ip": "10.0.0.9", "owner_kind": "pod", "owner": "default/web", "node": "n1", "eni": None, "valid_from": None, "valid_to": None}  # fmt: skip
    owners = Owners([row], pools)
    later = [pools.addresses.number(f"10.0.1.{number}") for number in range(1, 200)]
    asked = np.array([pools.addresses.number("10.0.0.9"), *later], np.int64)
    owned = owners.at(asked, np.zeros(asked.shape[0], np.int64))
    assert [pools.names.word(int(code)) for code in owned.name[:2]] == ["default/web", None]
    assert not owned.kind[1:].any()
    assert not owned.lapsed.any()
