"""Over random shops: lists hold nothing avoided, owned or out of stock, nothing twice, and are full."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.dataset import Dataset
from dataset.errors import ParameterError
from dataset.interactions import KINDS, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from dataset.ranked import Ranked
from dataset.splits.temporal import Temporal
from dataset.users import Users
from dataset.vocabulary import Vocabulary
from features.feature_set import FittedFeatures
from pipeline.certificate import certify
from pipeline.engines import Serial, Threads
from pipeline.list_cutting import filled_up
from pipeline.lists_folder import ListsFolder, totals
from pipeline.recommendation import BACKFILL, Answers, Lists, Recommendation
from pipeline.stage_one import StageOne
from pipeline.two_stage import FittedTwoStage
from ranking.retrieval_order import RetrievalOrder
from retrieval.fusion import FittedRetrieval
from retrieval.transitions import Transitions

WORDS = np.array(["retinol", "parfum", "alcohol", "talc"])
RULES = Temporal()


def random_shop(
    seed: int, n_users: int, n_items: int, n_events: int, avoided: float, in_stock: float
) -> Dataset:
    rng = np.random.default_rng(seed)
    events = Interactions(
        user=rng.integers(0, n_users, n_events).astype(np.int32),
        item=rng.integers(0, n_items, n_events).astype(np.int32),
        kind=rng.integers(0, len(KINDS), n_events).astype(np.int8),
        value=np.full(n_events, np.nan, np.float32),
        time=rng.integers(1_600_000_000, 1_610_000_000, n_events),
    )
    unseen = Categorical(np.zeros(n_items, np.int32), ("x",))
    return Dataset(
        name="random",
        users=Users(
            numeric={},
            categorical={},
            concerns=TokenLists.empty(n_users),
            avoids=TokenLists.of([WORDS[rng.random(4) < avoided].tolist() for _ in range(n_users)]),
        ),
        items=Items(
            brand=unseen,
            category=unseen,
            price=np.ones(n_items, np.float32),
            in_stock=rng.random(n_items) < in_stock,
            launched=np.where(rng.random(n_items) < 0.1, 1_700_000_000, UNKNOWN_TIME),
            ingredients=TokenLists.of([WORDS[rng.random(4) < 0.3].tolist() for _ in range(n_items)]),
            functions=TokenLists.empty(n_items),
        ),
        interactions=events.sorted(),
        user_ids=Vocabulary.of([f"u{at}" for at in range(n_users)]),
        item_ids=Vocabulary.of([f"i{at}" for at in range(n_items)]),
        digest="",
    )


def eligible(dataset: Dataset, user: int) -> set[int]:
    """What a user may get today, found the long way."""
    events, items = dataset.interactions, dataset.items
    bought = np.isin(events.kind, [KINDS.index(kind) for kind in RULES.owned_kinds])
    own = set(events.item[bought & (events.user == user)].tolist())
    avoids = set(dataset.users.avoids.words_of(user))
    now = events.time.max()
    seen = set(events.item.tolist())
    return {
        item
        for item in range(len(items))
        if items.in_stock[item]
        and item not in own
        and not avoids & set(items.ingredients.words_of(item))
        and (item in seen or items.launched[item] == UNKNOWN_TIME or items.launched[item] <= now)
    }


def write(dataset: Dataset, out: Path, job: Recommendation, budget: int = 4) -> pd.DataFrame:
    """Lists with one narrow source and no ranker to speak of."""
    snapshot = job.asked(RULES.latest(dataset))
    sources = {"transitions": Transitions().fit(snapshot, {})}
    stage_one = StageOne(FittedRetrieval(sources, (5,), budget), FittedFeatures({}), {})
    folder = ListsFolder.at(out)
    folder.begin({"parts": job.n_parts(snapshot)}, {})
    model = FittedTwoStage(stage_one, RetrievalOrder(), RetrievalOrder())
    made = job.write(model, snapshot, dataset, folder, "run", range(job.n_parts(snapshot)))
    counts = totals(list(made.values()))
    tables = (folder.read(made[number]) for number in sorted(made))
    certificate = certify(tables, snapshot, dataset, job.n, job.part_size, job.block_size)
    certificate.check()
    assert certificate.rows == counts["rows"]
    assert certificate.exhausted_lists == counts["short_lists"]
    folder.certify(certificate.as_json())
    folder.finish(made, counts)
    parts = [pd.read_parquet(path) for path in sorted(out.glob("*.parquet"))]
    assert len(parts) == counts["parts"] == -(-counts["users"] // job.part_size)
    lists = pd.concat(parts) if parts else pd.DataFrame(columns=["user", "item", "rank", "sources"])
    assert len(lists) == counts["rows"]
    assert (lists["sources"] == BACKFILL).sum() == counts["filled_up"]
    return lists


@pytest.mark.slow
@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n_users=st.integers(1, 30),
    n_items=st.integers(1, 25),
    n_events=st.integers(1, 150),
    avoided=st.sampled_from([0.0, 0.3, 1.0]),
    in_stock=st.sampled_from([0.0, 0.5, 1.0]),
    n=st.integers(1, 30),
    part_size=st.integers(1, 40),
    block_size=st.integers(1, 40),
)
def test_lists_keep_their_promises(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    n_users: int,
    n_items: int,
    n_events: int,
    avoided: float,
    in_stock: float,
    n: int,
    part_size: int,
    block_size: int,
) -> None:
    dataset = random_shop(seed, n_users, n_items, n_events, avoided, in_stock)
    job = Recommendation(n=n, part_size=part_size, block_size=block_size, engine=Serial())
    lists = write(dataset, tmp_path_factory.mktemp("lists"), job)
    item_of = {name: code for code, name in enumerate(dataset.item_ids.ids)}
    by_user = dict(list(lists.groupby("user", sort=False)))
    for code, name in enumerate(dataset.user_ids.ids):
        may = eligible(dataset, code)
        rows = by_user.get(name)
        items = [] if rows is None else [item_of[item] for item in rows["item"]]
        assert len(items) == len(set(items)) == min(n, len(may))
        assert set(items) <= may
        assert rows is None or rows["rank"].tolist() == list(range(1, len(items) + 1))
    order = lists["user"].drop_duplicates().map({name: at for at, name in enumerate(dataset.user_ids.ids)})
    assert order.is_monotonic_increasing


def test_threads_write_the_same_bytes(tmp_path: Path) -> None:
    dataset = random_shop(3, 200, 40, 900, 0.3, 0.9)
    for name, engine in (("one", Serial()), ("two", Threads(threads=2)), ("three", Threads(threads=3))):
        write(dataset, tmp_path / name, Recommendation(n=7, part_size=60, block_size=16, engine=engine))
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two", "three")
    ]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 8


def test_users_who_did_nothing_are_warm_nowhere(tmp_path: Path) -> None:
    dataset = random_shop(0, 30, 10, 12, 0.0, 1.0)
    active = {dataset.user_ids.ids[code] for code in dataset.interactions.user}
    lists = write(dataset, tmp_path / "warm", Recommendation(n=2, users="warm"))
    assert set(lists["user"]) == active
    lists = write(dataset, tmp_path / "all", Recommendation(n=2))
    assert lists["user"].nunique() == 30
    assert set(lists.loc[~lists["user"].isin(active), "sources"]) == {BACKFILL}


def test_the_latest_moment_knows_everything_that_happened() -> None:
    dataset = random_shop(1, 20, 30, 100, 0.0, 1.0)
    snapshot = RULES.latest(dataset)
    assert snapshot.cutoff == dataset.interactions.time.max() + 1
    assert len(snapshot.history) == len(dataset.interactions)
    assert (snapshot.queries.time == snapshot.cutoff).all()
    assert len(snapshot.truth) == len(snapshot.queries) == 20
    later = dataset.items.launched == 1_700_000_000
    later[dataset.interactions.item] = False
    np.testing.assert_array_equal(snapshot.catalogue, ~later)


def test_repurchase_offers_what_was_bought() -> None:
    dataset = random_shop(1, 20, 30, 100, 0.0, 1.0)
    assert RULES.latest(dataset).owned_kinds == ("purchase", "rating")
    assert replace(RULES, repurchase=True).latest(dataset).owned_kinds == ()


def test_filling_up_leaves_the_ranked_items_where_they_are() -> None:
    ranked = Ranked(
        np.array([[3, 1, -1, -1], [-1] * 4, [0, 1, 2, 3]], np.int32), np.zeros((3, 4), np.float32)
    )
    more = Ranked(
        np.array([[1, 5, 3, 6], [2, -1, -1, -1], [9, 8, 7, 6]], np.int32), np.zeros((3, 4), np.float32)
    )
    expected = [[3, 1, 5, 6], [2, -1, -1, -1], [0, 1, 2, 3]]
    assert filled_up(ranked, more, 10).tolist() == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("n", "ten"),
        ("n", 2.0),
        ("n", True),
        ("part_size", 0),
        ("block_size", None),
        ("as_of", "now"),
        ("users", 1),
        ("resume", "no"),
    ],
)
def test_wrong_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' parameter of Recommendation"):
        Recommendation(**{name: value})  # type: ignore[arg-type]


def test_only_blocks_of_missing_parts_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = random_shop(4, 100, 30, 300, 0.3, 0.9)
    job = Recommendation(n=3, part_size=30, block_size=8, engine=Serial())
    write(dataset, tmp_path / "whole", job)
    asked: list[int] = []
    lists = Answers.lists

    def noted(self: Answers, rows: npt.NDArray[np.int64]) -> Lists:
        asked.extend(rows.tolist())
        return lists(self, rows)

    monkeypatch.setattr(Answers, "lists", noted)
    snapshot = job.asked(RULES.latest(dataset))
    folder = ListsFolder.at(tmp_path / "some")
    folder.begin({"parts": 4}, {})
    stage_one = StageOne(
        FittedRetrieval({"transitions": Transitions().fit(snapshot, {})}, (5,), 4), FittedFeatures({}), {}
    )
    model = FittedTwoStage(stage_one, RetrievalOrder(), RetrievalOrder())
    written = job.write(model, snapshot, dataset, folder, "run", {3, 1})
    assert asked == [*range(30, 60), *range(90, 100)]
    assert list(written) == [1, 3]
    for part in written.values():
        assert (tmp_path / "some" / part.name).read_bytes() == (tmp_path / "whole" / part.name).read_bytes()
