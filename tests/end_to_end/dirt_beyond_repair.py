"""Kinds of dirt that cannot be repaired: the rows must be quarantined with their reasons, and no others.

Each is a function that changes an export, and takes out of its truth what is lost.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from tests.end_to_end.dirt import LAST, never_bought, single_purchases, stable_items
from tests.end_to_end.retailer import Export

BOT_LIMIT: Final = 60
"""Events of a user in a day that are still believed."""


def unknown_items(export: Export) -> None:
    """Products that were never exported."""
    for name, n in (("orders", 6), ("taps", 4), ("reviews", 2)):
        rows = export.pick(name, n)
        export.put(name, rows, "sku", [f"ghost-{at}" for at in range(n)])
        export.lose(name, rows, "unknown item")


def unreadable_prices(export: Export) -> None:
    """The cell is empty then, and its row stays."""
    for texts, reason in ((["n/a", "on request", "?", "12 34 €"], "price is not a number"),
                          (["1,234", "€ 9,999"], "price is ambiguous, set `decimal`")):  # fmt: skip
        rows = export.pick("products", len(texts))
        export.put("products", rows, "price_eur", texts)
        export.truth["items"].loc[rows, "price"] = np.nan
        export.due.reasons["items", reason] += len(texts)


def infinite_prices(export: Export) -> None:
    """The product goes, and with it its stock and its events."""
    items, events = export.truth["items"], export.truth["events"]
    for price in ("1e999", "-12.00"):
        of = {at: events.index[events["item"] == item] for at, item in items["item"].items()}
        rows = export.pick("products", 1, [at for at, mine in of.items() if export.untouched("events", mine)])
        lost = of[rows[0]]
        export.touch("events", lost)
        export.put("products", rows, "price_eur", [price])
        export.lose("products", rows, "price is negative or infinite")
        export.lose("orders", lost, "the item was quarantined")
        export.due.reasons["items", "no row of another stream names it"] += 1
        export.due.merged[f"items: {LAST}"] -= 1


def times_beyond_reason(export: Export) -> None:
    """The year 9999 stands for "never", 1900 for "unknown"; words for neither."""
    never, unknown = "9999-12-31T23:59:59Z", "1900-01-01T00:00:00Z"
    for name, column, cells in (
        ("orders", "sold_at", [pd.Timestamp(never), pd.Timestamp(unknown)]),
        ("reviews", "at", [never, str(pd.Timestamp(unknown).value // 1_000_000)]),
    ):
        rows = export.pick(name, 2)
        export.put(name, rows, column, cells)
        export.lose(name, rows, "timestamp is before 1970 or after 2199")
    export.due.converted["interactions", "timestamp: read as ISO8601"] += 1
    rows = export.pick("taps", 3)
    export.put("taps", rows, "at", ["yesterday", 10**15, ""])
    export.lose("taps", rows, "timestamp is missing")
    export.due.reasons["interactions", "timestamp is not a moment"] += 2


def blank_ids(export: Export) -> None:
    """Empty, missing, or nothing but blanks."""
    for name, column, key in (
        ("orders", "customer", "user"), ("orders", "sku", "item"), ("taps", "card", "user"),
        ("reviews", "customer", "user"),
    ):  # fmt: skip
        rows = export.pick(name, 3)
        export.put(name, rows, column, ["", None, "   "])
        export.lose(name, rows, f"{key} is missing")
        trimmed = f"{key}: blanks trimmed"
        export.due.converted["interactions", trimmed] += 1
        if name == "taps":
            export.due.converted["interactions", "user: by cards.csv"] -= 3
    nameless = export.tables["products"].loc[export.pick("products", 1)].copy()
    nameless["sku"] = ""
    export.add("products", nameless)
    export.due.reasons["items", "item is missing"] += 1


def unknown_kinds(export: Export) -> None:
    """A new kind of event that nobody has mapped."""
    for name, column, n in (("orders", "status", 3), ("taps", "action", 5)):
        rows = export.pick(name, n)
        export.put(name, rows, column, ["teleport"] * n)
        export.lose(name, rows, "kind is unknown")


def ratings_out_of_range(export: Export) -> None:
    """Stars beyond five, none at all, and a word."""
    rows = export.pick("reviews", 4)
    export.put("reviews", rows, "stars", [7, 0, "five", None])
    export.lose("reviews", rows, "a rating is not within 1 and 5")
    export.due.reasons["interactions", "value is not a number"] += 1


def test_accounts(export: Export) -> None:
    """Staff try the shop out; some of their accounts are known from orders alone."""
    customers = (
        export.tables["customers"].loc[export.pick("customers", 2)].assign(customer=["test-1", "QA_2"])
    )
    export.add("customers", customers)
    for name in ("test-1", "QA_2", "demo7"):
        export.add("orders", export.tables["orders"].loc[export.pick("orders", 4)].assign(customer=name))
    export.due.reasons["users", "left out: test account"] += 2
    export.due.reasons["interactions", "left out: the user"] += 8
    export.due.reasons["interactions", "left out: test account"] += 4


test_accounts.__test__ = False  # type: ignore[attr-defined]


def bots(export: Export) -> None:
    """A crawler, and a customer whose account one has taken over for a day."""
    events, cards = export.truth["events"], export.tables["cards"]
    free = [user for user, mine in events.groupby("user").groups.items() if export.untouched("events", mine)]
    user = export.rng.choice(sorted(free))
    mine = events.index[events["user"] == user]
    export.touch("events", mine)
    taken = events.loc[mine[0], "timestamp"].floor("D")
    that_day = mine[events.loc[mine, "timestamp"].dt.floor("D") == taken]
    export.tables["cards"] = pd.concat([cards, pd.DataFrame({"card": ["007"], "customer": ["crawler"]})])
    n, why = BOT_LIMIT + 20, f"more than {BOT_LIMIT} events of a user in a day"
    for card in ("007", cards.loc[cards["customer"] == user, "card"].iloc[0]):
        times = [int(taken.timestamp()) + at * 7 for at in range(n)]
        sku = min(stable_items(export))
        export.add("taps", pd.DataFrame({"card": card, "sku": sku, "action": "page", "at": times}))
        export.due.reasons["interactions", why] += n
    export.lose("taps", that_day, why)


def ragged_rows(export: Export) -> None:
    """Rows that are not as long as the header."""
    export.torn = [
        "p99999,Cut off in the mid",
        "p99998,A,B,C,D,1.00,water,,2022-01-01,50 ml,one too many",
        ",,",
    ]
    export.due.reasons["items", "the row is not as long as the header"] += 3


def unmapped_cards(export: Export) -> None:
    """Cards that the key map does not know."""
    rows = export.pick("taps", 5)
    export.put("taps", rows, "card", [f"X{at}" for at in range(5)])
    export.lose("taps", rows, "user is not in cards.csv")
    export.due.converted["interactions", "user: by cards.csv"] -= 5


def returns_of_nothing(export: Export) -> None:
    """What comes back was never sold, or is sold only later."""
    orders = export.tables["orders"]
    for at, label in enumerate(single_purchases(export, 4)):
        back = orders.loc[label].copy()
        back["status"] = "sent_back"
        if at % 2:
            back["sold_at"] -= pd.Timedelta(days=1)
        else:
            back["sku"] = never_bought(export, back["customer"])
        export.add("orders", back.to_frame().T)
    export.due.reasons["interactions", "nothing was bought that could be taken back"] += 4


def stock_of_unknown_products(export: Export) -> None:
    """The warehouse has what the shop has not."""
    export.add("stock", pd.DataFrame({"sku": ["ghost-1", "ghost-2", "0"], "available": "true"}))
    export.due.reasons["items", "no row of another stream names it"] += 3


IRREPARABLE: Final[Mapping[str, Callable[[Export], None]]] = {
    kind.__name__: kind
    for kind in (
        infinite_prices, bots, unknown_items, unreadable_prices, times_beyond_reason, blank_ids,
        unknown_kinds, ratings_out_of_range, test_accounts, ragged_rows, unmapped_cards, returns_of_nothing,
        stock_of_unknown_products,
    )
}  # fmt: skip
