"""Real servers in a folder of their own, reached by a socket in it, which a test may kill and start again."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 60
ACCOUNT = "postgres"  # PostgreSQL refuses to run as root


@dataclass
class Server:
    """A server that this process has started.

    Parameters
    ----------
    command : sequence of str
    address : str
        The connection string.
    answers : callable
        Whether the server at an address takes connections.
    log : Path
    """

    command: Sequence[str]
    address: str
    answers: Callable[[str], bool]
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.log.parent)
        until = time.monotonic() + START_SECONDS
        while not self.answers(self.address):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.command[0]} does not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it and its children at once, by SIGKILL."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for number in (self.process.pid, *map(int, children)):
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:  # ended by itself meanwhile
                continue
        self.process.wait()

    def stop(self) -> None:
        """End it, unless it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def postgresql(*, synced: bool = False) -> Iterator[Server]:
    """A new PostgreSQL cluster; skips the test where there is no PostgreSQL, unless .ci/run found one.

    Parameters
    ----------
    synced : bool
        Whether it waits for the disk, as in production. Changes only speed, unless the power fails.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    binaries = found[-1].parent if found else None
    if binaries is None:
        located = shutil.which("initdb")
        binaries = Path(located).parent if located else None
    if binaries is None:
        absent("PostgreSQL")
    with _folder() as folder:
        prefix: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            prefix = ["setpriv", *ids, "--"]
        data = folder / "data"
        initialise = ["-D", str(data), "-U", "shop", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(
            [*prefix, str(binaries / "initdb"), *initialise], check=True, capture_output=True, cwd=folder
        )
        options = ["-D", str(data), "-k", str(folder), "-c", "listen_addresses=", *([] if synced else ["-F"])]
        address = f"host={folder} user=shop dbname=postgres"
        command = [*prefix, str(binaries / "postgres"), *options]
        yield from _running(Server(command, address, _postgresql_answers, folder / "log"))


@contextmanager
def redis(*, fsync: str = "always") -> Iterator[Server]:
    """A new Redis that keeps every write on disk; skips the test unless there is one, as above.

    Parameters
    ----------
    fsync : str
        When its log is brought to the disk: `always`, before it answers, or `everysec`.
    """
    program = shutil.which("redis-server")
    if program is None:
        absent("Redis")
    with _folder() as folder:
        socket = folder / "socket"
        options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
        kept = ["--appendonly", "yes", "--appendfsync", fsync, "--save", ""]
        server = Server([program, *options, *kept], f"unix://{socket}?db=0", _redis_answers, folder / "log")
        yield from _running(server)


def absent(what: str) -> None:
    """Skip the test, or fail where `.ci/run` has seen to it that every server is there."""
    if os.environ.get("GLOWRANK_SERVERS") == "required":
        pytest.fail(f"{what} is not installed, although .ci/run has found it")
    pytest.skip(f"{what} is not installed")


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder with a short path, as a socket needs, that another account can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="glowrank-server-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_answers(address: str) -> bool:
    import psycopg

    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(address: str) -> bool:
    import redis as client

    try:
        with client.Redis.from_url(address) as connection:
            return bool(connection.ping())
    except client.RedisError:  # also while it reads its files
        return False
