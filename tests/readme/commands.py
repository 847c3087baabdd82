"""The commands that the README and the guide show, as argument lists."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(ROOT / page for page in ("README.md", "docs/bring_your_own_tables.md", "docs/believe_a_run.md"))


def shown() -> list[str]:
    """Every line of the pages' shell blocks, continuations joined."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def glowrank(needs_data: bool) -> list[str]:
    """The `glowrank` commands that need files of the user, or those that need nothing."""
    commands = [line for line in shown() if line.startswith("glowrank ")]
    return [line for line in commands if ("dataset.path=" in line) == needs_data]


def arguments(line: str, data: str = "") -> list[str]:
    """What stands behind `glowrank`, as the shell would hand it over."""
    return shlex.split(line.replace("$DATA", data), comments=True)[1:]
