"""Reasons: the nearest item bought, what is shared, what the model saw; the lists stay the same."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset import Shop, Temporal
from dataset.errors import ArtefactError, ParameterError
from dataset.interactions import KINDS, Interactions
from dataset.ragged import Ragged, TokenLists
from dataset.snapshot import Histories
from dataset.vectors import Vectors
from features import FeatureSet, FunctionalityVectors, IngredientVectors, Popularity, RetrievalScores
from pipeline import TwoStage, load
from pipeline.certificate import certify
from pipeline.engines import Serial
from pipeline.lists_folder import ListsFolder
from pipeline.reasons.nearest import BOUGHT, Had, Nearness
from pipeline.reasons.reasons import told_by_model
from pipeline.reasons.shared import EVERYWHERE, MOST, SharedWords
from pipeline.recommendation import POPULAR, Answers, Recommendation
from ranking import LambdaMart
from retrieval import Popular, Retrieval, Transitions

PURCHASE, VIEW, RATING = (KINDS.index(kind) for kind in ("purchase", "view", "rating"))


def vectors(rng, n_items, d):
    item = np.flatnonzero(rng.random(n_items) < 0.7).astype(np.int32)
    matrix = rng.normal(size=(len(item), d)).astype(np.float32)
    matrix[rng.random(len(item)) < 0.1] = 0
    return Vectors(item, matrix)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n_items=st.integers(1, 12), m=st.integers(1, 5))
def test_the_nearest_is_what_the_long_way_finds(seed, n_items, m):
    rng = np.random.default_rng(seed)
    named = {name: vectors(rng, n_items, d) for name, d in (("one", 3), ("two", 5))}
    had = Ragged.from_pairs(rng.integers(0, m, 3 * m), rng.integers(0, n_items, 3 * m), m)
    row = np.repeat(np.arange(m, dtype=np.int32), 4)
    item = rng.integers(0, n_items, len(row)).astype(np.int32)
    at, similarity, cosines = Nearness.of(named, n_items).nearest(had, row, item)
    dense = {name: one.dense(n_items).astype(np.float64) for name, one in named.items()}

    def cosine(name, a, b):
        left, right = dense[name][a], dense[name][b]
        lengths = np.linalg.norm(left) * np.linalg.norm(right)
        return left @ right / lengths if lengths else np.nan

    placed = [any(dense[name][code].any() for name in dense) for code in range(n_items)]
    for listed in range(len(row)):
        found = {
            other: np.nansum([cosine(name, item[listed], other) for name in dense]) / 2
            for other in had[row[listed]].tolist()
            if placed[other] and placed[item[listed]]
        }
        if not found:
            assert at[listed] == -1
            assert np.isnan(similarity[listed])
            continue
        chosen = int(had.values[at[listed]])
        assert had.offsets[row[listed]] <= at[listed] < had.offsets[row[listed] + 1]
        assert found[chosen] == pytest.approx(max(found.values()), abs=1e-5)
        assert similarity[listed] == pytest.approx(found[chosen], abs=1e-5)
        expected = [cosine(name, item[listed], chosen) for name in dense]
        np.testing.assert_allclose(cosines[listed], expected, atol=1e-5)


def test_what_was_bought_counts_before_what_was_looked_at_and_the_newest_event_is_told():
    events = [(0, 3, VIEW), (0, 1, PURCHASE), (0, 1, RATING), (1, 2, VIEW), (1, 0, VIEW), (1, 2, VIEW)]
    user, item, kind = (np.array(column) for column in zip(*events, strict=True))
    table = Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=kind.astype(np.int8),
        value=np.full(6, np.nan, np.float32),
        time=np.arange(6, dtype=np.int64),
    ).sorted()
    had = Had.of(Histories.of(table, 3, np.ones(len(KINDS), np.float32)), BOUGHT, 5)
    assert [had.items[row].tolist() for row in range(3)] == [[1], [0, 2], []]
    assert had.kind.tolist() == [RATING, VIEW, VIEW]


@settings(max_examples=40)
@given(
    lists=st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=12), min_size=1, max_size=9),
    pairs=st.lists(st.tuples(st.integers(0, 8), st.integers(-1, 8)), max_size=12),
)
def test_shared_words_are_in_both_and_the_rarest_come_first(lists, pairs):
    tokens = TokenLists.of(lists)
    known = np.arange(len(lists), dtype=np.int32)
    words = SharedWords.of(tokens, known)
    item = np.array([a % len(lists) for a, _ in pairs], np.int32)
    other = np.array([b if b < 0 else b % len(lists) for _, b in pairs], np.int32)
    found = words.between(item, other)
    holders = {word: sum(word in one for one in lists) for word in tokens.words}
    for at, (a, b) in enumerate(zip(item, other, strict=True)):
        both = set() if b < 0 else set(lists[a]) & set(lists[b])
        telling = [word for word in both if holders[word] <= EVERYWHERE * len(lists)]
        expected = sorted(telling, key=lambda word: (holders[word], word))[:MOST]
        assert [words.words[code] for code in found[at] if code >= 0] == expected


@pytest.fixture(scope="module")
def made():
    dataset = load(Shop(n_users=150, n_items=60, events_per_user=30)).dataset
    split = Temporal(cutoff=0.8).split(dataset)
    recommender = TwoStage(
        retrieval=Retrieval(sources={"transitions": Transitions(quota=8), "popular": Popular(quota=5)}),
        features=FeatureSet(
            vectors={"ingredients": IngredientVectors(), "functionality": FunctionalityVectors()},
            families={"popularity": Popularity(), "retrieval": RetrievalScores()},
        ),
        ranking=LambdaMart(num_leaves=4, num_trees=10, min_rows_a_leaf=5),
        engine=Serial(),
    )
    return dataset, Recommendation(as_of="test").asked(split.test), recommender.fit(split)


def answers(made, reasons):
    _, snapshot, model = made
    return Answers(model, snapshot, POPULAR.fit(snapshot, {}), 15, reasons=reasons)


def test_reasons_change_no_list(made):
    every = np.arange(150)
    lists = {level: answers(made, level).lists(every) for level in ("none", "short", "full")}
    for name in ("row", "rank", "item", "score", "sources", "rung"):
        for level in ("short", "full"):
            np.testing.assert_array_equal(getattr(lists[level], name), getattr(lists["none"], name))
    assert lists["none"].reasons is None
    assert lists["short"].reasons.contributions is None


def test_contributions_are_there_where_the_model_spoke_and_nowhere_else(made):
    lists = answers(made, "full").lists(np.arange(150))
    told = lists.reasons.contributions
    cold = (made[1].histories.lengths == 0)[lists.row]
    silent = cold | np.isnan(lists.score)
    assert cold.any()
    assert (np.isnan(lists.score) & ~cold).any()
    np.testing.assert_array_equal(np.isnan(told.values).all(axis=1), silent)
    assert told.gaps(lists.score)[~silent].max() <= 1e-6
    assert told.names == ("base", "popularity", "retrieval")


def test_features_that_were_not_scored_are_seen(made, monkeypatch):
    _, snapshot, model = made
    requests = snapshot.requests(np.arange(20, 40))
    candidates = model.stage_one.candidates(requests)
    scores = model.score(requests, candidates, model.matrix(requests, candidates))
    warm = (requests.history.lengths > 0)[candidates.query]
    rows = np.where(warm, np.arange(len(candidates)), -1)
    told_by_model(model, requests, candidates, rows, scores)
    with pytest.raises(ArtefactError, match="must sum to the score"):
        told_by_model(model, requests, candidates, rows[::-1].copy(), scores)


def written(made, folder, **settings):
    """The part that is written, as a table, after the certificate was checked."""
    dataset, snapshot, model = made
    job = Recommendation(n=15, part_size=200, block_size=64, engine=Serial(), **settings)
    lists = ListsFolder.at(folder)
    lists.begin({"parts": 1}, {})
    part = job.write(model, snapshot, dataset, lists, "run", {0})[0]
    certificate = certify([lists.read(part)], snapshot, dataset, 15, 200, 64)
    assert not any(certificate.violations.values())
    return pq.read_table(folder / part.name)


def test_the_columns_say_what_products_share(made, tmp_path):
    dataset, snapshot, _ = made
    plain = written(made, tmp_path / "none")
    table = written(made, tmp_path / "full", reasons="full")
    assert table.select(plain.column_names).equals(plain)
    assert "nearest" not in plain.column_names
    assert table.num_rows == 150 * 15
    code = {name: at for at, name in enumerate(dataset.item_ids.ids)}
    user = {name: at for at, name in enumerate(dataset.user_ids.ids)}
    bought = {(u, i) for u, i, kind in zip(*events(snapshot), strict=True) if kind in (PURCHASE, RATING)}
    buyers = {u for u, _ in bought}
    n_shared = 0
    for row in table.to_pylist():
        near = row["nearest"]
        assert (near is None) <= (row["shared_ingredients"] == [] == row["shared_functions"])
        if near is None:
            continue
        own = user[row["user"]]
        assert -1 <= near["similarity"] <= 1 + 1e-6
        assert near["similarity"] == pytest.approx(
            sum(v or 0 for v in near["cosines"].values()) / 2, abs=1e-6
        )
        if own in buyers:
            assert (own, code[near["item"]]) in bought
            assert near["event"] in ("purchase", "rating")
        for column, words in (
            ("shared_ingredients", dataset.items.ingredients),
            ("shared_functions", dataset.items.functions),
        ):
            n_shared += len(row[column])
            assert set(row[column]) <= set(words.words_of(code[row["item"]]))
            assert set(row[column]) <= set(words.words_of(code[near["item"]]))
    assert n_shared > 1000
    told = [row for row in table.to_pylist() if row["contributions"] is not None]
    assert told
    assert all(abs(sum(row["contributions"].values()) - row["score"]) <= 1e-6 for row in told)
    assert {row["rung"] for row in told} == {"full"}


def events(snapshot):
    history = snapshot.request_history
    return history.user.tolist(), history.item.tolist(), history.kind.tolist()


def test_a_model_without_embeddings_still_has_columns(made, tmp_path):
    dataset, snapshot, model = made
    bare = replace(model, stage_one=replace(model.stage_one, vectors={}))
    table = written((dataset, snapshot, bare), tmp_path / "bare", reasons="short")
    assert table["nearest"].null_count == len(table)
    assert "contributions" not in table.column_names
    assert table.schema.field("shared_functions").type == pa.list_(pa.field("element", pa.string()))


def test_a_level_that_is_not_there_is_refused():
    with pytest.raises(ParameterError, match="full, none, short"):
        Recommendation(reasons="long")
