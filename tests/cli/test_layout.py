"""Tables fit, and lose nothing; text is safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowstitch.cli.layout import fitted_table, plain_table
from flowstitch.texts import printable

WORDS = st.text(st.sampled_from("ab-/ _.0"), max_size=30)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], list[bool]]:
    columns = draw(st.integers(1, 5))
    numeric = draw(st.lists(st.booleans(), min_size=columns, max_size=columns))
    names = draw(st.lists(st.text("abc_", min_size=1, max_size=20), min_size=columns, max_size=columns))
    cells = [st.integers(0, 10**9).map(str) if right else WORDS for right in numeric]
    return names, draw(st.lists(st.tuples(*cells).map(list), max_size=4)), numeric


def visible(text: str) -> list[str]:
    return sorted(text.replace(" ", "").replace("─", ""))


@given(tables(), st.integers(20, 140))
def test_a_fitted_table_is_no_wider_than_asked_and_loses_nothing(
    table: tuple[list[str], list[list[str]], list[bool]], width: int
) -> None:
    names, rows, numeric = table
    lines = [line for line, _ in fitted_table(names, rows, numeric, width)]
    if any(line.startswith("─") for line in lines):
        assert max(map(len, lines)) <= width
        shown = "".join(lines)
    else:
        shown = "".join(lines[:1] and names) + "".join(
            line.removeprefix(name.ljust(max(map(len, names))))
            for number, row in enumerate(rows)
            for line, name in zip(lines[number * (len(names) + 1) + 1 :], names, strict=False)
        )
        names = names if rows else []
    assert visible(shown) == visible("".join(names) + "".join(cell for row in rows for cell in row))


def test_folding_prefers_hyphens_and_slashes() -> None:
    rows = [["kube-system/kube-dns", "pod-to-lbip-cluster-remote", "12345"]]
    lines = [
        line
        for line, _ in fitted_table(["service", "scenario", "return_bytes"], rows, [False, False, True], 36)
    ]
    assert lines == [
        "service       scenario       return_",
        "                               bytes",
        "────────────────────────────────────",
        "kube-system/  pod-to-lbip-     12345",
        "kube-dns      cluster-",
        "              remote",
    ]


def test_a_wide_row_stands_below_itself() -> None:
    lines = list(fitted_table(["one", "three"], [["1", "3"], ["4", "6"]], [True, True], 5))
    assert lines == [
        ("row 1", True), ("one    1", False), ("three  3", False), ("row 2", True), ("one    4", False), ("three  6", False),
    ]  # fmt: skip


def test_a_plain_table_is_as_wide_as_it_is() -> None:
    assert list(plain_table(["name", "rows"], [["a" * 90, "7"]], [False, True])) == [
        "name" + " " * 86 + "  rows", "a" * 90 + "     7",
    ]  # fmt: skip


@given(st.text())
def test_printable_text_is_printable_and_keeps_what_is(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()


def lines_of(width: int) -> list[str]:
    names, numeric = ["service", "share", "bytes_share"], [False, True, True]
    rows = [["a", "1.0", "0.5"], ["b", "0.0001", "-"], ["c", "0.1", "7"]]
    return [line for line, _ in fitted_table(names, rows, numeric, width)]


def test_shares_have_bars_where_there_is_room() -> None:
    assert lines_of(42)[2:] == [
        "a           1.0 ████████  0.5 ████",
        "b        0.0001             -",
        "c           0.1 ▊           7 ████████",
    ]
    assert lines_of(30)[2:] == ["a           1.0          0.5", "b        0.0001            -", "c           0.1            7"]  # fmt: skip


@given(st.floats(0, 1))
def test_a_bar_is_as_long_as_its_share(share: float) -> None:
    (line,) = [line for line, _ in fitted_table(["share"], [[f"{share:.6f}"]], [True], 80)][2:]
    bar = line.removeprefix(f"{share:.6f}").strip()
    eighths = sum(" ▏▎▍▌▋▊▉█".index(letter) for letter in bar)
    assert abs(eighths - 64 * share) <= 0.51
