"""Times of requests and connections that follow from those that are logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.normalize.columns import LAST_TIME, NULL_TIME

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Flags

# What a request goes through, one after the other.
_PHASES = ("request_processing_time_us", "target_processing_time_us", "response_processing_time_us")


def complete_requests(requests: Columns) -> Flags:
    """Fill in ``request_at`` and ``request_time_us`` where they are not logged, in place.

    A load balancer that logs when a request came has answered it when the phases that it logs were over; a phase that it
    does not log did not take place. A request took the time from its coming to its answer or, where its coming is not
    logged, that of its phases, if all are.

    Parameters
    ----------
    requests : columns of the table ``requests``, n rows.

    Returns
    -------
    Whether ``request_at`` stays unknown, shape (n,).
    """
    phases = np.stack([requests[name] for name in _PHASES])
    passed = phases.clip(0).sum(axis=0)
    at, received, took = (requests[name] for name in ("request_at", "received_at", "request_time_us"))
    answered, came = at != NULL_TIME, received != NULL_TIME
    derived = came & ~answered & (received <= LAST_TIME - passed)
    at[derived] = received[derived] + passed[derived]
    spanned = (took < 0) & came & answered & (received <= at)
    took[spanned] = at[spanned] - received[spanned]
    summed = (took < 0) & (phases >= 0).all(axis=0)
    took[summed] = passed[summed]
    unknown: Flags = at == NULL_TIME
    return unknown


def complete_connections(connections: Columns) -> Flags:
    """Fill in ``opened_at`` where it is not logged, in place: a connection began when it ended, but for what it took.

    Parameters
    ----------
    connections : columns of the table ``lb_connections``, n rows.

    Returns
    -------
    Whether the connection ended before it began, shape (n,).
    """
    opened, closed, took = (connections[name] for name in ("opened_at", "closed_at", "connection_time_us"))
    derived = (opened == NULL_TIME) & (took >= 0) & (took <= closed)
    opened[derived] = closed[derived] - took[derived]
    wrong: Flags = (closed != NULL_TIME) & (opened > closed)
    return wrong
