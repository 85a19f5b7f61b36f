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
PATHS, OUTCOME, REQUESTS, WHOLE = "paths", "outcome", "requests", "whole path"
# What a reconstruction promises; ``WHOLE`` takes a path for wrong that does not exist or says any of it wrong.
PROMISED = (PATHS, "server", "return ENI", "scenario")
_OUTCOMES = {
    "ok": ("established", "closed"), "refused": ("refused",), "none": ("unanswered", "one_way", "rejected"),
}  # fmt: skip
_DOUBTED = "p.match = 'ambiguous'"
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
    """One answer over all connections.

    Attributes
    ----------
    given, wanted, right : how often it was given, how often there is one, how often both agree.
    doubted : how often it was given, is wrong, and stands on a path that says ``ambiguous``; of requests, among several candidates.
    """

    given: int
    wanted: int
    right: int
    doubted: int

    def __add__(self, other: Measure) -> Measure:
        return Measure(
            self.given + other.given, self.wanted + other.wanted, self.right + other.right, self.doubted + other.doubted
        )  # fmt: skip

    @property
    def misled(self) -> int:
        """How often a wrong answer was given without a word of doubt."""
        return self.given - self.right - self.doubted

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
        found = {PATHS: _paths(session)}
        for name, columns in MEASURES.items():
            found[name] = _compared(session, columns)
        found[WHOLE] = _wholes(session)
        found[OUTCOME] = _outcomes(session)
        found[REQUESTS] = _requests(session, result)
    return found


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _measure(session: duckdb.DuckDBPyConnection, query: str) -> Measure:
    counts = session.execute(query).fetchall()[0]
    return Measure(*(int(count or 0) for count in counts))


def _paths(session: duckdb.DuckDBPyConnection) -> Measure:
    return _measure(
        session,
        f"""select (select count(*) from paths), (select count(*) from truth), (select count(*) from pairs),
                   (select count(*) from paths p where {_DOUBTED} and path_id not in (select path_id from pairs))""",
    )


def _judged(session: duckdb.DuckDBPyConnection, given: str, wanted: str, right: str) -> Measure:
    """What conditions on a path ``p`` and its truth ``t`` count among the pairs, and one on the truth alone among all of it."""
    return _measure(
        session,
        f"""select count(*) filter ({given}), (select count(*) from truth t where {wanted}), count(*) filter ({right}),
                   count(*) filter ({given} and not coalesce({right}, false) and {_DOUBTED})
            from pairs join paths p using (path_id) join truth t using (id)""",
    )


def _compared(session: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> Measure:
    def all_of(pattern: str) -> str:
        return "(" + " and ".join(pattern.format(name) for name in columns) + ")"

    return _judged(session, all_of("p.{0} is not null"), all_of("t.{0} is not null"), all_of("t.{0} = p.{0}"))


def _wholes(session: duckdb.DuckDBPyConnection) -> Measure:
    names = [name for measure in PROMISED[1:] for name in MEASURES[measure]]
    right = " and ".join(f"(p.{name} is null or p.{name} is not distinct from t.{name})" for name in names)
    return _measure(
        session,
        f"""with judged as (
              select path_id, {right} fine from pairs join paths p using (path_id) join truth t using (id))
            select count(*), (select count(*) from truth), count(*) filter (fine),
                   count(*) filter (fine is not true and {_DOUBTED})
            from paths p left join judged using (path_id)""",
    )


def _outcomes(session: duckdb.DuckDBPyConnection) -> Measure:
    right = " or ".join(
        f"(t.outcome = '{real}' and p.outcome in ({', '.join(repr(word) for word in words)}))"
        for real, words in _OUTCOMES.items()
    )
    return _judged(session, "p.outcome is not null", "true", f"({right})")


def _requests(session: duckdb.DuckDBPyConnection, result: Path) -> Measure:
    """Attempts of requests that have the connection that carried them among their candidates."""
    return _measure(
        session,
        f"""with requests as (
              select string_split(regexp_extract(uri, '^/c/([0-9-]+)$', 1), '-')[attempt]::bigint id, path_ids, candidate_count
              from read_parquet({_text(result / "lb_requests" / "*.parquet")})),
            judged as (
              select candidate_count, coalesce(list_contains(path_ids, path_id), false) found
              from requests left join pairs using (id))
            select count(*) filter (candidate_count > 0), count(*), count(*) filter (found),
                   count(*) filter (candidate_count > 1 and not found)
            from judged""",
    )
