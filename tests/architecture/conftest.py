"""The tree as the architecture tests see it."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES


@pytest.fixture(scope="session")
def modules(repository: Path) -> list[Path]:
    """Every module of the product, relative to the root."""
    paths = [path for package in PACKAGES for path in (repository / package).rglob("*.py")]
    return sorted(path.relative_to(repository) for path in paths)


@pytest.fixture(scope="session")
def committed(repository: Path) -> list[Path]:
    """Every file that is committed, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=repository, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    paths = [repository / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]
