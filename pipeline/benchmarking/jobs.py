"""Work in processes of their own, started anew, watched for time and memory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.artefacts import write_json
from pipeline.benchmarking.worker import JOB, RESULT

WORKER: Final = (sys.executable, "-m", "pipeline.benchmarking.worker")
_GLANCE_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Limits:
    """Beyond which a piece of work is given up.

    Parameters
    ----------
    minutes : float or None
    memory_gb : float or None
        Resident, in units of 10^9 bytes.
    """

    minutes: float | None = None
    memory_gb: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a piece of work: facts, or the reason why there are none.

    Parameters
    ----------
    facts : mapping
    reason : str or None
    """

    facts: Mapping[str, Any]
    reason: str | None = None


def run_job(job: Mapping[str, Any], limits: Limits, scratch: Path) -> Outcome:
    """Do a piece of work in a new process, to its end or to a limit.

    Parameters
    ----------
    job : mapping
        As `worker.done` takes it.
    limits : Limits
    scratch : Path
        Folder for what is said on the way; nothing stays there.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=scratch))
    try:
        write_json(folder / JOB, job)
        reason = _watched(folder, limits)
        if reason is None and (folder / RESULT).exists():
            result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            return Outcome(result.get("facts", {}), result.get("reason"))
        return Outcome({}, reason or _last_words(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _watched(folder: Path, limits: Limits) -> str | None:
    """Run the process of a folder; the reason why it had to end, if it did not by itself or well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (folder / "stderr").open("wb") as told:
        process = subprocess.Popen(
            [*WORKER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment,
        )
        try:
            reason = _waited(process, limits)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
    if reason is None and process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        return f"The process must live to its end. Got {name}, as a system that is short of memory sends it."
    return reason


def _waited(process: "subprocess.Popen[bytes]", limits: Limits) -> str | None:
    end = None if limits.minutes is None else time.monotonic() + 60 * limits.minutes
    while process.poll() is None:
        if end is not None and time.monotonic() > end:
            return f"The work must be done within {limits.minutes:g} minutes. Got no end by then."
        if limits.memory_gb is not None and _resident_bytes(process.pid) > 1e9 * limits.memory_gb:
            return f"The work must stay within {limits.memory_gb:g} GB of memory. Got more."
        time.sleep(_GLANCE_SECONDS)
    return None


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where it is gone or the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def _last_words(folder: Path) -> str:
    """The last line that a process said before it failed: of a traceback, the error."""
    lines = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"The work must end with a result. Got: {lines[-1].strip() if lines else 'nothing'}."
