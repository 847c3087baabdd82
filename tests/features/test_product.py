"""Catalogue attributes of candidates."""

import numpy as np

from features.product import Product


def test_attributes_are_those_of_the_items(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Product().fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    items, known = snapshot.items, snapshot.known_items
    for item, row in zip(candidates.item, values, strict=True):
        if not snapshot.catalogue[item]:
            assert np.isnan(row).all()
            continue
        got = dict(zip(fitted.names, row, strict=True))
        np.testing.assert_allclose(got["log_price"], np.log(items.price[item]), rtol=1e-6)
        for name, codes in (("brand", items.brand.codes), ("category", items.category.codes)):
            np.testing.assert_equal(got[name], codes[item] if codes[item] >= 0 else np.nan)
        n = len(items.ingredients.lists[item])
        np.testing.assert_equal(got["n_ingredients"], n or np.nan)
        assert got["has_ingredients"] == (n > 0)
        assert got["n_functions"] == len(set(items.functions.lists[item]))
        peers = items.price[known[items.category.codes[known] == items.category.codes[item]]]
        peers = peers[~np.isnan(peers)]
        price = items.price[item]
        rank = np.nan if np.isnan(price) else np.mean((peers < price) + 0.5 * (peers == price))
        np.testing.assert_allclose(got["price_rank"], rank, rtol=1e-6)
    assert fitted.categorical == ("brand", "category", "top_category")


def test_free_and_unpriced_products_have_no_log_price(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    snapshot.items.price[snapshot.known_items[0]] = 0
    assert np.isnan(Product().fit(snapshot, {}, ()).table[0, :2]).all()
