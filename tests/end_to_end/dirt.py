"""Kinds of dirt that can be repaired: the shop must come back as if there had been none.

Each is a function that changes an export, and counts in it what `prepare` must say it repaired.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pandas as pd

from tests.end_to_end.retailer import ZONE, Export

_REPEATS = "the event repeats"
LAST = "an id repeats, the last row wins"


def repeated_events(export: Export) -> None:
    """Exports overlap, buttons are pressed twice."""
    for name, n in (("orders", 15), ("taps", 30), ("reviews", 10)):
        export.add(name, export.tables[name].loc[export.pick(name, n)])
        export.due.merged[f"interactions: {_REPEATS}"] += n


def dates_of_several_formats_and_zones(export: Export) -> None:
    """Each system writes dates in its own way; a text column takes them all."""
    ways: Mapping[str, Sequence[tuple[str, str | None]]] = {
        "orders": [(ZONE, "%d.%m.%Y %H:%M:%S"), ("Asia/Kolkata", None), (ZONE, "%Y-%m-%d %H:%M:%S"),
                   ("UTC", "%Y-%m-%dT%H:%M:%SZ")],
        "taps": [("UTC", "%Y-%m-%dT%H:%M:%SZ"), (ZONE, "%Y-%m-%d %H:%M:%S")],
        "reviews": [("America/New_York", None)],
    }  # fmt: skip
    columns = {"orders": "sold_at", "taps": "at", "reviews": "at"}
    for name, formats in ways.items():
        for zone, form in formats:
            rows = export.pick(name, 20)
            local = export.truth["events"].loc[rows, "timestamp"].dt.tz_convert(zone)
            texts = [at.strftime(form) if form else at.isoformat() for at in local]
            export.put(name, rows, columns[name], texts)
            other = form if form == "%d.%m.%Y %H:%M:%S" else "ISO8601" if name != "orders" else None
            if other:
                export.due.converted["interactions", f"timestamp: read as {other}"] += len(rows)


def prices_as_people_write_them(export: Export) -> None:
    """With currencies, thousands and decimal commas."""
    swapped = str.maketrans(".,", ",.")
    ways: Sequence[Callable[[str], str]] = [
        lambda english: f"€ {english.translate(swapped)}",
        lambda english: f"{english.translate(swapped)} EUR",
        lambda english: f"${english}",
        lambda english: english.replace(",", "\u202f").replace(".", ",") + "\u00a0€",
        lambda english: english.translate(swapped),
    ]
    rows = export.pick("products", 20)
    prices = export.truth["items"].loc[rows, "price"]
    texts = [ways[at % len(ways)](f"{price:,.2f}") for at, price in enumerate(prices)]
    export.put("products", rows, "price_eur", texts)
    export.due.converted.update({
        ("items", "price: currency stripped"): sum(any(mark in text for mark in "€$E") for text in texts),
        ("items", "price: thousands separators removed"): int((prices >= 1000).sum()),
        ("items", "price: decimal comma read"): sum("$" not in text for text in texts),
    })  # fmt: skip


def spellings_of_brands_and_categories(export: Export) -> None:
    """Everyone who keeps products spells in their own way; most are right."""
    ways: Sequence[Callable[[str], str]] = [
        str.upper, str.lower, lambda name: name.replace(" ", "  "), lambda name: f"{name}.",
        lambda name: name.replace(" ", "-").swapcase(), lambda name: unicodedata.normalize("NFD", name),
    ]  # fmt: skip
    for column, canonical in (("maker", "brand"), ("shelf", "category")):
        groups = export.truth["items"].groupby(canonical)["item"]
        few = groups.cumcount() < groups.transform("size") // 4
        rows = export.pick("products", 9, few.index[few])
        before = export.tables["products"].loc[rows, column]
        cells = [ways[at % len(ways)](name) for at, name in enumerate(before)]
        export.put("products", rows, column, cells)
        n_changed = sum(cell != name for cell, name in zip(cells, before, strict=True))
        export.due.changed[f"{canonical}_spelling", f"{canonical}: spelt as the others"] += n_changed


def sizes_in_other_units(export: Export) -> None:
    """What a pack holds, as packs print it."""
    items, due = export.truth["items"], export.due.converted
    ways = {
        ("contents_ml", 30.0): ("3 x 10 ml", "contents_ml: of several pieces"),
        ("contents_ml", 29.5735295625): ("1 fl. oz", "contents_ml: from fl oz"),
        ("contents_ml", 59.147059125): ("2 oz", "contents_ml: from oz"),
        ("contents_ml", 60.0): ("2 oz / 60 mL", None),
        ("contents_ml", 100.0): ("0,1 L", "contents_ml: from l"),
        ("contents_g", 40.0): ("Net Wt. 0.04 kg", "contents_ml: from kg"),
    }
    for (column, amount), (text, how) in ways.items():
        rows = export.pick("products", 2, items.index[items[column] == amount])
        export.put("products", rows, "pack", [text] * 2)
        if how:
            due["items", how] += 2


def returned_and_cancelled_orders(export: Export) -> None:
    """What came back was never sold; what came back in part was sold in part."""
    merged, orders = export.due.merged, export.tables["orders"]
    for at, label in enumerate(single_purchases(export, 15)):
        row, month = orders.loc[label], pd.Timedelta(days=35)
        extra = row.copy()
        if at % 3 == 0:  # the product of the order itself, once more: the latest comes back
            extra["sold_at"] += pd.Timedelta(days=1)
        elif at % 3 == 1:
            extra["sku"] = never_bought(export, row["customer"])
        else:
            export.put("orders", pd.Index([label]), "units", [row["units"] + 2])
            back = row.copy()
            back[["status", "units", "sold_at"]] = ["sent_back", 2.0, row["sold_at"] + month]
            export.add("orders", back.to_frame().T)
            export.due.changed["returns", "quantity: taken back in part"] += 1
            merged["interactions: took back a purchase"] += 1
            continue
        back = extra.copy()
        back["sold_at"] += month
        back["status"] = "called_off" if at % 2 else "sent_back"
        back["units"] = (
            [None, -extra["units"], extra["units"]][at // 3 % 3] if extra["units"] == 1 else extra["units"]
        )
        if back["units"] is not None and back["units"] < 0:
            export.due.changed["contract", "quantity: sign of a return dropped"] += 1
        export.add("orders", pd.DataFrame([extra, back]))
        merged["interactions: a purchase taken back"] += 1
        merged["interactions: took back a purchase"] += 1


def ids_that_look_like_numbers(export: Export) -> None:
    """Leading zeros, 2^60, words that mean "nothing" elsewhere, other scripts, upper and lower case."""
    strange = [
        "000123",
        "0123",
        str(2**60),
        str(2**60 + 1),
        "1e5",
        "1.0",
        "NA",
        "null",
        "True",
        "-7",
        "口红",
        "é",
    ]
    for table, key in (("users", "user"), ("items", "item")):
        export.rename(table, dict(zip(export.truth[table][key], strange, strict=False)))


def label_text(export: Export) -> None:
    """Ingredients as printed: brackets, percentages, asterisks, capitals, bullets."""
    rows = export.pick("products", 12)
    labels = []
    for at, names in enumerate(export.truth["items"].loc[rows, "ingredients"]):
        marks = (["", "*", " 5%"], ["**", " (0,5 %)", ""])[at % 2]
        said = ["Aqua (Water)" if name == "water" else name + marks[i % 3] for i, name in enumerate(names)]
        labels.append(", ".join(said).title() if at % 2 else "INGREDIENTS: " + " • ".join(said).upper())
    export.put("products", rows, "inci", labels)


def products_twice(export: Export) -> None:
    """An older row stands before the newer one, which need not say everything again."""
    rows = export.pick("products", 8)
    older = export.tables["products"].loc[rows].copy()
    older["price_eur"] = "3.50"
    older["title"] = "Old " + older["title"]
    export.put("products", rows[:3], "first_sold", [""] * 3)
    export.add("products", older, first=True)
    export.due.merged[f"items: {LAST}"] += len(rows)
    export.due.conflicts.update({"items.price": len(rows), "items.name": len(rows)})


def customers_twice(export: Export) -> None:
    """A customer has moved; both addresses are in the table, the time of change says which is newer."""
    rows = export.pick("customers", 8)
    older = export.tables["customers"].loc[rows].copy()
    older["home"], older["changed"] = "elsewhere", older["changed"] - pd.Timedelta(days=400)
    export.add("customers", older)
    export.due.merged[f"users: {LAST}"] += len(rows)
    export.due.conflicts["users.region"] += len(rows)


def several_cards_of_a_customer(export: Export) -> None:
    """A lost card was replaced; the key map repeats itself."""
    rows = export.pick("taps", 25)
    cards = [f"0{at}A" for at in range(len(rows))]
    more = pd.DataFrame({"card": cards, "customer": export.truth["events"].loc[rows, "user"].to_numpy()})
    export.put("taps", rows, "card", cards)
    export.tables["cards"] = pd.concat([export.tables["cards"], more, more[:5]], ignore_index=True)


def blanks_around_values(export: Export) -> None:
    """Columns of fixed width, cells typed by hand."""
    columns = {
        "orders": {"customer": "user", "sku": "item", "status": "kind"},
        "taps": {"card": "user", "sku": "item"}, "customers": {"customer": "user", "home": "region"},
        "reviews": {"sku": "item"},
        "products": {"sku": "item", "maker": "brand", "price_eur": "price", "first_sold": "launched_at"},
    }  # fmt: skip
    for name, canonical in columns.items():
        table = {"customers": "users", "products": "items"}.get(name, "interactions")
        for column, role in canonical.items():
            rows = export.pick(name, 4)
            cells = export.tables[name].loc[rows, column]
            export.put(
                name,
                rows,
                column,
                [f" {cell}\u00a0" if at % 2 else f"{cell}   " for at, cell in enumerate(cells)],
            )
            export.due.converted[table, f"{role}: blanks trimmed"] += len(rows)


def gzipped_part(export: Export) -> None:
    """The second half of the files comes gzipped."""
    export.gzipped = True


def flags_in_many_words(export: Export) -> None:
    """Yes is 1, no is N."""
    stock = export.tables["stock"]
    words = {"true": ["yes", "Y", "1", "TRUE", "t"], "false": ["no", "N", "0", "FALSE", "f"]}
    said = [words[cell][at % 5] if cell in words else cell for at, cell in enumerate(stock["available"])]
    stock["available"] = said


def single_purchases(export: Export, n: int) -> pd.Index:
    """Orders whose customer bought the product once, untouched."""
    events = export.truth["events"]
    bought = events[events["kind"] == "purchase"]
    single = bought.index[~bought.duplicated(["user", "item"], keep=False)]
    return export.pick("orders", n, single)


def never_bought(export: Export, user: str) -> str:
    """A product that is not lost, and that the user never bought."""
    events = export.truth["events"]
    bought = events.loc[(events["user"] == user) & (events["kind"] == "purchase"), "item"]
    return str(export.rng.choice(sorted(stable_items(export) - set(bought))))


def stable_items(export: Export) -> set[str]:
    """Products that are not lost."""
    return set(export.truth["items"].drop(index=list(export.lost["items"]))["item"])


REPAIRABLE: Final[Mapping[str, Callable[[Export], None]]] = {
    kind.__name__: kind
    for kind in (
        ids_that_look_like_numbers, repeated_events, dates_of_several_formats_and_zones,
        prices_as_people_write_them, spellings_of_brands_and_categories, sizes_in_other_units,
        returned_and_cancelled_orders, label_text, products_twice, customers_twice,
        several_cards_of_a_customer, blanks_around_values, gzipped_part, flags_in_many_words,
    )
}  # fmt: skip
