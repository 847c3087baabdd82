"""Every command of the README works: on a tiny shop or, where it needs files, as far as it composes."""

import re

import pytest

from tests.end_to_end.commands import command
from tests.readme.commands import ROOT, arguments, glowrank, shown

TINY = ["dataset.n_users=200", "dataset.n_items=120", "dataset.events_per_user=40"]
FEW_CELLS = [  # each cell is a process, and takes seconds to begin
    "benchmark.build={retrieval.budget:[100]}",
    "~benchmark.build.index",
    "~benchmark.references.clusters",
    "~benchmark.references.group_averages",
    "benchmark.exhaustive=false",
]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder of its own, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    return tmp_path


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    asked = {line.split()[1] for line in shown() if line.startswith("make ")}
    mentioned = set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text()))
    assert asked
    assert asked | mentioned <= targets


def test_every_shown_line_is_tested():
    known = ("make ", "glowrank ", "DATA=", "export ")
    assert not [line for line in shown() if not line.startswith(known)]


@pytest.mark.slow
@pytest.mark.parametrize("line", glowrank(needs_data=True))
def test_commands_on_own_files_compose(line, empty):
    done = command(*arguments(line, data=str(empty)), "--cfg", "job")
    assert done.code == 0, done.err
    assert "_target_: dataset.sources." in done.out


@pytest.mark.slow
def test_commands_on_the_shop_run(empty):
    """In the order of the page, in one folder, so that `recommend` finds the run before it."""
    for line in glowrank(needs_data=False):
        words = arguments(line)
        tiny = [*TINY] if words[0] in ("experiment", "explore", "tune", "benchmark") else []
        tiny += ["tune.n_trials=2"] if words[0] == "tune" else []
        tiny += FEW_CELLS if words[0] == "benchmark" else []
        done = command(*words, *tiny)
        allowed = (0, 1) if words[0] == "gate" else (0,)  # a shop as small as that promotes nobody
        assert done.code in allowed, f"{line}\n{done.out}\n{done.err}"
        assert done.out.strip(), line
    assert (empty / "var/runs/first/report.html").stat().st_size > 10_000
    assert (empty / "var/lists/first/_SUCCESS").exists()


@pytest.mark.slow
def test_the_python_face_is_shown_and_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## From Python\n(.*?)^## ", text, flags=re.MULTILINE | re.DOTALL)
    assert section
    block = re.search(r"^```python\n(.*?)^```", section[1], flags=re.MULTILINE | re.DOTALL)
    assert block, "the README must show the Python face"
    exec(compile(block[1], "README.md", "exec"), {})
