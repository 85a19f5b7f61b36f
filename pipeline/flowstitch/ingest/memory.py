"""How much memory reading may take, and what becomes of it."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

from flowstitch.errors import UsageError

# A document that is parsed takes some six times its size, and its text once more.
WHOLE_SHARE = 8
LEAST_BYTES = 1 << 26
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# Of it the second number is that of resident pages, proc(5).
_OWN_PAGES = Path("/proc/self/statm")
# Share of the memory from which on what is freed is given back: to ask for it again costs a second a gigabyte.
_MOST = 0.6
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT])?(I)?B?")
# M_ARENA_MAX, M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h: what threads have of their own is given back whatever the second
# says, and what is mapped by itself at once; that M_MMAP_THRESHOLD can put off to 32 MiB alone, which is a column of four million times.
_KEPT = {-8: 1, -1: 1 << 30, -4: 0}
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def default_memory() -> int:
    """Half of the memory of the machine, or of what the control group of the process may have, bytes."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = int(_CGROUP_LIMIT.read_text())
    except (OSError, ValueError):
        # no control groups, or 'max'
        limit = machine
    return min(machine, limit) // 2


def rows_in_memory(memory_bytes: int | None) -> int:
    """How much of the memory that a run may have rows may take, bytes; the rest is for what is made of them."""
    return (memory_bytes or default_memory()) // 4


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed for what is needed next, in the place of giving it back to the system each time.

    The system zeroes each page that it gives, which can take a fifth of the time of reading a log.

    Returns
    -------
    Whether it does: only glibc can be told (mallopt(3)). It is for a process that is ours, not for one that calls us.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(tell(option, size) == 1 for option, size in _KEPT.items())


def give_back_freed_memory(memory_bytes: int) -> bool:
    """Give what is freed back to the system (malloc_trim(3)) where the process holds most of the memory that it may have: what comes next may be asked of another allocator.

    Parameters
    ----------
    memory_bytes : what it may have.

    Returns
    -------
    Whether it did: not where there is room, and only glibc can be told.
    """
    try:
        pages = int(_OWN_PAGES.read_text(encoding="ascii").split()[1])
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    if pages * os.sysconf("SC_PAGE_SIZE") < memory_bytes * _MOST:
        return False
    trim(0)
    return True


def parse_size(text: str, option: str) -> int:
    """Bytes of a size such as ``4GiB``, ``1.5 GB`` or ``512M``: powers of 1024, of 1000 where only ``B`` follows.

    Raises
    ------
    UsageError : it is no size, or less than ``LEAST_BYTES``.
    """
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise UsageError(f"{option}: got {text!r}, expected a size like 4GiB or 512MB.")
    number, unit, binary = found.groups()
    decimal = unit is not None and binary is None and text.strip().upper().endswith("B")
    size = int(float(number) * (1000 if decimal else 1024) ** _POWERS.get(unit or "", 0))
    if size < LEAST_BYTES:
        raise UsageError(f"{option}: got {text!r}, expected at least {LEAST_BYTES >> 20}MiB.")
    return size
