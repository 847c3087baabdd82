"""What a user can get wrong, and how it is told: one sentence, the right exit code, nothing left behind."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.vectors import Vectors
from features.vectors.ingredients import IngredientVectors
from pipeline.artefacts import MANIFEST, read_manifest, verify
from tests.end_to_end.commands import QUICK, SMALL, TREES, Command

DATA = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def refused(glowrank: Command, cache: str, tmp_path: Path) -> Callable[..., str]:
    """Run the main job on the small shop and expect a refusal; returns the sentence."""

    def run(code: int, *overrides: str) -> str:
        folder = tmp_path / "run"
        outcome = glowrank("experiment", *SMALL, *TREES, *QUICK, cache, f"run.dir={folder}", *overrides)
        assert outcome.code == code, outcome.err
        assert not (folder / MANIFEST).exists()
        return outcome.sentence

    return run


def test_the_commands_are_listed(glowrank: Command) -> None:
    for arguments in ((), ("--help",), ("help",), ("-h",)):
        outcome = glowrank(*arguments)
        assert outcome.code == (0 if arguments else 2)
        for verb in ("experiment", "prepare", "recommend", "tune"):
            assert f"glowrank {verb}" in outcome.out


@pytest.mark.parametrize("verb", ["explode", "../experiment", "main", "__init__", "-m", "os"])
def test_an_unknown_verb(glowrank: Command, verb: str) -> None:
    outcome = glowrank(verb)
    assert outcome.code == 2
    assert repr(verb) in outcome.sentence


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("nonsense=1", "nonsense"),
        ("ranking.leaves=3", "ranking.leaves"),
        (
            "ranking=best",
            "Could not find 'ranking/best'. Available options in 'ranking': bagged, cascade, lambdamart, ",
        ),
        pytest.param("rankings=lambdamart", "rankings", marks=pytest.mark.slow),
        pytest.param("~nothing", "nothing", marks=pytest.mark.slow),
        ("a=b=c=[", "a=b=c=["),
        ("ranking.num_leaves=ten", "'num_leaves' parameter of LambdaMart must be an int of at least 2"),
        pytest.param(
            "ranking.num_leaves=1",
            "'num_leaves' parameter of LambdaMart must be an int of at least 2. Got 1",
            marks=pytest.mark.slow,
        ),
        pytest.param("+retrieval.sources.mine.quota=5", "mine", marks=pytest.mark.slow),
        ("split.cutoff=soon", "cutoff"),
        pytest.param("threads=many", "threads", marks=pytest.mark.slow),
        pytest.param("block_size=large", "block_size", marks=pytest.mark.slow),
        pytest.param("seed=-1", "seed", marks=pytest.mark.slow),
        pytest.param("seed=x", "seed", marks=pytest.mark.slow),
        pytest.param("max_quarantined_share=2", "max_quarantined_share", marks=pytest.mark.slow),
        pytest.param("max_quarantined_share=few", "max_quarantined_share", marks=pytest.mark.slow),
        ("baselines.popularity._target_=os.system", "os.system"),
        ("ranking._target_=dataset.ragged.pd.read_pickle", "read_pickle"),
        ("run.dir=???", "run.dir"),
    ],
)
def test_a_wrong_override(refused: Callable[..., str], override: str, said: str) -> None:
    assert said in refused(2, override)


def test_a_mandatory_value_that_is_missing(glowrank: Command, cache: str, tmp_path: Path) -> None:
    outcome = glowrank("experiment", "dataset=canonical", cache, f"run.dir={tmp_path / 'run'}")
    assert outcome.code == 2
    assert "dataset.path" in outcome.sentence


@pytest.mark.parametrize(
    "overrides",
    [
        ("dataset=canonical", "dataset.path=/nowhere"),
        pytest.param(("dataset=kaggle_sephora", "dataset.path=/nowhere"), marks=pytest.mark.slow),
        pytest.param(("dataset=sequences", "dataset.path=/nowhere"), marks=pytest.mark.slow),
        ("dataset=tables", "dataset.path=/nowhere", f"dataset.mapping={DATA / 'tables.yaml'}"),
    ],
)
def test_data_that_is_not_there(
    glowrank: Command, cache: str, tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    outcome = glowrank("experiment", *overrides, cache, f"run.dir={tmp_path / 'run'}")
    assert outcome.code == 4
    assert "/nowhere" in outcome.sentence


@pytest.mark.parametrize("cutoff", ["2031-01-01", "1999-01-01"])
def test_no_history_or_no_truth(refused: Callable[..., str], cutoff: str) -> None:
    assert "cut-off must lie" in refused(4, f"split.cutoff={cutoff}")


@pytest.mark.slow
def test_a_shop_without_events(refused: Callable[..., str]) -> None:
    assert "At least one event" in refused(4, "dataset.events_per_user=0")


@pytest.mark.slow
def test_a_vector_that_is_no_number(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    fit = IngredientVectors.fit

    def broken(self: IngredientVectors, snapshot: Any) -> Vectors:
        vectors = fit(self, snapshot)
        assert vectors is not None
        matrix = vectors.matrix.copy()
        matrix[3] = np.nan
        return Vectors(vectors.item, matrix)

    monkeypatch.setattr(IngredientVectors, "fit", broken)
    assert "Vectors must be finite" in refused(4, "cache_dir=null")


def test_a_run_folder_that_is_a_file(glowrank: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        outcome = glowrank("experiment", *SMALL, *QUICK, f"run.dir={path}")
        assert outcome.code == 2
        assert str(tmp_path / "file") in outcome.sentence
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_folder_of_something_else(glowrank: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    outcome = glowrank("experiment", *SMALL, *QUICK, f"run.dir={tmp_path}")
    assert outcome.code == 2
    assert "run.dir must be new, empty or the folder of a run" in outcome.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_output_that_cannot_be_written(glowrank: Command) -> None:
    outcome = glowrank("experiment", *SMALL, *QUICK, "run.dir=/proc/glowrank")
    assert outcome.code in (2, 5)
    assert "/proc/glowrank" in outcome.sentence


@pytest.mark.slow
def test_a_cache_that_cannot_be_written(glowrank: Command, tmp_path: Path) -> None:
    outcome = glowrank(
        "experiment", *SMALL, *QUICK, "cache_dir=/proc/glowrank", f"run.dir={tmp_path / 'run'}"
    )
    assert outcome.code == 5
    assert "/proc" in outcome.sentence


@pytest.mark.usefixtures("without_plots")
@pytest.mark.slow
def test_a_folder_of_a_run_that_was_killed_is_used_again(
    experiment: Callable[..., Path], shop_run: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(shop_run, tmp_path / "run"))
    (folder / MANIFEST).unlink()
    stray = folder / ".model.0123456789abcdef0123456789abcdef"
    stray.mkdir()
    (stray / "half").write_text("half")
    experiment(f"run.dir={folder}")
    assert not stray.exists()
    verify(folder, read_manifest(folder)["files"])


def test_interrupted(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.two_stage.TwoStage.fit", interrupt)
    assert "Interrupted" in refused(130)


@pytest.mark.slow
def test_out_of_memory(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.two_stage.TwoStage.fit", exhaust)
    assert "block_size" in refused(5)


def test_a_full_disk(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "model.txt")

    monkeypatch.setattr("pipeline.experiment.write_folder", full)
    monkeypatch.setattr("pipeline.experiment.render", lambda content: "")
    assert "No space left on device" in refused(5)


@pytest.mark.slow
def test_a_process_of_its_own_ends_the_same_way(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("glowrank")
    start = [str(program)] if program.exists() else [sys.executable, "-m", "scripts.main"]
    command = [*start, "experiment", "ranking.num_leaves=ten", f"run.dir={tmp_path / 'run'}"]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "num_leaves" in ended.stderr
    assert ended.stdout == ""
