"""The public layouts of three editions, gzipped and not, come to the same tables."""

import gzip
import json
from pathlib import Path

import pytest

from dataset.errors import DataContractError, ParameterError
from dataset.sources.amazon_reviews import AmazonReviews

EVENTS = [("u1", "B01", "5.0", 1_500_000_000), ("u2", "0205616461", "3.0", 1_400_000_000)]
PRODUCTS = [("B01", "A serum", "Lumi", ["Beauty", "Skin"], "$12.99"), ("0205616461", "A book", "", [], "")]


def _folder(folder: Path, edition: int, *, zipped: bool, as_lines: bool) -> AmazonReviews:
    new = edition == 2023
    item, brand, levels = ("parent_asin", "store", "categories") if new else ("asin", "brand", "category")
    products = [
        {item: i, "title": name, brand: maker, levels: path, "price": price or None, "rest": {"x": 1}}
        for i, name, maker, path, price in PRODUCTS
    ]
    scale = 1000 if new else 1
    if as_lines:
        names = (
            ("user_id", "parent_asin", "rating", "timestamp") if new
            else ("reviewerID", "asin", "overall", "unixReviewTime")
        )  # fmt: skip
        reviews = [dict(zip(names, (u, i, float(v), t * scale), strict=True)) for u, i, v, t in EVENTS]
        text, name = "".join(json.dumps(one) + "\n" for one in reviews), "Beauty.jsonl"
    else:
        listed = [(i, u, v, t) if edition == 2018 else (u, i, v, t * scale) for u, i, v, t in EVENTS]
        head = "user_id,parent_asin,rating,timestamp\n" if new else ""
        text, name = head + "".join(",".join(map(str, row)) + "\n" for row in listed), "ratings_Beauty.csv"
    meta = "".join(json.dumps(one) + "\n" for one in products)
    for file, content in ((name, text), ("meta_Beauty.json", meta)):
        raw = content.encode()
        path = folder / (file + (".gz" if zipped else ""))
        path.write_bytes(gzip.compress(raw) if zipped else raw)
    pattern = "Beauty.jsonl*" if as_lines else "*.csv*"
    return AmazonReviews(path=str(folder), edition=edition, reviews=pattern)


@pytest.mark.parametrize("edition", [2014, 2018, 2023])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("as_lines", [False, True])
def test_editions(tmp_path, edition, zipped, as_lines):
    source = _folder(tmp_path, edition, zipped=zipped, as_lines=as_lines)
    assert len(source.inputs()) == 2
    tables = source.read()
    events = tables.interactions
    assert events["user"].tolist() == ["u1", "u2"]
    assert events["item"].tolist() == ["B01", "0205616461"]
    assert events["value"].tolist() == [5.0, 3.0]
    assert events["timestamp"].dt.year.tolist() == [2017, 2014]
    assert set(events["kind"]) == {"rating"}
    items = tables.items.set_index("item")
    assert items.loc["B01", ["name", "brand", "category", "price"]].tolist() == [
        "A serum", "Lumi", "Beauty > Skin", 12.99
    ]  # fmt: skip
    assert not len(tables.rejected)


def test_the_metadata_of_2014_and_other_editions_are_refused(tmp_path):
    source = _folder(tmp_path, 2014, zipped=False, as_lines=False)
    (tmp_path / "meta_Beauty.json").write_text("{'asin': 'B01', 'title': 'x'}\n")
    with pytest.raises(DataContractError, match="must be JSON lines"):
        source.read()
    with pytest.raises(ParameterError, match="2014, 2018, 2023"):
        AmazonReviews(path="x", edition=2020)
