"""How well a result reconstructs what happened: precision and recall of each of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from flowstitch.simulator.generate import TRUTH

if TYPE_CHECKING:
    from pathlib import Path

# What is compared: measure = columns of the truth and of the table datapaths.
MEASURES = {
    "client": ("client_name",), "dialled": ("dialled_ip", "dialled_port"), "service": ("service",),
    "server": ("server_ip", "server_port"), "server node": ("server_node",), "snat": ("snat_ip", "snat_port"),
    "scenario": ("scenario",), "return lands on": ("return_lands_on",), "return ENI": ("return_in_eni",),
    "forward ENI": ("forward_out_eni",), "ENIs at server": ("forward_in_eni", "return_out_eni"),
}  # fmt: skip
PATHS, OUTCOME, REQUESTS = "paths", "outcome", "requests"
_OUTCOMES = {
    "ok": ("established", "closed"), "refused": ("refused",), "none": ("unanswered", "one_way", "rejected"),
}  # fmt: skip
# A connection and a path are one if they have protocol, client and port in common, are near enough in time, and each is
# the other's best. Where there are as many of one as of the other, the first is the first, however far the clocks are off;
# else the one with the same server, then the nearest.
NEAR_S = 5
_MATCHED = """
create temp table truth as select *, count(*) over mine many, row_number() over (mine order by t_start) place
from read_parquet({truth}) window mine as (partition by protocol, client_ip, client_port, icmp_id);
create temp table paths as select *, count(*) over mine many, row_number() over (mine order by first_seen) place
from read_parquet({paths}) where client_ip is not null window mine as (partition by protocol, client_ip, client_port, icmp_id);
create temp table pairs as
with near as (
  select id, path_id, abs(epoch_us(t_start) - epoch_us(first_seen)) gap,
         truth.many <> paths.many or truth.place <> paths.place moved, truth.server_ip is distinct from paths.server_ip other
  from truth join paths using (protocol, client_ip)
  where truth.client_port is not distinct from paths.client_port and truth.icmp_id is not distinct from paths.icmp_id
    and gap <= {near} * 1000000)
select id, path_id from near
qualify row_number() over (partition by id order by moved, other, gap, path_id) = 1
    and row_number() over (partition by path_id order by moved, other, gap, id) = 1;
"""


@dataclass(frozen=True)
class Measure:
    """One answer over all connections: how often it was given, how often there is one, how often both agree."""

    given: int
    wanted: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was said that is so; 1 where nothing was said."""
        return self.right / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Share of what is so that was said; 1 where there is nothing to say."""
        return self.right / self.wanted if self.wanted else 1.0


def accuracy(result: Path, simulation: Path) -> dict[str, Measure]:
    """Measures of a result against the truth of the simulation whose export it was made of, by name.

    Null says nothing: it is no error, and finds nothing. Paths whose client is not known say that they do not know it, and
    count for neither. Of the truth every connection counts, found or not.

    Parameters
    ----------
    result : a result of ``flowstitch run``. simulation : a directory of ``flowstitch generate``.
    """
    with duckdb.connect() as session:
        session.execute("set timezone = 'UTC'")
        places = {"truth": _text(simulation / TRUTH), "paths": _text(result / "datapaths" / "*.parquet")}
        session.execute(_MATCHED.format(**places, near=NEAR_S))
        counts = "(select count(*) from paths), (select count(*) from truth), (select count(*) from pairs)"
        found = {PATHS: _measure(session, f"select {counts}")}
        for name, columns in MEASURES.items():
            found[name] = _compared(session, columns)
        found[OUTCOME] = _outcomes(session)
        found[REQUESTS] = _requests(session, result)
    return found


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _measure(session: duckdb.DuckDBPyConnection, query: str) -> Measure:
    given, wanted, right = session.execute(query).fetchall()[0]
    return Measure(int(given), int(wanted), int(right or 0))


def _compared(session: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> Measure:
    def all_of(pattern: str) -> str:
        return " and ".join(pattern.format(name) for name in columns)

    return _measure(
        session,
        f"""select (select count(*) from pairs join paths p using (path_id) where {all_of("p.{0} is not null")}),
                   (select count(*) from truth t where {all_of("t.{0} is not null")}),
                   (select count(*) from pairs join paths p using (path_id) join truth t using (id) where {all_of("t.{0} = p.{0}")})""",
    )


def _outcomes(session: duckdb.DuckDBPyConnection) -> Measure:
    right = " or ".join(
        f"(t.outcome = '{real}' and p.outcome in ({', '.join(repr(word) for word in words)}))"
        for real, words in _OUTCOMES.items()
    )
    return _measure(
        session,
        f"""select (select count(*) from pairs), (select count(*) from truth),
                   (select count(*) from pairs join paths p using (path_id) join truth t using (id) where {right})""",
    )


def _requests(session: duckdb.DuckDBPyConnection, result: Path) -> Measure:
    """Requests that have the connection that carried them among their candidates."""
    return _measure(
        session,
        f"""with requests as (
              select regexp_extract(uri, '^/c/(\\d+)$', 1)::bigint id, path_ids, candidate_count
              from read_parquet({_text(result / "lb_requests" / "*.parquet")}))
            select count(*) filter (candidate_count > 0), count(*), count(*) filter (list_contains(path_ids, path_id))
            from requests left join pairs using (id)""",
    )
