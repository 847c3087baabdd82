"""The page: made of its JSON twin alone, self-contained, escaped, the same every time."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from rich.console import Console

from dataset.ragged import Categorical, TokenLists
from dataset.users import Users
from evaluation.exploration.feature_correlation import feature_correlation
from evaluation.exploration.report import render
from evaluation.exploration.specification import LEFT_OUT, Exploration
from evaluation.exploration.split_advice import SplitNeeds
from evaluation.exploration.table import advice_table, overview_table
from tests.evaluation.exploration.logs import dataset_of, interactions, random_log
from tests.evaluation.exploration.test_associations import labelled, noise, signal
from tests.evaluation.test_report import Tags

HOSTILE = "<script>alert('x')</script> & \"q\" $\\frac{1}{$ بشرة"
EMPTY = "data:image/svg+xml;base64,"
FIGURES = {"mean": 0.5, "low": 0.4, "high": 0.6}


def measured(name):
    """What the pipeline adds."""
    comparison = dict.fromkeys(("random", "fair", "difference", "ratio", "paired"), FIGURES)
    random_split = {
        "against": "temporal", "test_share": 0.2, "k": 10, "users_sampled": None,
        "queries": {"random": 5, "fair": 4, "shared": 3}, "truth": {"random": 1.5, "fair": 2.5},
        "sources": {name: {"ndcg@10": comparison, "recall@10": comparison}},
        "reading": f"In a split: {name}.",
    }  # fmt: skip
    facts = {"asked_at": "2022-05-01", "until": "2022-06-01", "named_by": [name], "users_sampled": 7}
    rows = labelled(**{f"family.{name}": signal, "code": noise, "noise": noise})
    return {
        "random_split": random_split,
        "feature_correlation": feature_correlation(rows, facts, n_permutations=20),
        "preparation": {
            "tables": {"items": {"in": 5, "added": 0, "kept": 4, "quarantined": 1, "merged": 0, "cells": 2}},
            "reasons": {"items": {name: 1}},
        },
        "provenance": {"data": "abc", name: name},
        "config": f"seed: 0\nname: {name}\n",
        "seconds": {"total": 12.5},
        "peak_rss_mb": 512.0,
    }  # fmt: skip


@cache
def explored(name="Shop", *, nominal=False):
    """An exploration of 800 days of a small shop, or of a few sequences."""
    spec = Exploration(n_draws=49, needs=SplitNeeds(queries=5))
    n_users = 60
    skin = Categorical(np.arange(n_users, dtype=np.int32) % 3 - 1, ("dry", name))
    nobody = TokenLists.empty(n_users)
    users = Users(
        numeric={"age": np.linspace(18, 70, n_users).astype(np.float32)},
        categorical={"skin": skin},
        concerns=nobody,
        avoids=nobody,
    )
    log = random_log(0, 4000, n_users, 8, 800, kinds=("purchase", "rating", "view"))
    if nominal:
        log = interactions(
            [(u, step % 8, "purchase", 30 - step) for u in range(40) for step in range(u % 5 + 3)]
        )
    categories = (f"A > {name}", "B > C", "D")
    data = dataset_of(log, n_users, 8, categories=categories, ingredients=[[name, "water"]] * 8, users=users)
    material = spec.material(data)
    found = {
        key: section() for key, section in spec.sections(material, {"water"}, lambda word: [name]).items()
    }
    advice = spec.advice(material, found["volumes"]["season"])
    left_out = {key: LEFT_OUT[key] for key, section in found.items() if section is None}
    return {"title": name, **found, "split_advice": advice, "left_out": left_out, **measured(name)}


@pytest.fixture(scope="module")
def page(undrawn):
    return render(explored(nominal=True))


@pytest.fixture(scope="module")
def undrawn():
    """Plots keep their descriptions and are not drawn, which takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.plots.drawing._drawing", lambda *args, **kwargs: EMPTY)
        yield


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("nominal", [False, True])
def test_the_page_is_made_of_its_twin_alone(nominal):
    content = explored(nominal=nominal)
    page = render(content)
    assert render(json.loads(json.dumps(content, allow_nan=False))) == page
    told = page.replace("&#39;", "'").replace("&amp;", "&").replace("&gt;", ">")
    for section in content.values():
        if isinstance(section, Mapping) and isinstance(section.get("reading"), str):
            assert section["reading"] in told


@pytest.mark.usefixtures("undrawn")
def test_every_section_is_on_the_page_of_a_shop():
    content = explored()
    assert content["left_out"] == {"ratings": LEFT_OUT["ratings"]}
    page = render(content)
    for heading in (
        "Where to cut", "Volumes over time", "Activity and popularity", "What is missing", "Recency",
        "Coming back, and buying again", "Baskets", "Cold start", "Who gets what",
        "Candidate features and purchases", "Ingredients", "Drift by month", "What became of the rows",
    ):  # fmt: skip
        assert f"<h2>{heading}</h2>" in page, heading
    assert page.count("<picture>") >= 20
    assert page.count("<figcaption>") == page.count("<picture>")  # what is drawn is defined beneath


def test_nothing_is_fetched(page):
    for tag, attributes in Tags(page).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:image/svg+xml;base64,").startswith("data:image/svg+xml;base64,")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import", page)


def test_tags_close_in_order(page):
    assert Tags(page).open == []


def test_the_nominal_clock_is_told(page):
    assert "The clock is nominal" in page
    assert '<code class="paste"><span>split=leave_last_out</span> </code>' in page
    assert "positions from the end, not days" in page
    assert "Recency: The clock is nominal." in page


def test_the_screen_shows_a_line_a_section_and_the_line_to_paste():
    content = explored(HOSTILE, nominal=True)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(overview_table(content), advice_table(content))
    shown = captured.get()
    for told in ("volumes", "missingness", "Left out: The clock is nominal.", "In a split: <script>"):
        assert told in shown


def test_settings_are_checked_before_anything_is_read():
    assert asdict(Exploration(target_kinds=["purchase"]))["target_kinds"] == ("purchase",)
    for wrong in ({"target_kinds": []}, {"category_depth": 0}, {"n_draws": 1}, {"needs": {}}):
        with pytest.raises(ValueError, match="of Exploration must be"):
            Exploration(**wrong)
