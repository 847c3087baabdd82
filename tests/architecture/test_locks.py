"""The locks hold what pyproject.toml asks for, every line with its hashes."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; .*?)? \\$", flags=re.MULTILINE)


def pins(path: Path) -> dict[str, set[Version]]:
    found: dict[str, set[Version]] = {}
    for name, version in PIN.findall(path.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def asked(repository: Path, extras: Sequence[str]) -> list[Requirement]:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])],
)
def test_the_lock_satisfies_the_project(repository, lock, extras):
    locked = pins(repository / lock)
    for requirement in asked(repository, extras):
        versions = locked.get(canonicalize_name(requirement.name))
        assert versions, f"{lock} lacks {requirement.name}: make lock"
        assert all(version in requirement.specifier for version in versions), requirement


def test_development_changes_no_version_of_the_core(repository):
    core, development = pins(repository / "requirements.lock"), pins(repository / "requirements-dev.lock")
    assert {name: development.get(name) for name in core} == core


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash(repository, lock):
    text = (repository / lock).read_text()
    entries = re.findall(r"^[A-Za-z0-9].*(?:\n    --hash=.*)*", text, flags=re.MULTILINE)
    assert len(entries) > 30
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
