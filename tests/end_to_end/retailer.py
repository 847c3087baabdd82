"""A shop as its retailer has it: a database, an app's own database and files, and what it is in truth."""

import gzip
import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dataset.sources.shop import Shop

ZONE = "Europe/Paris"
OUNCE = 29.5735295625
SIZES = [(ml, np.nan) for ml in (50.0, 30.0, OUNCE, 60.0, 100.0, 2 * OUNCE)] + [(np.nan, 40.0)]
_SQL_TYPES = {"line": "bigint", "age": "numeric", "units": "numeric", "changed": "timestamptz"}
_EVENTS = {"orders": ("purchase",), "taps": ("view", "like", "save", "search"), "reviews": ("rating",)}
_TABLES = {"products": "items", "customers": "users", **dict.fromkeys(_EVENTS, "events")}
_KEYS = {"users": "user", "items": "item"}
_FIRST_NEW_LABEL = 10**9


@dataclass
class Due:
    """What `prepare` must report, counted as dirt is planted."""

    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    converted: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)


@dataclass
class Export:
    """The tables as exported, the truth, and what is due.

    Rows of `orders`, `taps` and `reviews` have the labels of the events, those of `products` and `stock` the
    labels of the items, and those of `customers` the labels of the users, that they tell of. Rows that tell
    of nothing have labels from a thousand million.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
    rng: np.random.Generator
    due: Due = field(default_factory=Due)
    gzipped: bool = False
    torn: list[str] = field(default_factory=list)
    lost: dict[str, set[int]] = field(
        default_factory=lambda: {"users": set(), "items": set(), "events": set()}
    )
    _touched: set[tuple[str, int]] = field(default_factory=set)
    _n_added: int = 0

    def pick(self, name: str, n: int, among: Sequence[int] | None = None) -> pd.Index:
        """Labels of `n` rows that no dirt has touched, and none will."""
        table = _TABLES[name]
        labels = self.tables[name].index if among is None else among
        free = [at for at in labels if (table, at) not in self._touched and at < _FIRST_NEW_LABEL]
        chosen = sorted(self.rng.choice(free, n, replace=False).tolist())
        self.touch(table, chosen)
        return pd.Index(chosen)

    def touch(self, table: str, labels: Sequence[int] | pd.Index) -> None:
        """Keep rows of the truth from other dirt."""
        self._touched.update((table, int(at)) for at in labels)

    def untouched(self, table: str, labels: Sequence[int] | pd.Index) -> bool:
        """Whether no dirt has touched any of the rows."""
        return not any((table, int(at)) in self._touched for at in labels)

    def lose(self, name: str, labels: pd.Index, reason: str) -> None:
        """These rows cannot be repaired: they must be quarantined."""
        table = _TABLES[name]
        self.lost[table].update(labels)
        self.due.reasons["interactions" if table == "events" else table, reason] += len(labels)

    def put(self, name: str, labels: pd.Index, column: str, cells: Sequence[Any]) -> None:
        """Other cells in some rows."""
        column_of = self.tables[name][column].astype(object)
        column_of.loc[labels] = pd.Series(list(cells), index=labels, dtype=object)
        self.tables[name][column] = column_of

    def add(self, name: str, rows: pd.DataFrame, *, first: bool = False) -> None:
        """Further rows, as the last that were written, or before all others."""
        labels = pd.RangeIndex(_FIRST_NEW_LABEL + self._n_added, _FIRST_NEW_LABEL + self._n_added + len(rows))
        self._n_added += len(rows)
        before, rows = self.tables[name], rows.set_axis(labels).astype(object)
        for number in {"line", "n"} & set(before.columns):
            rows[number] = list(
                range(int(before[number].max()) + 1, int(before[number].max()) + 1 + len(rows))
            )
        both = [rows, before.astype(object)] if first else [before.astype(object), rows]
        self.tables[name] = pd.concat(both)
        if name == "taps":
            self.due.converted["interactions", "user: by cards.csv"] += len(rows)

    def rename(self, table: str, names: dict[str, str]) -> None:
        """Other ids, everywhere."""
        key = _KEYS[table]
        for frame in (self.truth[table], self.truth["events"]):
            frame[key] = frame[key].replace(names).astype("str")
        for frame in self.tables.values():
            for column in {"users": ("customer",), "items": ("sku",)}[table]:
                if column in frame:
                    frame[column] = frame[column].replace(names)

    def expected(self) -> dict[str, pd.DataFrame]:
        """The clean shop, but for what is lost, in the order of `arranged`."""
        return {
            name: arranged(name, frame.drop(index=list(self.lost[name])))
            for name, frame in self.truth.items()
        }

    def n_rows(self) -> dict[str, int]:
        """Rows of each stream."""
        streams = {
            "users: customers": "customers", "items: products*": "products", "items: stock.csv": "stock",
            "interactions: orders": "orders", "interactions: app": "taps", "interactions: reviews": "reviews",
        }  # fmt: skip
        counts = {stream: len(self.tables[name]) for stream, name in streams.items()}
        counts["items: products*"] += len(self.torn)
        return counts

    def write(self, folder: Path, connection: Any) -> None:
        """Bring everything to where the retailer has it; `connection` is one of psycopg."""
        folder.mkdir(exist_ok=True)
        for name in ("customers", "orders"):
            write_postgresql(connection, name, self.tables[name])
        write_sqlite(folder / "app.db", self.tables["taps"])
        products, reviews = self.tables["products"], self.tables["reviews"]
        halves = [len(products) // 2, len(reviews) // 2] if self.gzipped else [len(products), len(reviews)]
        torn = "".join(f"{line}\n" for line in self.torn)
        (folder / "products_1.csv").write_text(products[: halves[0]].to_csv(index=False) + torn)
        (folder / "reviews_1.jsonl").write_text(json_lines(reviews[: halves[1]]))
        if self.gzipped:
            rest = products[halves[0] :].to_csv(index=False)
            (folder / "products_2.csv.gz").write_bytes(gzip.compress(rest.encode()))
            (folder / "reviews_2.jsonl.gz").write_bytes(
                gzip.compress(json_lines(reviews[halves[1] :]).encode())
            )
        for name in ("stock", "cards"):
            self.tables[name].to_csv(folder / f"{name}.csv", index=False)


def clean_export(seed: int) -> Export:
    """The export of a shop without dirt."""
    truth = {name: frame.copy(deep=True) for name, frame in _truth().items()}
    users, items, events = truth["users"], truth["items"], truth["events"]
    cards = pd.Series([f"{at:010d}" for at in range(len(users))], index=users["user"])
    sold = events[events["kind"] == "purchase"]
    taps = events[events["kind"].isin(_EVENTS["taps"])]
    reviews = events[events["kind"] == "rating"]
    seconds = taps["timestamp"].astype("int64") // 1_000_000
    actions = {"view": "page", "like": "heart", "save": "bookmark", "search": "find"}
    levels = items["category"].str.split(" > ", n=1, expand=True)
    tables = {
        "orders": {
            "line": range(1, len(sold) + 1), "customer": sold["user"], "sku": sold["item"], "status": "sold",
            "units": sold["quantity"], "sold_at": sold["timestamp"],
        },
        "taps": {
            "n": range(1, len(taps) + 1), "card": taps["user"].map(cards), "sku": taps["item"],
            "action": taps["kind"].map(actions), "at": seconds,
        },
        "reviews": {
            "customer": reviews["user"], "sku": reviews["item"], "stars": reviews["value"],
            "at": reviews["timestamp"].astype("int64") // 1_000,
        },
        "customers": {
            "customer": users["user"], "age": users["age"], "home": users["region"],
            "skin": users["skin_type"], "tone": users["skin_tone"], "needs": users["concerns"].str.join("|"),
            "never": users["avoids"].str.join(";"),
            "changed": pd.date_range("2022-01-01", periods=len(users), freq="min", tz="UTC"),
        },
        "products": {
            "sku": items["item"], "title": items["name"], "maker": items["brand"], "department": levels[0],
            "shelf": levels[1], "price_eur": [f"{price:.2f}" for price in items["price"]],
            "inci": items["ingredients"].str.join(", "), "benefits": items["functions"].str.join("|"),
            "first_sold": [at.isoformat() for at in items["launched_at"].dt.tz_convert(ZONE)],
            "pack": [f"{g} g" if np.isnan(ml) else f"{ml} ml"
                     for ml, g in zip(items["contents_ml"], items["contents_g"], strict=True)],
        },
        "stock": {"sku": items["item"], "available": items["in_stock"].map({True: "true", False: "false"})},
        "cards": {"card": cards.to_numpy(), "customer": cards.index},
    }  # fmt: skip
    frames = {name: pd.DataFrame(columns).astype(object) for name, columns in tables.items()}
    export = Export({name: frame.where(frame.notna(), None) for name, frame in frames.items()}, truth,
                    np.random.default_rng(seed))  # fmt: skip
    export.due.merged["items: an id repeats, the last row wins"] = len(items)  # a product and its stock
    export.due.converted["interactions", "user: by cards.csv"] = len(taps)
    return export


def arranged(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows and columns in an order of their own."""
    keys = {"users": ["user"], "items": ["item"]}
    first = keys.get(name, ["timestamp", "user", "item", "kind", "value", "quantity"])
    columns = [*first, *sorted(frame.columns.difference(first))]
    return frame[columns].sort_values(first, ignore_index=True)


def write_postgresql(connection: Any, name: str, frame: pd.DataFrame, *, new: bool = True) -> None:
    """Rows into a table, a new one or the one that is there."""
    as_text = any(isinstance(cell, str) for cell in frame.get("sold_at", ()))
    types = {**_SQL_TYPES, "sold_at": "text" if as_text else "timestamptz"}
    columns = ", ".join(f"{column} {types.get(column, 'text')}" for column in frame.columns)
    if new:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute(f"CREATE TABLE {name} ({columns})")
    with connection.cursor().copy(f"COPY {name} FROM STDIN") as copy:
        for row in frame.itertuples(index=False, name=None):
            copy.write_row([str(cell) if isinstance(cell, pd.Timestamp) else cell for cell in row])


def write_sqlite(path: Path, taps: pd.DataFrame) -> None:
    """Rows into the app's database, whose columns, like all of SQLite's, hold what one puts in."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS taps ({', '.join(taps.columns)})")
        marks = ", ".join("?" * taps.shape[1])
        connection.executemany(f"INSERT INTO taps VALUES ({marks})", taps.itertuples(index=False, name=None))
    connection.close()


def json_lines(rows: pd.DataFrame) -> str:
    """Rows as objects, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_dict("records"))


@cache
def _truth() -> dict[str, pd.DataFrame]:
    tables = Shop(n_users=240, n_items=120, n_days=240, events_per_user=30).read()
    users = tables.users.astype({"age": "float64"})
    sizes = [SIZES[at % len(SIZES)] for at in range(len(tables.items))]
    dear = (np.arange(len(tables.items)) % 5 == 0) * 1_200.0  # gift boxes
    items = tables.items.assign(
        price=(tables.items["price"] + dear).round(2),
        contents_ml=[ml for ml, _ in sizes],
        contents_g=[g for _, g in sizes],
    )
    return {"users": users, "items": items, "events": tables.interactions}
