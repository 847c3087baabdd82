"""Labels to names: the traps of real labels, and properties on any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.ingredients import LENGTH_CAP, NAMES_CAP, normalise, normalise_name

_PIECES = ("(", ")", "[", ":", "/", "+/-", "*", ",", ";", "%", ".", "20%", "(and)", "poly(", "water", "aqua")
_WORDS = ("eau", "oil", "lake", "1,2", "-hexanediol", "denat.", "é", "ﬁ", "İ", "Ａ", "🧴", "x")
_SPACED = (" / ", ". ", ", ", "\n", "may contain", "vitamin ", "organic ", "d&c red no. 4", "ci 77491", "\\")
_REAL = (
    "Butyrospermum Parkii (Shea) Butter*",
    "Mica [+/- CI 77491",
    "Zinc Oxide 4.0%",
    "PEG-8 ",
    "<br>",
    "lake",
)
_UNSEEN = ("\x00", "\u200f", "\u0301", "\u00ad")
_FRAGMENTS = st.sampled_from([*_PIECES, *_WORDS, *_SPACED, *_REAL, *_UNSEEN])
_LABELS = st.lists(st.one_of(_FRAGMENTS, st.text(max_size=4)), max_size=14).map("".join)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("Aqua (Water), GLYCERIN", ["water", "glycerin"]),
        ("Water / Aqua / Eau, Glycerin", ["water", "glycerin"]),
        ("Water\\Aqua\\Eau", ["water"]),
        ("Water(Aqua/Eau),Kaolin", ["water", "kaolin"]),
        ("Fragrance (Parfum), Parfum/Fragrance", ["fragrance"]),
        ("Glycerin, 1,2-Hexanediol, Silica", ["glycerin", "1,2-hexanediol", "silica"]),
        ("1, 2-Hexanediol, 1,2- hexanediol", ["1,2-hexanediol"]),
        ("Caprylic/ Capric Triglyceride", ["caprylic/capric triglyceride"]),
        ("Leuconostoc / Radish Root Ferment Filtrate", ["leuconostoc/radish root ferment filtrate"]),
        ("Helianthus Annuus (Sunflower) Seed Oil*", ["helianthus annuus seed oil"]),
        ("Yeast Extract\\Faex\\Extrait De Levure", ["yeast extract"]),
        ("Zinc Oxide 20%, Titanium Dioxide 3,5 %", ["zinc oxide", "titanium dioxide"]),
        ("Titanium Dioxide (CI 77891), CI 77891", ["titanium dioxide"]),
        ("Iron Oxides (CI 77491, CI 77492)", ["iron oxides"]),
        ("CI 19140 (FD&C Yellow No.5), Yellow 5 Lake", ["ci 19140"]),
        ("Water (and) Squalane; Retinol", ["water", "squalane", "retinol"]),
        ("Alcohol Denat., SD Alcohol 40-B, Linalool.", ["alcohol denat", "linalool"]),
        ("Citric Acid. *Certified organic ingredient", ["citric acid"]),
        ("Mica [+/- CI 77491, Carmine]", ["mica", "iron oxides", "carmine"]),
        ("Mica. May contain (+/-): Tin Oxide", ["mica", "tin oxide"]),
        ("Hydrogenated Poly(C6-14 Olefin)", ["hydrogenated poly(c6-14 olefin)"]),
        ("Vitamin C (Ascorbic Acid)", ["ascorbic acid"]),
        ("Glycerin, Glycerin, glycerin", ["glycerin"]),
        ("Emulsifier (Polysorbate 20), Water", ["polysorbate 20", "water"]),
        ("Optiphen (Phenoxyethanol)", ["optiphen", "phenoxyethanol"]),
        ("Preservative: Methylparaben", ["methylparaben"]),
        ("Tocopheryl Acetate (Vitamin E)", ["tocopheryl acetate"]),
        ("Glycolic (Methylparaben) Complex", ["glycolic complex", "methylparaben"]),
        ("Titanium Dioxide (CI 77891) Water", ["titanium dioxide", "water"]),
        ("Avobenzone 1.75% Homosalate 5%", ["butyl methoxydibenzoylmethane", "homosalate"]),
        ("Zinc Oxide 4.0%Water", ["zinc oxide", "water"]),
        ("Avobenzone 3% Sunscreen", ["butyl methoxydibenzoylmethane"]),
        ("Scrub with 10% Acid: Water, Urea", ["water", "urea"]),
        ("Palmitic Acid Carbomer", ["palmitic acid", "carbomer"]),
        ("Salicylic Acid: Water", ["salicylic acid", "water"]),
        ("Methylparaben/Propylparaben", ["methylparaben", "propylparaben"]),
        ("Sodium Benzoate / Potassium Sorbate", ["sodium benzoate", "potassium sorbate"]),
        ("PEG-8 Dimethicone, Lanolin Alcohol", ["peg-8 dimethicone", "lanolin alcohol"]),
        ("Phenoxyethanol  *Hadasei-3.", ["phenoxyethanol", "hadasei-3"]),
        ("1,2 Hexanediol, 1.2-Hexanediol", ["1,2-hexanediol"]),
        ("Xantham Gum, Citrus Medica Limonum Peel Oil", ["xanthan gum", "citrus limon peel oil"]),
        ("Cire d'abeille; Huile de Ricin", ["cera alba", "ricinus communis seed oil"]),
        ("Wasser, Duftstoff, Zitronensäure", ["water", "fragrance", "citric acid"]),
        ("Agua, Aceite Mineral, Azúcar", ["water", "paraffinum liquidum", "sucrose"]),
        ("FD&C Blue No. 1/CI 42090", ["ci 42090"]),
        ("Persea Gratissima (Extra Virgin, Cold-Pressed Avocado) Oil", ["persea gratissima oil", "avocado"]),
        ("水、グリセリン", ["グリセリン"]),
        ("((((Parfum))))", ["fragrance"]),
        ("", []),
        (" , ;. ()", []),
    ],
)
def test_one_spelling(label: str, names: list[str]) -> None:
    assert normalise(label) == names


def test_several_products_give_the_union_in_the_order_of_the_first() -> None:
    lines = ["Day Mask:", "Water (Aqua), Niacinamide.", "Night Mask:", "Squalane, Aqua, Retinol."]
    assert normalise(lines) == ["water", "niacinamide", "squalane", "retinol"]


@pytest.mark.parametrize(
    "water", ["Water", "AQUA", "Eau", "Purified Water", "Aqua/Water/Eau", "WATER (AQUA)"]
)
def test_water_has_one_name(water: str) -> None:
    assert normalise(f"{water}, Glycerin") == ["water", "glycerin"]


def test_names_broken_over_lines_are_mended() -> None:
    assert normalise(["Water, Pentylene", "Glycol, Cetearyl Alcohol"]) == [
        "water",
        "pentylene glycol",
        "cetearyl alcohol",
    ]


def test_lists_in_brackets_are_not_hidden_from_those_who_avoid_them() -> None:
    names = normalise("Fragrance (Limonene, Linalool), Water")
    assert names == ["fragrance", "limonene", "linalool", "water"]


def test_a_bracket_without_partner_swallows_nothing() -> None:
    assert normalise("Fragrance (Parfum, Limonene, Linalool") == ["fragrance", "limonene", "linalool"]


@pytest.mark.parametrize("name", ["Parfum", "FRAGRANCE", "Parfum (Fragrance)", "fragrance*", " parfum. "])
def test_avoids_meet_labels(name: str) -> None:
    assert normalise_name(name) == "fragrance"


def test_caps() -> None:
    assert len(normalise(", ".join(f"name {n}" for n in range(3 * NAMES_CAP)))) == NAMES_CAP
    assert normalise("x" * (LENGTH_CAP + 1)) == []


def test_of_prose_the_known_names_remain() -> None:
    prose = "these serums with " + "very " * 40 + "much retinol and a drop of lavender oil help"
    assert normalise(prose) == ["retinol", "lavandula angustifolia oil"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=80), _LABELS))
def test_normalising_twice_changes_nothing(text: str) -> None:
    names = normalise(text)
    assert normalise(", ".join(names)) == names
    assert len(set(names)) == len(names)
    assert all(0 < len(name) <= LENGTH_CAP for name in names)


def test_what_a_perfume_contains_is_not_hidden_behind_it():
    assert normalise("Water, Parfum (Linalool), Glycerin") == ["water", "fragrance", "linalool", "glycerin"]
    assert normalise("Parfum (Fragrance), Linalool") == ["fragrance", "linalool"]
