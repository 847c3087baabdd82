"""Equal values have equal fingerprints, different ones do not, whatever differs."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.sources.shop import Shop
from dataset.splits.temporal import Temporal
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint, fingerprint_of_code, fingerprint_of_past
from pipeline.preparation import load
from retrieval.ease import Ease
from retrieval.fusion import Retrieval
from retrieval.popular import Popular


@dataclass(frozen=True)
class One:
    """A dataclass with a field."""

    value: Any


@dataclass(frozen=True)
class Another:
    """The same field under another name of the class."""

    value: Any


VALUES: list[Any] = [
    None, True, False, 0, 1, 1.0, "1", "", "None", (), ("",), ("", ""), ("ab", "c"), ("a", "bc"), (1, 2),
    ((1,), 2), {}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {"b": 1, "a": 1}, np.zeros(0, np.int32),
    np.zeros(0, np.int64), np.zeros(2, np.int32), np.zeros((2, 1), np.int32), np.zeros((1, 2), np.int32),
    np.array([0, 1], np.int32), np.array([0, 1], np.int64), np.float32(1), One(1), Another(1), One(2),
    One(One(1)), Path("a"), "\ud800", ("é",), ("e\u0301",),
]  # fmt: skip


def test_different_values_have_different_fingerprints() -> None:
    assert len({fingerprint(value) for value in VALUES}) == len(VALUES)


def test_equal_values_have_equal_fingerprints() -> None:
    for value in VALUES:
        assert fingerprint(value) == fingerprint(value)
    assert fingerprint(np.arange(6).reshape(2, 3).T) == fingerprint(np.arange(6).reshape(2, 3).T.copy())


def test_arguments_are_not_run_together() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(1, (2,)) != fingerprint((1, 2))


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(TypeError, match="fingerprint takes"):
        fingerprint(object())


def another(value: Any) -> Any:
    """A value of the same type that is not equal."""
    if isinstance(value, dict):
        return {**value, "x": 0.5}
    if isinstance(value, str):
        return value + "x"
    return not value if isinstance(value, bool) else value + 0.5


@pytest.mark.parametrize("specification", [Popular(), Ease(), Shop()])
def test_every_field_of_a_specification_counts(specification: Any) -> None:
    for entry in fields(specification):
        changed = replace(specification)
        object.__setattr__(changed, entry.name, another(getattr(specification, entry.name)))
        assert fingerprint(changed) != fingerprint(specification), entry.name
    assert fingerprint(replace(specification)) == fingerprint(specification)


def test_nested_specifications_count() -> None:
    one = Retrieval(sources={"a": Popular(), "b": Popular(window_days=30)})
    assert fingerprint(one) != fingerprint(Retrieval(sources={"b": Popular(window_days=30), "a": Popular()}))
    assert fingerprint(one) != fingerprint(Retrieval(sources={"a": Popular(), "b": Popular(window_days=31)}))


def test_the_past_is_neither_queries_nor_truth() -> None:
    dataset = load(Shop(n_users=40, n_items=20, n_days=200), Cache()).dataset
    snapshot = Temporal(n_training=1).split(dataset).test
    past = fingerprint_of_past(snapshot)
    rows = np.arange(0, len(snapshot.queries), 2)
    fewer = replace(snapshot, queries=snapshot.queries.take(rows), truth=snapshot.truth.take(rows), name="x")
    assert fingerprint_of_past(fewer) == past
    changed: dict[str, Any] = {
        "cutoff": snapshot.cutoff + 1,
        "history": snapshot.history.take(np.arange(len(snapshot.history) - 1)),
        "request_history": snapshot.history.take(np.arange(len(snapshot.history) - 1)),
        "items": replace(snapshot.items, price=snapshot.items.price + 1),
        "catalogue": ~snapshot.catalogue,
        "event_weights": snapshot.event_weights * 2,
        "owned_kinds": (),
    }
    for name, value in changed.items():
        assert fingerprint_of_past(replace(snapshot, **{name: value})) != past, name


def test_code_is_told_apart() -> None:
    assert fingerprint_of_code("ranking") == fingerprint_of_code("ranking")
    assert fingerprint_of_code("ranking") != fingerprint_of_code("retrieval")
    assert fingerprint_of_code("ranking", "dataset") != fingerprint_of_code("ranking")


def test_changed_code_changes_its_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    seen = {fingerprint_of_code.__wrapped__("some_package")}
    (package / "a.py").write_text("x = 1\n")
    seen.add(fingerprint_of_code.__wrapped__("some_package"))
    (package / "a.py").write_text("x = 2\n")
    seen.add(fingerprint_of_code.__wrapped__("some_package"))
    (package / "a.py").rename(package / "b.py")
    seen.add(fingerprint_of_code.__wrapped__("some_package"))
    assert len(seen) == 4
