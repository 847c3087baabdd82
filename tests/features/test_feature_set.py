"""All families together: the properties that every one of them must have."""

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

from dataset.errors import DataContractError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from features.feature_set import FeatureSet, FittedFeatures

SOURCES = ("near", "far")


def made(node: Any) -> Any:
    """What the pipeline's `instantiate` makes of a YAML node, without Hydra."""
    if not isinstance(node, dict):
        return node
    arguments = {key: made(value) for key, value in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    module, _, name = node["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def read(choice: str, repository: Path) -> dict[str, Any]:
    """A YAML of conf/features, laid over the choice that it begins with, if any."""
    path = repository / "conf" / "features" / f"{choice}.yaml"
    node = yaml.safe_load(path.read_text(encoding="utf-8").replace("${seed}", "0"))
    if "defaults" not in node:
        return node  # type: ignore[no-any-return]
    base = read(node.pop("defaults")[0], repository)
    return OmegaConf.to_container(OmegaConf.merge(base, node))  # type: ignore[return-value]


@pytest.fixture(
    scope="module",
    params=[
        "reviews",
        "minimal",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("default", "replenishment")),
    ],
)
def feature_set(request: pytest.FixtureRequest, repository: Path) -> FeatureSet:
    return made(read(request.param, repository))  # type: ignore[no-any-return]


def fitted(feature_set: FeatureSet, snapshot: Any) -> FittedFeatures:
    return feature_set.fit(snapshot, feature_set.fit_vectors(snapshot), SOURCES)


def features(feature_set: FeatureSet, shop: Any, snapshot: Any) -> FeatureMatrix:
    requests = snapshot.requests()
    return fitted(feature_set, snapshot).transform(requests, shop.candidates(snapshot, requests))


def test_columns_are_named_and_stored_for_the_ranker(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    matrix = features(feature_set, shop, shop.snapshot())
    assert matrix.values.dtype == np.float32
    assert matrix.values.flags.c_contiguous
    assert matrix.values.shape[1] == len(matrix.names) == len(set(matrix.names))
    assert all(re.fullmatch(r"\w+\.\w+", name) for name in matrix.names)  # LightGBM takes no JSON signs
    families = [name.partition(".")[0] for name in matrix.names]
    whole = set(feature_set.exclude.values())  # a family may be left out by its name
    assert list(dict.fromkeys(families)) == [key for key in feature_set.families if f"{key}.*" not in whole]
    assert not np.isinf(matrix.values).any()


def test_categories_are_codes(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    matrix = features(feature_set, shop, shop.snapshot())
    assert set(matrix.categorical) <= set(matrix.names)
    for name in matrix.categorical:
        codes = matrix.values[:, matrix.names.index(name)]
        codes = codes[~np.isnan(codes)]
        assert len(codes)
        assert ((codes >= 0) & (codes == np.round(codes))).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_future_changes_nothing(feature_set, shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    clean, poisoned = shop.snapshot(seed), shop.snapshot(seed, poisoned=True)
    assert not clean.catalogue.all()
    one, other = features(feature_set, shop, clean), features(feature_set, shop, poisoned)
    assert one.names == other.names
    np.testing.assert_array_equal(one.values, other.values)


def test_the_future_leaves_no_trace_in_what_is_stored(feature_set, shop, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name, poisoned in (("clean", False), ("poisoned", True)):
        fitted(feature_set, shop.snapshot(poisoned=poisoned)).save(tmp_path / name)
    files = sorted(
        path.relative_to(tmp_path / "clean") for path in (tmp_path / "clean").rglob("*") if path.is_file()
    )
    assert files
    for file in files:
        assert (tmp_path / "clean" / file).read_bytes() == (tmp_path / "poisoned" / file).read_bytes(), file


def test_the_order_of_candidates_changes_nothing(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    model = fitted(feature_set, snapshot)
    moved, rows = shop.permuted(candidates, 1)
    assert not np.array_equal(moved.item, candidates.item)
    np.testing.assert_array_equal(
        model.transform(requests, moved).values, model.transform(requests, candidates).values[rows]
    )


def test_blocks_change_nothing(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    model = fitted(feature_set, snapshot)
    whole = model.transform(requests, candidates).values
    for query in range(len(requests)):
        own = np.arange(candidates.offsets[query], candidates.offsets[query + 1])
        alone = replace(candidates.take(own), offsets=np.array([0, len(own)]))
        block = model.transform(snapshot.requests(np.array([query])), alone).values
        np.testing.assert_array_equal(block, whole[own])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_other_codes_of_users_and_items_change_nothing(feature_set, shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    """Codes follow a hash. Left out are embeddings, whose random start is drawn code by code."""
    snapshot = shop.snapshot(seed, n_users=16, n_events=300)
    rng = np.random.default_rng(seed)
    user, item = rng.permutation(len(snapshot.users)), rng.permutation(len(snapshot.items))
    other = shop.recoded(snapshot, user, item)
    families = {key: part for key, part in feature_set.families.items() if key != "similarity"}
    without = FeatureSet(vectors={}, families=families)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = fitted(without, snapshot).transform(requests, candidates).values
    lists = replace(candidates, item=item[candidates.item].astype(np.int32))
    again = fitted(without, other).transform(other.requests(), lists).values
    np.testing.assert_allclose(again, values, rtol=1e-4, atol=1e-6)


def test_what_was_saved_comes_back(feature_set, shop, tmp_path) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    model = fitted(feature_set, snapshot)
    model.save(tmp_path)
    loaded = FittedFeatures.load(tmp_path)
    one, other = model.transform(requests, candidates), loaded.transform(requests, candidates)
    assert (one.names, one.categorical) == (other.names, other.categorical)
    np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize(
    "change",
    [
        {"n_items": 1},
        {"n_items": 3},
        {"n_events": 0},
        {"n_users": 1, "n_events": 5},
        {"ingredients": False},
    ],
    ids=str,
)
def test_scant_data_keeps_the_columns(feature_set, shop, change) -> None:  # type: ignore[no-untyped-def]
    usual = features(feature_set, shop, shop.snapshot())
    for seed in range(3):
        scant = features(feature_set, shop, shop.snapshot(seed, **change))
        assert scant.names == usual.names
        assert not np.isinf(scant.values).any()


def test_nobody_asked_gives_no_row(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests(np.zeros(0, np.int64))
    matrix = fitted(feature_set, snapshot).transform(requests, shop.candidates(snapshot, requests))
    assert matrix.values.shape == (0, len(matrix.names))


def test_users_without_history_get_no_word_of_their_own_past(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    matrix = fitted(feature_set, snapshot).transform(requests, candidates)
    cold = ~snapshot.is_warm[candidates.query]
    assert cold.any()
    for at, name in enumerate(matrix.names):
        of_history = name.startswith(("adoption.", "affinity.", "similarity.", "pairs.", "audience."))
        of_history &= name not in ("adoption.position_lead", "adoption.step_lead", "pairs.degree")
        if of_history or name == "activity.days_since_last":
            assert np.isnan(matrix.values[cold, at]).all(), name
        if name.startswith("repeat.n_"):
            assert (matrix.values[cold, at] == 0).all(), name


def test_candidates_of_other_queries_are_refused(feature_set, shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    with pytest.raises(DataContractError, match="Got candidates of"):
        fitted(feature_set, snapshot).transform(snapshot.requests(np.arange(2)), candidates)


def test_parts_that_cannot_be_fitted_are_named(feature_set) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError, match="at 'popularity'"):
        FeatureSet(vectors={}, families={"popularity": {"windows_days": [30]}})  # type: ignore[dict-item]
    with pytest.raises(ParameterError, match="at least one family"):
        FeatureSet(vectors={}, families={})


@pytest.mark.parametrize("name", ["default", "minimal"])
def test_the_configuration_states_the_defaults(repository: Path, name: str) -> None:
    text = (repository / "conf" / "features" / f"{name}.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text.replace("${seed}", "0"))
    for part in ("vectors", "families"):
        for node in written[part].values():
            usual = made({"_target_": node["_target_"]})
            settings = {key: value for key, value in node.items() if key != "_target_"}
            assert set(settings) == set(vars(usual))
            for key, value in settings.items():
                default = getattr(usual, key)
                plain = {k: list(v) for k, v in default.items()} if isinstance(default, dict) else default
                assert value == (list(plain) if isinstance(plain, tuple) else plain), key
