"""Families hold what their name says, and are found however somebody asks for them."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.ingredients import avoided, families, families_asked, families_of, members, members_of, normalise
from dataset.ingredients.synonyms import aliases, corrected, misspellings, remarks

MEMBERS = {
    "parabens": "methylparaben, Sodium Propylparaben, ISOBUTYLPARABEN",
    "sulfates": "SLS, Sodium Laureth Sulphate, Ammonium Lauryl Sulfate, sodium coco-sulfate, "
    "Sodium C14-16 Alkyl Sulfate",
    "silicones": "Dimethicone, cyclopentasiloxane, Amodimethicone, Dimethiconol, "
    "Bis-PEG-18 Methyl Ether Dimethyl Silane",
    "retinoids": "Retinol, Retinyl Palmitate, Retinal, Hydroxypinacolone Retinoate, Tretinoin, adapalene",
    "fragrance allergens": "Linalool, d-Limonene, Citral, Lilial, Amylcinnamal, Oakmoss, Vanillin, "
    "Lavandula Angustifolia"
    " (Lavender) Oil, Mentha Piperita (Peppermint) Oil, Cananga Odorata Flower Oil, "
    "Rosa Damascena Flower Oil",
    "drying alcohols": "Ethanol, SD Alcohol 40-B, Isopropanol",
    "mineral oils": "Mineral Oil, Petrolatum, Paraffin, C13-14 Isoparaffin, Microcrystalline Wax",
    "pegs": "PEG-100 Stearate, Polysorbate 20, Ceteareth-20, Steareth-21, Sodium Laureth Sulfate, "
    "PEG/PPG-18/18 Dimethicone",
    "formaldehyde releasers": "DMDM Hydantoin, Diazolidinyl Urea, Quaternium-15, Bronopol, "
    "Imidazolidinyl Urea",
    "phthalates": "Diethyl Phthalate, Dibutyl Phthalate",
    "chemical sunscreens": "Avobenzone, Oxybenzone, Octinoxate, Homosalate, Octocrylene, "
    "Ethylhexyl Salicylate",
    "mineral sunscreens": "Zinc Oxide 20%, CI 77891",
    "aha": "Glycolic Acid, Lactic Acid, Mandelic Acid",
    "bha": "Salicylic Acid, Betaine Salicylate",
    "pha": "Gluconolactone, Lactobionic Acid",
    "isothiazolinones": "Methylisothiazolinone, Methylchloroisothiazolinone",
    "essential oils": "Melaleuca Alternifolia (Tea Tree) Leaf Oil, Citrus Limon (Lemon) Peel Oil, "
    "Lavender Oil",
    "lanolin": "Lanolin Alcohol, Laneth-10, Adeps Lanae",
    "gluten": "Triticum Vulgare (Wheat) Germ Oil, Hydrolyzed Wheat Protein, Hordeum Vulgare Extract",
    "nuts": "Prunus Amygdalus Dulcis (Sweet Almond) Oil, Macadamia Ternifolia Seed Oil",
    "soy": "Glycine Soja (Soybean) Oil, Hydrolyzed Soy Protein",
}
STRANGERS = {
    "sulfates": "Magnesium Sulfate, Barium Sulfate, Glucosamine Sulfate, Behentrimonium Methosulfate, "
    "Zinc Sulfate",
    "silicones": "Silica, Magnesium Aluminum Silicate",
    "retinoids": "Bakuchiol, Phloretin, Hesperetin, Keratin",
    "drying alcohols": "Cetearyl Alcohol, Benzyl Alcohol, Lanolin Alcohol, Stearyl Alcohol",
    "pegs": "Methyl Gluceth, Methylparaben, Pentaerythrityl Tetraethylhexanoate, Ethylhexylglycerin",
    "phthalates": "Polyethylene Terephthalate",
    "essential oils": "Salvia Hispanica (Chia) Seed Oil, Rosa Canina Fruit Oil, "
    "Simmondsia Chinensis Seed Oil",
    "gluten": "Avena Sativa Kernel Extract, Fagopyrum Esculentum (Buckwheat) Extract",
    "soy": "Soluble Collagen",
}


def test_every_family_is_told_apart_here():
    assert set(MEMBERS) == set(families())


@pytest.mark.parametrize("family", MEMBERS)
def test_members_are_matched_from_labels(family):
    names = normalise(MEMBERS[family])
    assert len(names) == len(MEMBERS[family].split(", "))
    assert members(family, names) == names


@pytest.mark.parametrize("family", STRANGERS)
def test_what_only_sounds_alike_is_none(family):
    assert members(family, normalise(STRANGERS[family])) == []


def test_the_eu_list_of_26_is_whole():
    listed = (
        "amyl cinnamal, benzyl alcohol, cinnamyl alcohol, citral, eugenol, hydroxycitronellal, isoeugenol,"
        "amylcinnamyl alcohol, benzyl salicylate, cinnamal, coumarin, geraniol,"
        "hydroxyisohexyl 3-cyclohexene carboxaldehyde, anise alcohol, benzyl cinnamate, farnesol,"
        "butylphenyl methylpropional, linalool, benzyl benzoate, citronellol, hexyl cinnamal, limonene,"
        "methyl 2-octynoate, alpha-isomethyl ionone, evernia prunastri extract, evernia furfuracea extract"
    )
    names = normalise(listed)
    assert len(names) == 26
    assert members("fragrance allergens", names) == names


WORDINGS = [
    (family, wording) for family, entry in families().items() for wording in (family, *entry.wordings)
]


@pytest.mark.parametrize("ask", ["{}", "{}-free", "{} free", "no {}", "Without {}", "free from {}", " {} "])
def test_a_family_is_found_however_it_is_asked_for(ask):
    for family, wording in WORDINGS:
        for text in (ask.format(wording), ask.format(wording).upper()):
            assert families_asked(text) == {family}, text
            assert avoided(text) == [family], text


def test_several_at_once():
    assert avoided("AHAs/BHAs, no sulphates & parabens, Parfum, Fragrance-free") == [
        "aha", "bha", "parabens", "sulfates", "fragrance"
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", " , ", "methylparaben", "vitamin c", "free", "-free", "no"])
def test_what_asks_for_no_family(text):
    assert families_asked(text) == frozenset()


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_wish_can_be_read(text):
    for word in avoided(text):
        assert word in families() or normalise(word) == [word]


@settings(max_examples=40)
@given(st.data())
def test_who_avoids_a_name_meets_it_in_any_spelling(data):
    alias, name = data.draw(st.sampled_from(sorted(aliases().items())))
    (found,) = members_of([alias], ["stardust", name, name.replace(" ", "-"), *normalise(alias.title())])
    assert {1, 2, 3} <= set(found.tolist())


def test_members_by_family_and_by_name():
    names = ["fragrance", "methylparaben", "pan-thenol", "water", "propylparaben"]
    found = members_of(["Paraben-free", "panthenol", "parfum", "unheard of", "propyl paraben"], names)
    assert [each.tolist() for each in found] == [[1, 4], [2], [0], [], [4]]


def test_the_tables_are_in_the_words_of_the_parser():
    wrong = [alias for alias, name in aliases().items() if normalise(alias) != [name]]
    assert wrong == []
    listed = {name for family in families().values() for name in (*family.names, *family.exceptions)}
    assert [name for name in sorted(listed) if normalise(name) != [name]] == []
    assert all(corrected(right) == right for right in misspellings().values())
    assert [remark for remark in remarks() if normalise(remark)] == []
    assert not remarks() & aliases().keys()


def test_no_alias_stands_for_two_names():
    path = Path(families.__wrapped__.__code__.co_filename).parent / "synonyms.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    spellings = [alias for row in rows for alias in (row["name"], *filter(None, row["aliases"].split("|")))]
    assert len(set(spellings)) == len(spellings)


def test_an_ingredient_may_be_of_several_families():
    assert families_of("sodium laureth sulfate") == {"sulfates", "pegs"}
    assert families_of("water") == frozenset()


_TEMPLATES = (
    "{}", "{}*", "{} 0.5%", "({})", "Preservative ({})", "Brandname® ({})", "Preservative: {}",
    "Glycolic ({}) Blend",
    "{} / Water", "Water / {}", "{} Carbomer", "Carbomer {}", "Parfum ({})", "Parfum (Water, {})",
    "{} (and) Water",
    "{}. May contain: Mica", "Mica [+/- {}]", "Water; {}", "1,2-Hexanediol, {}", "{} 2%Water",
    "Blend [Water, Xyz ({})]",
)  # fmt: skip
_AROUND = st.lists(
    st.sampled_from(
        ["Aqua (Water)", "Butyrospermum Parkii (Shea) Butter", "Xyz", "1,2-Hexanediol", "Zinc Oxide 20%",
        "CI 77491",
         "Poly(C6-14 Olefin)", "Persea Gratissima (Extra Virgin, Cold-Pressed) Oil", "PEG-8 Dimethicone"]
    ), max_size=3,
)  # fmt: skip


@settings(max_examples=60)
@given(
    st.sampled_from(["Methylparaben", "Linalool", "Retinol", "Sodium Laureth Sulfate", "Homosalate"]),
    st.sampled_from(_TEMPLATES), _AROUND, _AROUND, st.sampled_from([", ", ",", "; ", " • ", ",\n"]),
)  # fmt: skip
def test_a_member_is_found_wherever_it_stands(member, template, before, after, separator):
    label = separator.join([*before, template.format(member), *after])
    assert member.casefold() in normalise(label), label
