"""Rows of equal number put together, each such run in order."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel

# Up to here an insertion sort is the fastest; most runs are that short.
SHORT = 24


@inner_kernel
def before(keys, columns, left, right):
    """Whether row ``left`` comes before row ``right`` by the first ``columns`` of ``keys``, of these the first counting most."""
    left, right = np.uint64(left), np.uint64(right)
    for column in range(columns):
        if keys[left, column] != keys[right, column]:
            return keys[left, column] < keys[right, column]
    return False


@kernel
def _insert(order, begin, end, keys, columns):
    for place in range(begin + 1, end):
        row = order[place]
        at = place
        while at > begin and before(keys, columns, row, order[at - 1]):
            order[at] = order[at - 1]
            at -= 1
        order[at] = row


@kernel
def _merge(order, begin, middle, end, keys, columns, scratch):
    for place in range(begin, middle):
        scratch[place] = order[place]
    left, right, at = begin, middle, begin
    while left < middle:
        if right < end and before(keys, columns, order[right], scratch[left]):
            order[at] = order[right]
            right += 1
        else:
            order[at] = scratch[left]
            left += 1
        at += 1


@kernel
def sort_run(order, begin, end, keys, columns, scratch):
    """Put ``order[begin:end]`` in order of its rows' keys, see ``sort_runs``, stable; rows that are in order already are only looked at."""
    place = begin + 1
    while place < end and not before(keys, columns, order[place], order[place - 1]):
        place += 1
    if place >= end:
        return
    for head in range(begin, end, SHORT):
        _insert(order, head, min(head + SHORT, end), keys, columns)
    width = SHORT
    while width < end - begin:
        for head in range(begin, end - width, 2 * width):
            _merge(order, head, head + width, min(head + 2 * width, end), keys, columns, scratch)
        width *= 2


@kernel
def collect_runs(numbers, pointer, order, scratch):
    """Order of rows by number, rows of one number as they were.

    Parameters
    ----------
    numbers : shape (n,), int64, from 0 on.
    pointer : shape (numbers + 1,), int64, all 0, receives where the run of each number begins.
    order : shape (n,), int64, receives the rows in order.
    scratch : shape (numbers,), int64, is overwritten.
    """
    count = pointer.shape[0] - 1
    for row in range(numbers.shape[0]):
        pointer[numbers[row] + 1] += 1
    for number in range(count):
        pointer[number + 1] += pointer[number]
        scratch[number] = pointer[number]
    for row in range(numbers.shape[0]):
        number = np.uint64(numbers[row])
        order[np.uint64(scratch[number])] = row
        scratch[number] += 1


@kernel
def sort_runs(keys, columns, pointer, order, scratch):
    """Put each run in order of its rows' keys, rows that are equal in all of them as they were.

    Parameters
    ----------
    keys : shape (n, k), int64. columns : so many of them count, the first most.
    pointer : shape (numbers + 1,), int64, where the run of each number begins.
    order : shape (n,), int64, the rows run by run, is put in order.
    scratch : shape (n,), int64, is overwritten.
    """
    for number in range(pointer.shape[0] - 1):
        if pointer[number + 1] - pointer[number] > 1:
            sort_run(order, pointer[number], pointer[number + 1], keys, columns, scratch)


def runs_of(numbers, count):
    """Order of rows by number, stable, shape (n,), and where each number's run begins there, shape (count + 1,), int64.

    Parameters
    ----------
    numbers : shape (n,), int64, in [0, count).
    """
    pointer, order = np.zeros(count + 1, np.int64), np.empty(numbers.shape[0], np.int64)
    collect_runs(numbers, pointer, order, np.empty(count, np.int64))
    return order, pointer


def by_run(numbers, count, *keys):
    """As ``runs_of``, and each run in order of ``keys``, shape (n,) each, int64, the first counts most."""
    order, pointer = runs_of(numbers, count)
    several = np.stack(keys, axis=1) if len(keys) > 1 else keys[0][:, None]
    sort_runs(several, len(keys), pointer, order, np.empty_like(order))
    return order, pointer
