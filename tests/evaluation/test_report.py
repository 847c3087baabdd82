"""The report: self-contained, escaped, complete, the same every time."""

import base64
import re
import warnings
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from evaluation.groups import FEWEST
from evaluation.plots.forest import forest
from evaluation.plots.group_dots import group_dots
from evaluation.plots.recall_curves import recall_curves
from evaluation.report.content import ReportContent
from evaluation.report.report import render
from evaluation.retrieval import CUTOFFS
from evaluation.standing import best_baseline, ordered_runs, verdict

HOSTILE = "<script>alert('x')</script> & \"q\" $\\frac{1}{$ \x00\x08 بشرة 🧴" + "_long" * 60
NOTHING = {"mean": None, "low": None, "high": None}


def interval(mean):
    return {"mean": mean, "low": mean * 0.9, "high": mean * 1.1}


def figures(ndcg):
    return {
        "ndcg@5": interval(ndcg * 0.8), "ndcg@10": interval(ndcg), "recall@10": interval(ndcg * 1.5),
        "novelty@10": interval(7.0), "coverage@10": {"mean": 0.4, "low": None, "high": None},
    }  # fmt: skip


def source(recall, **more):
    return {
        **{f"recall@{k}": interval(recall * k / 200) for k in CUTOFFS},
        "recall_all": interval(recall), "hits": 40, "unique_hits": 7, **more,
    }  # fmt: skip


def content(name="ease", **more):
    metrics = {
        "dataset": {"name": name, "users": 1234567, "kinds": ["rating", name]},
        "split": {"cutoff": "2022-07-01", "repurchase": False},
        "queries": {"all": 12, "warm": 8, "cold": 4, "without_truth": 3},
        "retrieval": {
            name: source(0.2, share_of_pool=0.5, share_alone=0.25),
            "fused": source(0.3, mean_pool_size=248.3),
        },
        "runs": {
            "popularity": figures(0.02), name: figures(0.03),
            "two_stage": figures(0.05), "oracle": figures(0.1),
        },
        "cold": {"runs": {"two_stage": figures(0.01), name: figures(0.02)}},
        "differences": {
            f"two_stage - {name}": {"ndcg@10": {"mean": 0.02, "low": 0.01, "high": 0.03}},
            "two_stage - popularity": {"ndcg@10": {"mean": 0.03, "low": -0.01, "high": 0.04}},
            "two_stage - oracle": {"ndcg@10": {"mean": -0.05, "low": -0.06, "high": -0.04}},
        },
        "seconds": {"retrieve": 3.2, name: 61.0, "total": 3723.0},
        "peak_rss_mb": 2310.4,
    }  # fmt: skip
    groups = {name: {"two_stage": {name: {**interval(0.04), "n": 5}}, name: {name: {**NOTHING, "n": 1}}}}
    groups[name][name][name] = {**interval(0.03), "n": 5}
    filled = {
        "metrics": metrics,
        "config": f"seed: 0\nname: {name}\n",
        "title": name,
        "question": name,
        "importance": {f"pair.{name}": 30.0, "item.price": 10.0, f"{name}.x": 0.0},
        "groups": groups,
        "stage_peak_rss_mb": {"retrieve": 812.0},
        "quarantine": {"interactions": {name: 1312}},
        "notes": [name],
        "warnings": [name],
        "provenance": {"seed": 0, name: name},
    }
    return ReportContent(**{**filled, **more})


class Tags(HTMLParser):
    """Every start tag with its attributes, and whether all that opened was closed in order."""

    VOID = ("meta", "img", "source", "wbr", "br")

    def __init__(self, html):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html():
    return render(content())


def svgs(html):
    return [base64.b64decode(text) for text in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)]


def test_nothing_is_fetched(html):
    for tag, attributes in Tags(html).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name in ("src", "srcset", "href"):
            if name in attributes:
                assert attributes[name].startswith("data:image/svg+xml;base64,")
    assert not re.search(r"(src|href|srcset)\s*=\s*['\"]?https?://|url\(|@import", html)
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_plots_are_whole_and_hold_no_script_nor_link(html):
    drawings = svgs(html)
    assert len(drawings) == 6  # forest, curves and one grouping, each wide and narrow
    for drawing in drawings:
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawing).iter()}
        assert "script" not in names
        assert not re.search(rb'href="(?!#)', drawing)


def test_tags_close_in_order(html):
    assert Tags(html).open == []


def test_names_are_escaped_wherever_they_stand():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = render(content(HOSTILE))
    tags = Tags(html)
    assert tags.open == []
    assert "script" not in {tag for tag, _ in tags.tags}
    assert not [name for _, attributes in tags.tags for name in attributes if name.startswith("on")]
    for drawing in svgs(html):
        assert b"<script" not in drawing
        ElementTree.fromstring(drawing)


@pytest.mark.slow
def test_equal_contents_give_equal_bytes(html):
    assert render(content()) == html


def test_the_figures_are_there(html):
    for text in (
        "0.0500", "0.0450 – 0.0550", "+0.0200", "50 % of the oracle", "1,234,567", "1 h 02 min", "2.26 GB",
        "812 MB", "248 candidates", "8 with history, 4 without", "1,312", "seed: 0",
        "3 users without a later item",
    ):  # fmt: skip
        assert text in html, text


def test_sections_without_content_are_left_out():
    bare = {
        "queries": {"all": 0, "warm": 0, "cold": 0, "without_truth": 0},
        "retrieval": {},
        "runs": {"two_stage": {"ndcg@10": NOTHING, "recall@10": NOTHING}},
        "cold": {"runs": {}},
        "differences": {},
    }
    html = render(ReportContent(metrics=bare, config=""))
    assert Tags(html).open == []
    assert "There is no other run to compare with." in html
    for heading in ("Is it better?", "What retrieval finds", "What it costs", "Warnings", "without history<"):
        assert heading not in html


@pytest.mark.slow
def test_a_clean_quarantine_says_so():
    assert "Every row met its contract." in render(content(quarantine={"items": {}}))


def test_runs_stand_in_order():
    runs = content().metrics["runs"]
    assert ordered_runs(runs, 10) == ["two_stage", "ease", "popularity", "oracle"]
    assert best_baseline(runs, 10) == "ease"
    assert best_baseline({"two_stage": {}, "oracle": {}}, 10) is None


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.3, "is better than"), (-0.1, 0.3, "cannot be told apart from"), (-0.3, -0.1, "is worse than")],
)
def test_the_verdict_goes_by_the_interval(low, high, words):
    metrics = dict(content().metrics)
    metrics["differences"] = {"two_stage - ease": {"ndcg@10": {"mean": 0.0, "low": low, "high": high}}}
    assert f"two_stage {words} the best baseline, ease" in verdict(metrics, 10)


def test_plots_of_nothing():
    assert forest({}, "nDCG@10") is None
    assert forest({"ease": NOTHING}, "nDCG@10") is None
    assert recall_curves({}) is None
    assert group_dots({}, "nDCG@10") is None


def test_a_handful_of_users_does_not_set_the_scale():
    def drawn(n):
        groups = {"many": {**interval(0.05), "n": 900}, "few": {**interval(0.9), "n": n}}
        plot = group_dots({"two_stage": groups}, "nDCG@10")
        return base64.b64decode(plot.wide.partition(",")[2]).decode()

    small, large = drawn(FEWEST - 1), drawn(FEWEST)
    assert f"few  ({FEWEST - 1})" in small
    assert f"few  ({FEWEST})" in large
    assert ">0.8<" in large
    assert ">0.8<" not in small


def test_many_sources_are_all_told_apart():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot = recall_curves({f"source_{n:02d}": source(0.1 + n / 100) for n in range(30)})
    assert plot is not None
    drawing = base64.b64decode(plot.wide.partition(",")[2]).decode()
    assert all(f"source_{n:02d}" in drawing for n in range(30))
