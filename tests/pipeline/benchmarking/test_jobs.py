"""Processes of their own: what they say comes back, limits end them, and they end with their parent."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.benchmarking import jobs
from pipeline.benchmarking.jobs import Limits, run_job

ANSWERS = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
(folder / "result.json").write_text(json.dumps(job["answer"]))
"""


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch):
    """Replace the work by a script."""
    return lambda script: monkeypatch.setattr(jobs, "WORKER", (sys.executable, "-S", "-c", script))


def test_facts_and_reasons_come_back(does, tmp_path: Path) -> None:
    does(ANSWERS)
    assert run_job({"answer": {"facts": {"a": 1}}}, Limits(), tmp_path).facts == {"a": 1}
    failed = run_job({"answer": {"reason": "Because."}}, Limits(), tmp_path)
    assert (failed.facts, failed.reason) == ({}, "Because.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        ("import time; time.sleep(60)", Limits(minutes=0.003), "within 0.003 minutes. Got no end by then"),
        (
            "a = bytearray(1 << 28)\nfor i in range(0, len(a), 4096): a[i] = 1\nimport time; time.sleep(9)",
            Limits(memory_gb=0.1),
            "within 0.1 GB of memory. Got more",
        ),
        ("raise ValueError('lost the thread')", Limits(), "Got: ValueError: lost the thread."),
        ("pass", Limits(), "Got: nothing."),
        ("import os; os.kill(os.getpid(), 9)", Limits(), "Got SIGKILL"),
    ],
    ids=["time", "memory", "error", "silence", "kill"],
)
def test_what_fails_says_why(does, tmp_path: Path, script: str, limits: Limits, reason: str) -> None:
    does(script)
    outcome = run_job({}, limits, tmp_path)
    assert outcome.facts == {}
    assert reason in str(outcome.reason)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_work_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    child = (
        "import os, pathlib, sys, threading, time; "
        "from pipeline.benchmarking.worker import _end_with_the_parent; "
        "threading.Thread(target=_end_with_the_parent, daemon=True).start(); "
        f"pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(120)"
    )
    parent = (
        "import sys, pathlib\n"
        "from pipeline.benchmarking import jobs\n"
        f"jobs.WORKER = (sys.executable, '-c', {child!r})\n"
        f"jobs.run_job({{}}, jobs.Limits(), pathlib.Path({str(tmp_path)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=Path(__file__).parents[3])
    _until(lambda: told.exists() and told.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    pid = int(told.read_text())
    _until(lambda: not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text())


def _until(is_so) -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
