"""What a user can get wrong, and how it is told: one sentence, the right exit code, nothing left behind."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.errors import ArtefactError
from dataset.sources.canonical import Canonical
from dataset.vectors import Vectors
from features.vectors.ingredients import IngredientVectors
from pipeline.artefacts import MANIFEST, read_manifest, verify
from pipeline.cache import Maybe, ReadOnlyCache
from pipeline.lists_folder import CERTIFICATE, PARTS, SUCCESS, ListsFolder
from pipeline.preparation import load
from pipeline.publishing.lists import FinishedLists
from pipeline.run_folder import RunFolder
from pipeline.two_stage import FittedTwoStage
from tests.end_to_end.commands import QUICK, SHOP, SMALL, TREES, Command, Outcome
from tests.end_to_end.test_prepare import written

pytestmark = pytest.mark.slow

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
            "Could not find 'ranking/best'. Available options in 'ranking': bagged, blended, cascade, ",
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


def test_a_shop_without_events(refused: Callable[..., str]) -> None:
    assert "At least one event" in refused(4, "dataset.events_per_user=0")


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


def test_a_cache_that_cannot_be_written(glowrank: Command, tmp_path: Path) -> None:
    outcome = glowrank(
        "experiment", *SMALL, *QUICK, "cache_dir=/proc/glowrank", f"run.dir={tmp_path / 'run'}"
    )
    assert outcome.code == 5
    assert "/proc" in outcome.sentence


@pytest.mark.usefixtures("without_plots")
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


def test_out_of_memory(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.two_stage.TwoStage.fit", exhaust)
    assert "block_size" in refused(5)


def test_a_full_disk(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "model.txt")

    monkeypatch.setattr("pipeline.experiment.write_folder", full)
    assert "No space left on device" in refused(5)


def test_a_report_that_fails_costs_no_figures(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(content: object) -> str:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("pipeline.experiment.render", full)
    assert "No space left on device" in refused(5)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["runs"]["two_stage"]["ndcg@10"]["mean"] > 0
    assert FittedTwoStage.load(tmp_path / "run" / "model").ranker.features
    assert {"lists.parquet", "queries.parquet"} <= {file.name for file in (tmp_path / "run").iterdir()}


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


# Damage: one bit turned over, or the file cut short, every 4 KiB and at the ends

STEP = 4096
READERS = (
    "dataset.persistence.load",
    "faiss.deserialize_index",
    "faiss.read_index",
    "lightgbm.Booster.__init__",
    "numpy.load",
    "pandas.read_parquet",
    "pyarrow.parquet.ParquetFile.__init__",
    "pyarrow.parquet.read_table",
)

# The command for each list of words, in forks, so that what is imported is imported once.
COMMANDS = """
import json, os, sys
import scripts.main, scripts.compare, scripts.gate, scripts.publish, scripts.recommend
for number, words in enumerate(json.loads(sys.argv[1])):
    if not (pid := os.fork()):
        sys.argv = ["glowrank", *words]
        os.dup2(os.open(f"{number}.err", os.O_WRONLY | os.O_CREAT), 2)
        os.close(1)
        scripts.main.main()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([code, open(f"{number}.err").read()]), flush=True)
"""


def damages(path: Path) -> Iterator[bytes]:
    """What may be left of a file."""
    content = path.read_bytes()
    for at in sorted({*range(0, len(content), STEP), max(len(content) - 1, 0)}) if content else ():
        yield content[:at] + bytes([content[at] ^ 1 << at // STEP % 8]) + content[at + 1 :]
        yield content[:at]


def sweep(path: Path, opened: Callable[[], object], *, harmless: bool = False) -> int:
    """See that no damage of a file is opened; returns how many there are.

    Parameters
    ----------
    path : Path
    opened : callable
        Raises `ArtefactError`.
    harmless : bool
        Whether the damage may also lie where nobody looks, so that what is opened is the same.
    """
    whole, count = path.read_bytes(), 0
    as_it_was = opened() if harmless else None
    for count, content in enumerate(damages(path), 1):
        path.write_bytes(content)
        try:
            found = opened()
        except ArtefactError:
            continue
        finally:
            path.write_bytes(whole)
        assert harmless, (path, count)
        assert found == as_it_was, (path, count)
    return count


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library may open anything."""

    def opened(*arguments: object, **keywords: object) -> None:
        pytest.fail("a library opened a damaged file")

    for name in READERS:
        monkeypatch.setattr(name, opened)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def indexed_run(experiment: Callable[..., Path]) -> Path:
    """A run whose vectors lie in an index of FAISS."""
    return experiment("retrieval.index=hnsw")


def test_every_damage_of_a_run_is_refused(indexed_run: Path, tmp_path: Path, unopened: None) -> None:
    run = Path(shutil.copytree(indexed_run, tmp_path / "run"))
    facts = read_manifest(run)["files"]
    paths = {path.relative_to(run).as_posix(): path for path in files_of(run)}
    assert set(paths) == {*facts, MANIFEST}
    kinds = {"model.txt", "index.faiss", "value.json", "item.npy", "config.yaml", "queries.parquet"}
    assert kinds <= {path.name for path in paths.values()}
    for name, fact in facts.items():
        path = paths[name]
        sweep(path, lambda name=name, fact=fact: verify(run, {name: fact}))  # type: ignore[misc]
        whole = path.read_bytes()
        for content in list(damages(path))[-1:]:  # by the door through which every command comes
            path.write_bytes(content)
            with pytest.raises(ArtefactError, match=path.name):
                RunFolder(run).read()
        path.write_bytes(whole)
    sweep(run / MANIFEST, lambda: RunFolder(run).read()["files"], harmless=True)


@pytest.fixture(scope="module")
def finished(glowrank: Command, shop_run: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished lists, in parts of more than one step."""
    out = tmp_path_factory.mktemp("finished") / "lists"
    outcome = glowrank("recommend", str(shop_run), f"out={out}", "n=50", "part_size=100", cache, "threads=1")
    assert outcome.code == 0, outcome.err
    return out


def test_every_damage_of_lists_is_refused(finished: Path, tmp_path: Path, unopened: None) -> None:
    lists = Path(shutil.copytree(finished, tmp_path / "lists"))
    parts = sorted(lists.glob("part-*"))
    assert parts[0].stat().st_size > STEP
    for path in (*parts, lists / CERTIFICATE):
        assert sweep(path, lambda: FinishedLists.at(lists)) >= 4
    folder, plan = ListsFolder.at(lists), json.loads((lists / "plan.json").read_text())
    for number, part in folder.kept(plan).items():
        sweep(lists / part.name, lambda part=part: folder.read(part))  # type: ignore[misc]
        for content in damages(whole := lists / part.name):
            before = whole.read_bytes()
            whole.write_bytes(content)
            assert number not in folder.kept(plan)
            whole.write_bytes(before)
    for name in (SUCCESS, PARTS):
        sweep(lists / name, lambda: FinishedLists.at(lists).parts, harmless=True)


def test_every_damage_of_the_cache_is_computed_again(
    shop_run: Path, cache: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = Path(shutil.copytree(cache.partition("=")[2], tmp_path / "cache"))
    request.getfixturevalue("unopened")
    nothing, kinds = Maybe(None), set()
    for manifest in sorted(folder.glob("*/*/manifest.json")):
        entry, kind = manifest.parent, manifest.parent.parent.name
        if kind == "prepared" or (kind, len(files_of(entry))) in kinds:
            continue
        kinds.add((kind, len(files_of(entry))))
        for path in files_of(entry):
            if path == manifest:
                continue
            whole = path.read_bytes()
            for content in damages(path):
                path.write_bytes(content)
                found = ReadOnlyCache(folder).remember(kind, entry.name, lambda: nothing)
                assert found is nothing, path
            path.write_bytes(whole)
    assert {"vectors", "sources", "tables"} <= {kind for kind, _ in kinds}


def test_a_damaged_cache_changes_no_list(
    glowrank: Command, shop_run: Path, cache: str, finished: Path, tmp_path: Path
) -> None:
    """One file of every entry is damaged, prepared tables among them."""
    folder = Path(shutil.copytree(cache.partition("=")[2], tmp_path / "cache"))
    entries = [path.parent for path in folder.glob("*/*/manifest.json")]
    for at, entry in enumerate(entries):
        paths = [path for path in files_of(entry) if path.stat().st_size]
        kinds = list(damages(paths[at % len(paths)]))
        paths[at % len(paths)].write_bytes(kinds[at % len(kinds)])
    assert len(entries) > 5
    out = tmp_path / "lists"
    again = ("n=50", "part_size=100", f"cache_dir={folder}", "threads=1")
    outcome = glowrank("recommend", str(shop_run), f"out={out}", *again)
    assert outcome.code == 0, outcome.err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in finished.iterdir()
    }


@pytest.fixture(scope="module")
def tables(glowrank: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared tables."""
    out = tmp_path_factory.mktemp("tables") / "tables"
    outcome = glowrank("prepare", "dataset=shop", *SHOP, f"out={out}")
    assert outcome.code == 0, outcome.err
    return out


def test_every_damage_of_prepared_tables_is_refused(tables: Path, tmp_path: Path, unopened: None) -> None:
    folder = Path(shutil.copytree(tables, tmp_path / "tables", ignore=shutil.ignore_patterns(".*")))
    source = Canonical(path=str(folder))
    paths = files_of(folder)
    assert {"users.parquet", "items.parquet", "report.json"} < {path.name for path in paths}
    for path in paths:
        if path.name != MANIFEST:
            assert sweep(path, lambda: load(source)) >= 2


def test_every_damage_of_what_prepare_remembers_is_mended(glowrank: Command, tmp_path: Path) -> None:
    words = ("prepare", *written(tmp_path / "raw"), f"out={tmp_path / 'out'}")
    assert glowrank(*words).code == 0
    out = tmp_path / "out"
    whole = {path: path.read_bytes() for path in files_of(out)}
    tables = {path: content for path, content in whole.items() if ".staged" not in path.parts}
    for number, (path, before) in enumerate(whole.items()):
        if before:
            path.unlink()  # some are one file under two names
            path.write_bytes((before[:-2], b"", before[:-1] + bytes([before[-1] ^ 4]))[number % 3])
            outcome = glowrank(*words)
            assert outcome.code == 0, (path, outcome.err)
            assert {name: name.read_bytes() for name in tables} == tables, path


def test_a_command_refuses_what_is_damaged_and_lives(
    indexed_run: Path, finished: Path, repository: Path, tmp_path: Path
) -> None:
    """Each command in a process of its own, which no signal ends."""
    out, database = tmp_path / "out", tmp_path / "lists.sqlite"
    forms = {"recommend": [f"out={out}"], "compare": [str(indexed_run), f"out={out}"], "gate": []}
    forms["publish"] = [f"target.path={database}"]
    cases = [("recommend", name, at) for name in ("model.txt", "index.faiss") for at in (0, 1, -1)]
    cases += [("recommend", name, at) for name, at in (("item.npy", -1), ("value.json", 3), (MANIFEST, 1))]
    cases += [("compare", "queries.parquet", 2), ("gate", "metrics.json", 1)]
    cases += [
        ("publish", name, at) for name, at in (("part-00001.parquet", 2), (CERTIFICATE, 0), (SUCCESS, 1))
    ]
    told = []
    for number, (verb, name, at) in enumerate(cases):
        original = finished if verb == "publish" else indexed_run
        folder = Path(shutil.copytree(original, tmp_path / str(number)))
        path = max(folder.rglob(name), key=lambda found: found.stat().st_size)
        path.write_bytes(list(damages(path))[at])
        told.append([verb, str(folder), *forms[verb]])
    program = f"import sys; sys.path.insert(0, {str(repository)!r})\n{COMMANDS}"
    command = [sys.executable, "-c", program, json.dumps(told)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    answers = [Outcome(code, "", said) for code, said in map(json.loads, done.stdout.splitlines())]
    assert [answer.code for answer in answers] == [3] * len(cases), done.stdout
    for (_, name, _), answer in zip(cases, answers, strict=True):
        assert name in answer.sentence
    assert not out.exists()
    assert not database.exists()
