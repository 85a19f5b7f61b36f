"""A directory or a file that appears whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowstitch.errors import FlowstitchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"


@contextmanager
def atomic_directory(
    out: Path, *, overwrite: bool, manifest: str, what: str, argument: str = "--out", resume: bool = False
) -> Iterator[Path]:
    """Directory to write into; it becomes ``out`` when the block ends well and is removed when it does not.

    What a process that was killed has left of it is removed, or kept with ``resume``.

    Parameters
    ----------
    overwrite : replace an ``out`` that is empty or has the manifest.
    manifest : name of the file that tells such a directory of ours from others. what : what such a directory is called.
    argument : of the command line, which names it.
    resume : the directory may have what a killed process wrote.

    Raises
    ------
    UsageError when ``out`` exists and ``overwrite`` is not given or it has no such manifest, cannot be written, or is being written.
    """
    out = out.absolute()
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise UsageError(f"{out}: exists already; give --overwrite to replace it, or another {argument}.")
        empty = out.is_dir() and not any(out.iterdir())
        if not (empty or (out / manifest).is_file()):
            raise UsageError(
                f"{out}: is not a {what}, so --overwrite does not touch it; give another {argument}."
            )
    partial = out.with_name(f".{out.name}.partial")
    try:
        lock = _locked(partial)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); give another {argument}.") from error
    if lock is None:
        raise UsageError(f"{out}: another process is writing it; wait for it, or give another {argument}.")
    try:
        if not resume:
            _empty(partial)
        yield partial
        (partial / LOCK).unlink()
        _replace(partial, out)
    except OSError as error:
        raise FlowstitchError(
            f"{out}: writing failed ({error.strerror or error}); nothing was left behind."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _locked(directory: Path) -> int | None:
    """Descriptor of the lock of a directory, which is made if need be; None when another process has it.

    The kernel lets go of it when its holder ends, however it does (flock(2)).

    Raises
    ------
    OSError when the directory cannot be made or written.
    """
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:
            # a file system that knows no locks keeps nobody apart
            return lock
        # who had it may have removed the directory, or put it in place, before it let go
        if (directory / LOCK).exists() and os.path.samestat(os.fstat(lock), (directory / LOCK).stat()):
            return lock
        os.close(lock)


def _empty(directory: Path) -> None:
    for item in directory.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != LOCK:
            item.unlink()


def _replace(partial: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.replaced-{os.getpid()}")
    if out.exists():
        out.rename(old)
    try:
        partial.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_file(file: Path, argument: str) -> Iterator[Path]:
    """Empty file to write to; it becomes ``file`` when the block ends well and is removed when it does not.

    Parameters
    ----------
    argument : of the command line, which names it.

    Raises
    ------
    UsageError when ``file`` cannot be written; FlowstitchError when writing fails.
    """
    partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
    try:
        partial.touch()
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}); give another {argument}.") from error
    try:
        yield partial
        partial.replace(file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FlowstitchError(f"{file}: writing failed ({error.strerror or error}).") from error
    finally:
        partial.unlink(missing_ok=True)


def check_replaceable(file: Path, *, overwrite: bool, mark: bytes, mark_at: int, what: str) -> None:
    """Check that nothing but what was asked for is replaced.

    Parameters
    ----------
    overwrite : replace a file that has ``mark`` at byte ``mark_at``, which tells such a file from others.
    what : what such a file is called.

    Raises
    ------
    UsageError when ``file`` exists and ``overwrite`` is not given, or it has no such mark.
    """
    if not file.exists():
        return
    if not overwrite:
        raise UsageError(f"{file}: exists already; give --overwrite to replace it, or another file.")
    head = b""
    if file.is_file():
        with file.open("rb") as opened:
            head = opened.read(mark_at + len(mark))
    if head[mark_at:] != mark:
        raise UsageError(f"{file}: is not a {what}, so --overwrite does not touch it; give another file.")
