"""The tree is what docs/ARCHITECTURE.md says, in modules that one can read at a sitting."""

import ast
import re
import statistics
from pathlib import Path

import yaml

from tests.architecture.tree import PACKAGES, nodes

CEILING_LINES = 350
MEDIAN_LINES = 150
CEILING_BODY_LINES = 50
BANNED = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "reco", "data2"}


def test_no_module_outgrows_the_ceiling(repository, modules):
    long = {str(path): count for path in modules if (count := lines(repository / path)) > CEILING_LINES}
    assert not long


def test_the_median_module_is_short(repository, modules):
    assert statistics.median(lines(repository / path) for path in modules) <= MEDIAN_LINES


def test_no_function_outgrows_the_ceiling(repository, modules):
    long = []
    for path in modules:
        for node in nodes(repository / path):
            if isinstance(node, ast.FunctionDef) and body_lines(node) > CEILING_BODY_LINES:
                long.append(f"{path}:{node.lineno} {node.name}")
    assert not long


def test_names_say_what_a_module_does(modules):
    words = {path: set(re.split(r"[_/]", str(path.with_suffix("")))) for path in modules}
    assert not {str(path): found & BANNED for path, found in words.items() if found & BANNED}


def test_every_package_is_a_package(repository, modules):
    folders = {path.parent for path in modules}
    assert not [folder for folder in folders if not (repository / folder / "__init__.py").exists()]


def test_every_module_and_package_says_what_it_is(repository, modules):
    silent = [str(path) for path in modules if not (repository / path).read_text().lstrip().startswith('"""')]
    assert not silent


def test_the_architecture_page_describes_every_package(repository, modules):
    described = described_folders(repository)
    packages = {f"{path.parent.as_posix()}/" for path in modules}
    assert packages - described == set(), "not described in docs/ARCHITECTURE.md"
    assert {name for name in described if name.split("/")[0] in PACKAGES} - packages == set(), "gone"


def test_the_architecture_page_names_nothing_that_is_not_there(repository):
    described = described_folders(repository) - {"var/"}  # made when needed
    assert not [name for name in described if not (repository / name).is_dir()]


def test_every_configuration_file_parses(repository):
    paths = sorted((repository / "conf").rglob("*.yaml"))
    assert paths
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert isinstance(content, dict), path


def test_the_configuration_is_found_when_installed(repository):
    assert (repository / "conf" / "__init__.py").read_text().startswith('"""')


def described_folders(repository: Path) -> set[str]:
    """Folders in the tree at the top of the page: the lines of its first block that begin with a path."""
    page = (repository / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = re.search(r"^```text\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert tree, "docs/ARCHITECTURE.md must begin with the tree, as a text block"
    return set(re.findall(r"^ *([a-z_]+(?:/[a-z_]+)*/)(?:  |$)", tree[1], flags=re.MULTILINE))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
