"""Causes against questions asked one by one, counts against a count by hand, shares that add up in print."""

import io
from decimal import Decimal
from itertools import pairwise

import jinja2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from dataset.errors import DataContractError
from evaluation.losses import (
    AGE_BANDS,
    CAUSES,
    POPULARITY_BANDS,
    SOURCE_COUNTS,
    Losses,
    age_bands,
    causes_of,
    losses_table,
    percents,
    popularity_bands,
)
from evaluation.plots.loss_bars import losses_view
from evaluation.report.wording import FILTERS

DAY = 86_400
NEVER = np.iinfo(np.int64).max
SOURCES = ("one", "two", "three")


def test_the_first_question_that_decides():
    """All 64 combinations of answers."""
    answers = np.array(list(np.ndindex(*[2] * 6)), bool)
    names = ("known", "eligible", "in_pool", "in_list", "nominated", "found_exactly")
    found = causes_of(**dict(zip(names, answers.T, strict=True)))
    for answer, cause in zip(answers, found, strict=True):
        known, eligible, in_pool, in_list, nominated, found_exactly = answer
        if not known:
            expected = "unknown_item"
        elif not eligible:
            expected = "constraint"
        elif in_pool:
            expected = "hit" if in_list else "ranked_below_k"
        elif nominated:
            expected = "cut_by_budget"
        else:
            expected = "index_approximation" if found_exactly else "no_source"
        assert CAUSES[cause] == expected


def events_of(n, seed):
    """n random events as the arguments of `Losses.of`."""
    rng = np.random.default_rng(seed)
    return {
        "cause": rng.integers(0, len(CAUSES), n).astype(np.int8),
        "nominated": rng.random((n, len(SOURCES))) < 0.4,
        "age": rng.integers(0, len(AGE_BANDS), n).astype(np.int8),
        "popularity": rng.integers(0, len(POPULARITY_BANDS), n).astype(np.int8),
        "is_warm": rng.random(n) < 0.7,
    }


def by_hand(events, of_warm):
    """The section of one group of users, event by event."""
    names = {"by_age": ("age", AGE_BANDS), "by_popularity": ("popularity", POPULARITY_BANDS)}
    section = {
        "events": 0,
        "causes": dict.fromkeys(CAUSES, 0),
        "sources": {name: dict.fromkeys(SOURCE_COUNTS, 0) for name in SOURCES},
        **{key: {band: dict.fromkeys(CAUSES, 0) for band in bands} for key, (_, bands) in names.items()},
    }
    for at in np.flatnonzero(events["is_warm"] == of_warm):
        cause = CAUSES[events["cause"][at]]
        section["events"] += 1
        section["causes"][cause] += 1
        for key, (column, bands) in names.items():
            section[key][bands[events[column][at]]][cause] += 1
        nominators = [name for name, said in zip(SOURCES, events["nominated"][at], strict=True) if said]
        for name in nominators if cause in ("hit", "ranked_below_k") else ():
            alone = len(nominators) == 1
            section["sources"][name]["found"] += 1
            section["sources"][name]["unique" if alone else "shared"] += 1
            section["sources"][name]["hits"] += cause == "hit"
            section["sources"][name]["hits_unique"] += alone and cause == "hit"
    return section


@given(n=st.integers(0, 60), seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 60), max_size=3))
@settings(max_examples=50)
def test_counts_are_those_made_by_hand_and_blocks_add_up(n, seed, cuts):
    events = events_of(n, seed)
    whole = Losses.of(SOURCES, **events)
    section = whole.section(10)
    assert section == {"k": 10, "warm": by_hand(events, True), "cold": by_hand(events, False)}
    for group in (section["warm"], section["cold"]):
        for bands in ([group["causes"]], group["by_age"].values(), group["by_popularity"].values()):
            assert sum(sum(causes.values()) for causes in bands) == group["events"]
    ends = [0, *sorted(min(cut, n) for cut in cuts), n]
    blocks = [slice(*bounds) for bounds in pairwise(ends)]
    parts = [Losses.of(SOURCES, **{key: of[rows] for key, of in events.items()}) for rows in blocks]
    assert Losses.concatenate(parts).section(10) == section


def test_blocks_that_do_not_belong_together():
    one, other = (
        Losses.of(names, **{**events_of(5, 0), "nominated": np.zeros((5, len(names)), bool)})
        for names in (("one",), ("two",))
    )
    with pytest.raises(DataContractError, match="same sources"):
        Losses.concatenate([one, other])
    with pytest.raises(DataContractError, match="at least one"):
        Losses.concatenate([])


@given(counts=st.lists(st.integers(0, 10**7), min_size=1, max_size=9), decimals=st.integers(0, 3))
@settings(max_examples=60)
def test_printed_shares_add_up_to_exactly_100(counts, decimals):
    shares = percents(counts, decimals)
    printed = [str(share) for share in shares]
    assert all(len(text.partition(".")[2]) == decimals for text in printed)
    total, step = sum(counts), Decimal(1).scaleb(-decimals)
    assert sum(Decimal(text) for text in printed) == (100 if total else 0)
    for count, share in zip(counts, shares, strict=True):
        assert abs(share * total - 100 * count) < step * max(total, 1)
        assert count or not share
    assert all(
        share >= other
        for count, share in zip(counts, shares, strict=True)
        for less, other in zip(counts, shares, strict=True)
        if count > less
    )


def test_ages_at_the_moment_of_the_query():
    days = np.array([-3, 0, 29, 30, 89, 90, 364, 365, 4000])
    asked = np.full(len(days) + 2, 5000 * DAY)
    born = np.append(asked[:-2] - days * DAY, [NEVER, 4999 * DAY])
    known = np.append(np.ones(len(days) + 1, bool), False)
    bands = [AGE_BANDS[band] for band in age_bands(born, asked, known, NEVER)]
    young, middle, old = ["0-29 days"] * 3, ["30-89 days"] * 2, ["90-364 days"] * 2
    assert bands == [*young, *middle, *old, "365+ days", "365+ days", "age unknown", "unknown item"]


@given(n_users=st.lists(st.integers(0, 6), min_size=1, max_size=40), seed=st.integers(0, 100))
@settings(max_examples=40)
def test_deciles_of_popularity_by_their_definition(n_users, seed):
    n_users = np.array(n_users)
    catalogue = np.random.default_rng(seed).random(len(n_users)) < 0.8
    had = [n for n, known in zip(n_users, catalogue, strict=True) if known and n > 0]
    for band, n, known in zip(popularity_bands(n_users, catalogue), n_users, catalogue, strict=True):
        if not known:
            expected = "unknown item"
        elif n == 0:
            expected = "no user yet"
        else:
            less_popular = sum(other < n for other in had)
            expected = f"decile {1 + 10 * less_popular // len(had)}"
        assert POPULARITY_BANDS[band] == expected


def test_deciles_of_distinct_items_are_tenths():
    bands = popularity_bands(np.arange(1, 101), np.ones(100, bool))
    assert np.bincount(bands).tolist() == [0, 0, *[10] * 10]
    assert POPULARITY_BANDS[bands[-1]] == "decile 10"


@pytest.mark.slow
def test_the_section_of_the_report_and_the_table():
    section = Losses.of(SOURCES, **events_of(997, 1)).section(7)
    view = losses_view(section)
    assert view["groups"]["warm"] == ("with history", section["warm"]["events"])
    for at, group in enumerate(("warm", "cold")):
        shown = [cause["counts"][at] for cause in view["causes"]]
        assert [events for events, _ in shown] == list(section[group]["causes"].values())
        assert sum(share for _, share in shown) == 100
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= FILTERS
    html = environment.get_template("losses.html.j2").render(losses=view, main="", oracle="")
    for cause in view["causes"]:
        assert f'<th scope="row">{cause["title"]}</th>' in html
        assert all(f"<td>{events:,}</td><td>{share} %</td>" in html for events, share in cause["counts"])
    assert "ranked below 7" in html
    assert environment.get_template("losses.html.j2").render(losses=None, main="", oracle="").strip() == ""
    written = io.StringIO()
    Console(width=100, file=written).print(losses_table(section))
    assert all(f"{count:,}" in written.getvalue() for count in section["cold"]["causes"].values())


def test_nothing_held_out_nothing_shown():
    assert losses_view(None) is None
    empty = Losses.of(SOURCES, **events_of(0, 0)).section(10)
    assert losses_view(empty) is None
    assert losses_table(empty).row_count == 0
    only_cold = Losses.of(SOURCES, **{**events_of(40, 2), "is_warm": np.zeros(40, bool)}).section(10)
    assert [column.header for column in losses_table(only_cold).columns] == ["cause", "without", "%"]
