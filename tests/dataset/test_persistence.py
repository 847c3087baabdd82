import json
import pickle
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dataset import persistence
from dataset.errors import ArtefactError
from dataset.persistence import Saved, load, save
from dataset.queries import Qrels, Queries
from dataset.ragged import Categorical, Ragged, TokenLists
from dataset.users import Users
from dataset.vocabulary import Vocabulary


@dataclass(frozen=True)
class Shelf(Saved):
    """Something of everything that a fitted value may hold."""

    matrix: sp.csr_matrix
    parts: tuple
    named: dict
    number: float
    text: str
    nothing: None
    flag: bool


@pytest.fixture(autouse=True)
def _shelf_is_one_of_ours(monkeypatch):
    """Let `Shelf` pass as a class of our packages, by the name under which it will be found."""
    monkeypatch.setattr(persistence, "Shelf", Shelf, raising=False)
    monkeypatch.setattr(Shelf, "__module__", "dataset.persistence")


def users():
    return Users(
        numeric={"age": np.array([20, np.nan], np.float32)},
        categorical={"skin type": Categorical(np.array([0, -1], np.int32), ("dry",))},
        concerns=TokenLists.of([["acne", "redness"], []]),
        avoids=TokenLists.empty(2),
    )


def equal(left, right):
    """Same type and content, all the way down."""
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
    if sp.issparse(left):
        return left.shape == right.shape and left.dtype == right.dtype and (left != right).nnz == 0
    if hasattr(left, "__dataclass_fields__"):
        pairs = [(getattr(left, f.name), getattr(right, f.name)) for f in fields(left)]
        return type(left) is type(right) and all(equal(a, b) for a, b in pairs)
    if isinstance(left, dict):
        return list(left) == list(right) and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and left == right


@pytest.mark.parametrize(
    "value",
    [
        users(),
        Qrels(Ragged.from_pairs(np.array([0, 2]), np.array([4, 1]), 3), np.ones(2, np.int8)),
        Queries(np.zeros(0, np.int32), np.zeros(0, np.int64)),
        Vocabulary.of(["00123", "a\0b", "é"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_equal(value, tmp_path):
    save(value, tmp_path / "value")
    assert equal(load(tmp_path / "value"), value)


def test_nested_values_come_back_equal(tmp_path):
    dotted = {"a": {"b.c": np.ones(1)}, "a.b": {"c": np.zeros(1)}}  # joined by dots, these would collide
    inner = {"../up": np.arange(3), "a/b": {"c": users()}, **dotted, "": 1}
    shelf = Shelf(
        matrix=sp.random_array((5, 4), density=0.4, format="csr", rng=1, dtype=np.float32),
        parts=(users(), (1, "two", None), np.zeros((0, 3), np.int8)),
        named=inner,
        number=np.float32(0.1),
        text="é \0 \r\n",
        nothing=None,
        flag=True,
    )
    shelf.save(tmp_path / "shelf")
    loaded = Shelf.load(tmp_path / "shelf")
    assert loaded.number == float(np.float32(0.1))
    assert loaded.text == shelf.text
    assert loaded.flag is True
    assert loaded.nothing is None
    assert equal(loaded.matrix, sp.csr_matrix(shelf.matrix))
    assert equal(loaded.parts, shelf.parts)
    assert set(loaded.named) == set(inner)
    assert all(equal(loaded.named[key], inner[key]) for key in inner)
    assert [path.name for path in tmp_path.iterdir()] == ["shelf"]  # no key has led outside


@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_keys_of_mappings_may_be_any_text(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "users"
    save(replace(users(), numeric={name: np.ones(2, np.float32)}), folder)
    assert list(load(folder).numeric) == [name]


@pytest.mark.parametrize("value", [{1: 2}, object(), np.array([object()])])
def test_what_cannot_be_saved_is_refused_at_once(value, tmp_path):
    named = value if isinstance(value, dict) else {"key": value}
    with pytest.raises((TypeError, ValueError)):
        save(replace(users(), numeric=named), tmp_path)


def test_a_value_of_another_class_is_refused(tmp_path):
    save(users(), tmp_path / "users")
    with pytest.raises(ArtefactError, match=r"must hold a Shelf\. Got a Users instead"):
        Shelf.load(tmp_path / "users")


@pytest.mark.parametrize(
    "name",
    [
        "os:system", "builtins:eval", "builtins:dict", "pathlib:Path", "datasets:X", "dataset_:X", ":X",
        "dataset", "dataset.persistence:json", "dataset.persistence:load", "dataset.persistence:Path",
        "dataset.nothing:X", "dataset.persistence:Nothing", "dataset.users:TokenLists", "",
        "dataset.users:Users.load", "dataset:__import__", "../dataset:X", "dataset..users:Users", 5, None,
        ["dataset.users:Users"],
    ],
)  # fmt: skip
def test_only_classes_of_ours_are_loaded(name, tmp_path):
    (tmp_path / "value.json").write_text(json.dumps({"class": name, "fields": {}}))
    with pytest.raises(ArtefactError, match="must hold a saved value"):
        load(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"array": "../secret"}, {"array": "/etc/passwd"}, {"array": "a\0b"}, {"array": 5}, {"array": ""},
        {"array": "missing"}, {"saved": ".."}, {"saved": "."}, {"saved": ""}, {"saved": "../other"},
        {"saved": None}, {"csr": "../secret", "shape": [1, 1]}, {"tuple": 5}, {"mapping": []}, {"nothing": 1},
    ],
)  # fmt: skip
def test_parts_outside_the_folder_are_refused(entry, tmp_path):
    np.save(tmp_path / "secret.npy", np.zeros(1, np.int64))
    save(Queries(np.zeros(1, np.int32), np.zeros(1, np.int64)), tmp_path)
    folder = tmp_path / "value"
    save(Queries(np.zeros(1, np.int32), np.zeros(1, np.int64)), folder)
    rewrite(folder, user=entry)
    with pytest.raises(ArtefactError, match="must hold"):
        load(folder)


def rewrite(folder: Path, **entries):
    """Change fields of a saved value's index."""
    index = json.loads((folder / "value.json").read_text())
    index["fields"] |= entries
    (folder / "value.json").write_text(json.dumps(index))


class Bomb:
    """Leaves a mark if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("how", ["pickle", "object array", "archive", "empty", "cut", "text"])
def test_a_part_that_is_no_array_is_refused_and_never_run(how, tmp_path):
    folder, mark = tmp_path / "value", tmp_path / "mark"
    save(Queries(np.arange(9, dtype=np.int32), np.zeros(9, np.int64)), folder)
    part = folder / "user.npy"
    match how:
        case "pickle":
            part.write_bytes(pickle.dumps(Bomb(mark)))
        case "object array":
            np.save(part, np.array([Bomb(mark)], dtype=object))
        case "archive":
            np.savez(tmp_path / "archive.npz", user=np.zeros(1))
            shutil.move(tmp_path / "archive.npz", part)
        case "empty":
            part.write_bytes(b"")
        case "cut":
            part.write_bytes(part.read_bytes()[:-5])
        case "text":
            part.write_text("user,time\n1,2\n")
    with pytest.raises(ArtefactError):
        load(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"class": "dataset.queries:Queries"}', "[" * 100_000, "\xff"]
)
def test_a_broken_index_is_refused(text, tmp_path):
    (tmp_path / "value.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtefactError):
        load(tmp_path)


@pytest.mark.parametrize("stored", [[], {}, {"user": {"array": "user"}, "nonsense": 1}, 5])
def test_fields_must_be_those_of_the_class(stored, tmp_path):
    save(Queries(np.zeros(1, np.int32), np.zeros(1, np.int64)), tmp_path)
    (tmp_path / "value.json").write_text(json.dumps({"class": "dataset.queries:Queries", "fields": stored}))
    with pytest.raises(ArtefactError, match="complete Queries"):
        load(tmp_path)


def test_a_missing_folder_is_an_artefact_error(tmp_path):
    with pytest.raises(ArtefactError) as caught:
        load(tmp_path / "nowhere")
    assert caught.value.exit_code == 3
