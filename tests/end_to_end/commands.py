"""The commands as a user calls them, in this process, and a shop so small that everything can be run."""

import io
import re
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from scripts.main import main

SHOP = ("dataset.n_users=150", "dataset.n_items=60", "dataset.n_days=240", "dataset.events_per_user=60")
SMALL = ("experiment=tiny", *SHOP)
TREES = ("ranking.num_trees=8", "ranking.min_rows_a_leaf=10")
QUICK = ("evaluation.n_resamples=20", "threads=1", "features.vectors.collaborative.dimensions=16")


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said at the end, behind the lines of the stages; it must be one line, no traceback."""
        lines = [line for line in self.err.splitlines() if not re.fullmatch(r"[a-z ]{1,18} +[\d.]+ s", line)]
        assert "Traceback" not in self.err
        assert len(lines) == 1, self.err
        return lines[0]


Command = Callable[..., Outcome]


def command(*arguments: str) -> Outcome:
    """`glowrank ARGUMENTS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv, handler = sys.argv, signal.getsignal(signal.SIGTERM)
    sys.argv = ["glowrank", *arguments]
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = argv
        signal.signal(signal.SIGTERM, handler)
    return Outcome(code, out.getvalue(), err.getvalue())
