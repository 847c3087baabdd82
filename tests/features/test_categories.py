from features.categories import top_levels


def test_the_top_levels_of_a_category_path(shop) -> None:  # type: ignore[no-untyped-def]
    category = shop.snapshot().items.category
    tops = top_levels(category, 2)
    assert tops.names == ("Hair > Oils", "Skin > Care", "Skin > Sun")
    for code, top in zip(category.codes, tops.codes, strict=True):
        assert (top == -1) == (code == -1)
        assert code == -1 or category.names[code].startswith(tops.names[top])
