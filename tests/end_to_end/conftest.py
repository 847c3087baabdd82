"""One run on a small shop that all end-to-end tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.commands import QUICK, SMALL, TREES, Command, command


@pytest.fixture(scope="session")
def glowrank() -> Command:
    """A command, in this process: what is raised and not told in a sentence fails the test."""
    return command


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The override that names a cache shared by all runs."""
    return f"cache_dir={tmp_path_factory.mktemp('cache')}"


@pytest.fixture(scope="session")
def experiment(cache: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Run the main job on the small shop with overrides; returns its folder."""

    def run(*overrides: str) -> Path:
        folder = tmp_path_factory.mktemp("runs") / "run"
        chosen = {override.partition("=")[0] for override in overrides}
        shop = ("split.n_training=2",) if "dataset" in chosen else SMALL
        trees = () if "ranking" in chosen else TREES
        outcome = command("experiment", *shop, *trees, *QUICK, cache, f"run.dir={folder}", *overrides)
        assert outcome.code == 0, outcome.err
        return folder

    return run


@pytest.fixture(scope="session")
def shop_run(experiment: Callable[..., Path]) -> Path:
    """The folder of a run with every default, on the small shop."""
    return experiment()


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out: it takes longer than all else on a small shop, and has its own tests."""
    monkeypatch.setattr("pipeline.experiment.render", lambda content: "<html></html>")
