"""Coverage and families by codes, against the functions that work on words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.ingredients import coverage
from evaluation.exploration.ingredients import ingredients
from tests.evaluation.exploration.logs import interactions, material_of

NAMES = ("water", "glycerin", "methylparaben", "dimethicone", "stardust")
FAMILIES = {"methylparaben": {"parabens"}, "dimethicone": {"silicones"}, "stardust": {"silicones", "magic"}}
lists = st.lists(st.lists(st.sampled_from(NAMES), max_size=5, unique=True), min_size=5, max_size=5)
EVENTS = [(0, 0, "purchase", 0), (1, 1, "purchase", 1), (2, 1, "purchase", 2), (3, 4, "purchase", 3)]


def families_of(name):
    return FAMILIES.get(name, ())


@settings(max_examples=25)
@given(labels=lists, inventory=st.sets(st.sampled_from(NAMES)))
def test_coverage_and_families(labels, inventory):
    found = ingredients(material_of(interactions(EVENTS), ingredients=labels), inventory, families_of)
    listed = [label for label in labels if label]
    if not listed:
        assert found is None
        return
    oracle = coverage(labels, inventory)
    assert found["mentions"] == oracle.mentions
    assert found["coverage"]["placed"] == oracle.placed
    assert found["misses"] == oracle.misses.to_dict()
    assert found["misses_in_all"] == len(oracle.misses)
    bought = [labels[item] for _, item, *_ in EVENTS]
    for name in {family for label in listed for word in label for family in families_of(word)}:
        holds = [any(name in families_of(word) for word in label) for label in listed]
        assert found["families"][name]["items"] == sum(holds)
        with_list = [any(name in families_of(word) for word in label) for label in bought if label]
        expected = sum(with_list) / max(len(with_list), 1)
        assert abs(found["families"][name]["of_transactions"] - expected) < 1e-12
    assert set(found["families"]) == {f for label in listed for word in label for f in families_of(word)}


def test_without_an_inventory_nothing_is_said_of_coverage():
    found = ingredients(material_of(interactions(EVENTS)), None, families_of)
    assert found["coverage"] is None
    assert "set dataset.cosing" in found["reading"]
