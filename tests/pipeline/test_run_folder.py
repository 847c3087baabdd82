"""A run that a sweep left is taken for the one that is asked for only if nothing that made it has changed."""

import json
from pathlib import Path

import pytest

from pipeline.artefacts import MANIFEST
from pipeline.run_folder import RunFolder

CONFIG, DATA = "seed: 0\n", "d" * 64


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.begin(tmp_path / "run", CONFIG)
    (folder.path / "metrics.json").write_text("{}", encoding="utf-8")
    folder.finish({"name": "run", "data": DATA})
    return folder


def test_a_whole_run_of_the_same_is_held(run: RunFolder) -> None:
    assert run.holds(CONFIG, DATA)


def test_another_configuration_or_other_data_is_another_run(run: RunFolder) -> None:
    assert not run.holds("seed: 1\n", DATA)
    assert not run.holds(CONFIG, "e" * 64)


@pytest.mark.parametrize("name", ["code", "glowrank", "python", "libraries"])
def test_a_run_that_something_else_made_is_another(run: RunFolder, name: str) -> None:
    manifest = json.loads((run.path / MANIFEST).read_text(encoding="utf-8"))
    for other in ({**manifest, name: "other"}, {key: manifest[key] for key in manifest if key != name}):
        (run.path / MANIFEST).write_text(json.dumps(other), encoding="utf-8")
        assert not run.holds(CONFIG, DATA)


@pytest.mark.parametrize("damaged", ["metrics.json", "config.yaml", "log.jsonl", MANIFEST])
def test_a_damaged_or_an_unfinished_run_is_none(run: RunFolder, damaged: str) -> None:
    path = run.path / damaged
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert not run.holds(CONFIG, DATA)
    path.unlink()
    assert not run.holds(CONFIG, DATA)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path / "none").holds(CONFIG, DATA)
