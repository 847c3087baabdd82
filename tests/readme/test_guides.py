"""The guide shows the examples as they are, and they work."""

import gzip
import json
import re
import sqlite3

import pytest

from dataset.sources.tables import TableFiles


def test_the_guide_shows_lines_of_the_examples(repository):
    guide = (repository / "docs" / "bring_your_own_tables.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    shown = {line for block in blocks for line in block.splitlines()}
    examples = sorted((repository / "docs" / "examples").glob("*.yaml"))
    lines = [line for path in examples for line in path.read_text(encoding="utf-8").splitlines()]
    code = {line.partition(" #")[0].rstrip() for line in lines if not line.startswith("#")}
    assert len(examples) == 3
    assert shown - code == set()
    assert code - shown <= {""}


def test_several_systems_become_one_shop(repository, tmp_path, monkeypatch):
    (tmp_path / "erp").mkdir()
    (tmp_path / "loyalty").mkdir()
    products = 'sku;title;maker;price_eur;pack\n007;Crème;Lumi;"€ 1.234,50";2 oz / 60 mL\n008;Gel;Lumi;9,5;\n'
    (tmp_path / "erp/products_1.csv.gz").write_bytes(gzip.compress(products.encode("cp1252")))
    (tmp_path / "erp/stock.csv").write_text("sku,available\n007,no\n999,yes\n")
    (tmp_path / "cards.csv").write_text("card,customer\nK1,c1\n")
    tills = [("K1", "beauty", "31.12.2022 10:00"), ("K9", "care", "2023-01"), ("K1", "toys", "2023")]
    with (tmp_path / "loyalty/may.jsonl").open("w") as file:
        for card, department, at in tills:
            article = {"sku": "008", "department": department}
            file.write(json.dumps({"card": card, "article": article, "at": at}) + "\n")
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE customers (customer, home)")
        connection.execute("INSERT INTO customers VALUES ('c1', 'Nord')")
        connection.execute("CREATE TABLE orders (line, customer, sku, status, units, sold_at)")
        rows = [
            (1, "c1", "007", "sold", 2, "2023-01-01 12:00"), (2, "test-1", "007", "sold", 1, "2023-01-02"),
            (3, "c1", "007", "sent_back", 1, "2023-01-03"),
        ]  # fmt: skip
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("SHOP_DATABASE", f"sqlite:///{tmp_path}/shop.db")
    mapping = repository / "docs/examples/several.yaml"
    tables = TableFiles(path=str(tmp_path), mapping=str(mapping)).read()
    items = tables.items.groupby("item").last()
    serum = items.loc["007", ["name", "price", "contents_ml", "in_stock"]]
    assert serum.tolist() == ["Crème", 1234.5, 60.0, False]
    assert items.loc["008", "price"] == 9.5
    events = tables.interactions[["user", "item", "kind", "quantity"]].to_numpy().tolist()
    assert events == [
        ["c1", "007", "purchase", 2], ["c1", "007", "return", 1], ["c1", "008", "purchase", 1]
    ]  # fmt: skip
    assert str(tables.interactions["timestamp"].iloc[2]) == "2022-12-31 09:00:00+00:00"
    assert sorted(tables.rejected["reason"]) == [
        "left out: article.department is not beauty or care", "left out: customer is test-1 or test-2",
        "no row of another stream names it", "user is not in cards.csv",
    ]  # fmt: skip
    monkeypatch.delenv("SHOP_DATABASE")
    with pytest.raises(ValueError, match="environment variable SHOP_DATABASE"):
        TableFiles(path=str(tmp_path), mapping=str(mapping)).read()
