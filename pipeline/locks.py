"""One process at a time: a lock that ends with the process, however that ends."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dataset.errors import ResourceError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock file, which says who holds it; it is taken away at the end.

    The lock itself is the kernel's (`flock`) and goes when the process does, SIGKILL included: a file that
    lies there unlocked is of a dead process and is taken over, without guessing from process numbers. On
    a network share it is as good as the server's own locks.

    Parameters
    ----------
    path : Path
        In a folder that exists.

    Raises
    ------
    ResourceError
        At once, if another process holds it, which is named; or if the file cannot be made or locked.
    """
    try:
        handle = _acquired(path)
    except OSError as error:
        raise ResourceError(
            f"{path.parent} must be a folder that can be written and locked. Got: {error.strerror}."
        ) from error
    try:
        yield
    finally:
        # Taken away while still held: whoever has it open by now gets the lock of a file that is gone, sees
        # so, and tries again.
        with suppress(OSError):
            if _is_at(handle, path):
                path.unlink()
        os.close(handle)


def _acquired(path: Path) -> int:
    """A descriptor of the file at `path`, locked, with this process's name in it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                os.ftruncate(handle, 0)
                holder = {"pid": os.getpid(), "host": socket.gethostname()}
                os.pwrite(handle, json.dumps(holder).encode(), 0)
                return handle
        except BlockingIOError as error:
            holder_text = os.pread(handle, 4096, 0)
            os.close(handle)
            raise ResourceError(
                f"One process at a time can write to {path.parent}. Got another: {_holder(holder_text)} is "
                "at it; wait for it, or take another folder."
            ) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(text: bytes) -> str:
    try:
        holder = json.loads(text)
        return f"process {int(holder['pid'])} on {holder['host']}"
    except (ValueError, TypeError, KeyError):  # it has not written its name yet
        return "a process"
