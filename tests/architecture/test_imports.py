"""Who may import whom: the contracts of pyproject.toml, kept, and shown to catch what they forbid."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, nodes


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_import_contracts_are_kept(repository):
    result = lint_imports(repository)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("features/intruder.py", "import retrieval", "never import one another"),
        pytest.param(
            "dataset/intruder.py", "import ranking", "never import one another", marks=pytest.mark.slow
        ),
        pytest.param(
            "evaluation/intruder.py", "import pipeline", "never import one another", marks=pytest.mark.slow
        ),
        pytest.param("ranking/intruder.py", "import omegaconf", "stay in the wiring", marks=pytest.mark.slow),
        pytest.param(
            "pipeline/intruder.py", "import lightgbm", "LightGBM is a matter", marks=pytest.mark.slow
        ),
        pytest.param("ranking/intruder.py", "import faiss", "FAISS is a matter", marks=pytest.mark.slow),
        pytest.param("scripts/intruder.py", "import optuna", "Optuna is a matter", marks=pytest.mark.slow),
        pytest.param(
            "dataset/intruder.py", "import psycopg", "Databases are a matter", marks=pytest.mark.slow
        ),
        pytest.param("dataset/intruder.py", "import pickle", "Nothing is pickled", marks=pytest.mark.slow),
    ],
)
def test_the_import_contracts_catch_an_intruder(tmp_path, repository, module, line, broken):
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / module).write_text(line + "\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    report = next(row for row in result.stdout.splitlines() if row.rstrip().endswith("BROKEN"))
    assert broken in report


def test_faiss_is_imported_in_one_module(repository, modules):
    assert len([module for module in modules if "faiss" in imported(repository / module)]) == 1


def test_databases_are_read_in_one_package(repository, modules):
    within = [module for module in modules if module.parts[0] == "dataset"]
    readers = [module for module in within if "sqlalchemy" in imported(repository / module)]
    assert readers
    assert {module.parent.as_posix() for module in readers} == {"dataset/reading"}


def imported(path: Path) -> set[str]:
    """Top-level names of all that a module imports, inside functions too."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names
