"""The words of the synthetic shop: categories, concerns, ingredients, places.

Everything here is a constant of the world, the same for every seed and size.
"""

from typing import Final, NamedTuple


class Category(NamedTuple):
    """A leaf of the category tree.

    Parameters
    ----------
    path : str
    base : str
        Key of `BASES`: what products of the category are made of.
    share : float
        Relative number of products.
    price : float
        Median price of a mid-range product, in the shop's currency.
    replenish_days : float
        Days after which a product of the category is used up.
    concerns : str
        Concerns that its products mostly treat, separated by commas.
    following : tuple of int
        Categories of the next step of a routine.
    """

    path: str
    base: str
    share: float
    price: float
    replenish_days: float
    concerns: str
    following: tuple[int, ...]


# Tables of words read better in rows.
# fmt: off
CATEGORIES: Final = (
    Category("Skincare > Cleansers > Face Wash", "wash", 9, 24, 60, "acne,oiliness,pores,sensitivity", (3,)),
    Category("Skincare > Cleansers > Makeup Removers", "oil", 4, 26, 70, "sensitivity,dryness", (0,)),
    Category(
        "Skincare > Cleansers > Exfoliators", "gel", 4, 32, 80, "uneven texture,dullness,pores", (3, 12),
    ),
    Category("Skincare > Cleansers > Toners", "gel", 6, 28, 70, "pores,dullness,redness,oiliness", (4, 5)),
    Category(
        "Skincare > Treatments > Face Serums", "gel", 13, 52, 75,
        "anti-aging,dark spots,dullness,dryness,redness", (7, 11),
    ),
    Category("Skincare > Treatments > Blemish Treatments", "gel", 4, 26, 60, "acne,pores,oiliness", (7,)),
    Category("Skincare > Treatments > Facial Peels", "gel", 3, 58, 90, "uneven texture,dark spots", (8, 12)),
    Category(
        "Skincare > Moisturizers > Face Creams", "cream", 14, 46, 75,
        "dryness,anti-aging,redness,sensitivity",
        (14,),
    ),
    Category(
        "Skincare > Moisturizers > Night Creams", "cream", 5, 58, 80, "anti-aging,loss of firmness", (11, 9),
    ),
    Category("Skincare > Moisturizers > Face Oils", "oil", 4, 48, 95, "dryness,dullness", (10,)),
    Category("Skincare > Moisturizers > Mists", "gel", 3, 28, 60, "dryness,redness,dullness", (14, 15)),
    Category(
        "Skincare > Eye Care > Eye Creams", "cream", 6, 50, 95, "dark circles,anti-aging,loss of firmness",
        (7, 8),
    ),
    Category("Skincare > Masks > Face Masks", "mask", 6, 36, 90, "pores,oiliness,dullness,dryness", (4, 7)),
    Category("Skincare > Masks > Sheet Masks", "gel", 4, 9, 30, "dryness,redness,dullness", (4, 13)),
    Category(
        "Skincare > Sunscreen > Face Sunscreen", "sun", 7, 34, 60, "dark spots,sensitivity,anti-aging",
        (0, 1),
    ),
    Category("Skincare > Lip Care > Lip Balms", "balm", 5, 15, 45, "dryness,sensitivity", (15, 14)),
    Category(
        "Body > Body Care > Body Lotions", "cream", 5, 28, 60, "dryness,loss of firmness,sensitivity", (17,),
    ),
    Category("Body > Body Care > Body Wash", "wash", 5, 20, 45, "dryness,sensitivity,acne", (16,)),
)

ACTIVES: Final[dict[str, tuple[str, ...]]] = {
    "acne": (
        "salicylic acid", "benzoyl peroxide", "azelaic acid", "sulfur", "melaleuca alternifolia leaf oil",
    ),
    "dryness": ("sodium hyaluronate", "ceramide np", "squalane", "panthenol", "urea"),
    "anti-aging": ("retinol", "bakuchiol", "palmitoyl pentapeptide-4", "acetyl hexapeptide-8", "adenosine"),
    "dark spots": ("alpha-arbutin", "tranexamic acid", "kojic acid", "3-o-ethyl ascorbic acid"),
    "dullness": ("ascorbic acid", "glycolic acid", "lactic acid", "saccharomyces ferment filtrate"),
    "redness": (
        "centella asiatica leaf extract", "madecassoside", "allantoin", "avena sativa kernel extract",
    ),
    "pores": ("niacinamide", "kaolin", "zinc pca", "hamamelis virginiana water"),
    "oiliness": ("zinc pca", "silica", "camellia sinensis leaf extract", "niacinamide", "charcoal powder"),
    "sensitivity": ("bisabolol", "allantoin", "colloidal oatmeal", "beta-glucan", "ectoin"),
    "dark circles": ("caffeine", "palmitoyl tetrapeptide-7", "chrysin", "phytonadione epoxide"),
    "uneven texture": ("glycolic acid", "mandelic acid", "gluconolactone", "papain"),
    "loss of firmness": ("palmitoyl tripeptide-1", "ubiquinone", "dimethyl mea", "soluble collagen"),
}
CONCERNS: Final = tuple(ACTIVES)

SKIN_TYPES: Final = ("normal", "dry", "oily", "combination", "sensitive")
SUITED_CONCERNS: Final = {
    "dry": ("dryness",),
    "oily": ("acne", "oiliness", "pores"),
    "combination": ("pores", "uneven texture", "oiliness"),
    "sensitive": ("redness", "sensitivity"),
}
"""Concerns that come with a skin type; of users, and of the products made for it."""

YOUNG_CONCERNS: Final = ("acne", "oiliness", "pores")
OLD_CONCERNS: Final = ("anti-aging", "loss of firmness", "dark spots", "dark circles", "dryness")

CLAIMS: Final = (
    "clearing", "hydrating", "smoothing", "evening", "brightening", "soothing", "pore minimizing",
    "mattifying",
    "barrier repair", "depuffing", "exfoliating", "firming",
)
"""What the label says of a product that treats `CONCERNS[i]`."""
EXTRAS: Final = ("vegan", "cruelty-free", "travel size", "refillable", "dermatologist tested", "gift")

BASES: Final[dict[str, dict[str, float]]] = {
    "wash": {
        "water": 0.99, "glycerin": 0.85, "cocamidopropyl betaine": 0.7, "sodium laureth sulfate": 0.25,
        "sodium lauryl sulfate": 0.15, "decyl glucoside": 0.4, "sodium cocoyl isethionate": 0.35,
        "sodium chloride": 0.6, "citric acid": 0.7, "disodium edta": 0.4, "acrylates copolymer": 0.3,
    },
    "gel": {
        "water": 0.99, "glycerin": 0.8, "butylene glycol": 0.7, "propanediol": 0.5, "pentylene glycol": 0.4,
        "alcohol denat": 0.22, "carbomer": 0.5, "xanthan gum": 0.5, "citric acid": 0.4, "disodium edta": 0.4,
        "polysorbate 20": 0.3,
    },
    "cream": {
        "water": 0.97, "glycerin": 0.85, "caprylic/capric triglyceride": 0.6, "cetearyl alcohol": 0.65,
        "dimethicone": 0.5, "glyceryl stearate": 0.55, "butyrospermum parkii butter": 0.35,
        "paraffinum liquidum": 0.12,
        "stearic acid": 0.35, "carbomer": 0.4, "cetyl alcohol": 0.35, "lanolin": 0.05,
        "peg-100 stearate": 0.35,
    },
    "oil": {
        "simmondsia chinensis seed oil": 0.6, "helianthus annuus seed oil": 0.65, "tocopherol": 0.8,
        "caprylic/capric triglyceride": 0.6, "rosa canina fruit oil": 0.4, "argania spinosa kernel oil": 0.4,
        "paraffinum liquidum": 0.15, "polyglyceryl-4 oleate": 0.4, "ethylhexyl palmitate": 0.45, "water": 0.2,
        "isopropyl myristate": 0.3, "vitis vinifera seed oil": 0.35,
    },
    "mask": {
        "water": 0.96, "glycerin": 0.85, "kaolin": 0.5, "bentonite": 0.45, "butylene glycol": 0.5,
        "cetearyl alcohol": 0.35, "magnesium aluminum silicate": 0.3, "xanthan gum": 0.6,
        "titanium dioxide": 0.3,
        "propanediol": 0.4,
    },
    "sun": {
        "water": 0.96, "glycerin": 0.7, "zinc oxide": 0.45, "titanium dioxide": 0.4, "homosalate": 0.4,
        "octocrylene": 0.4, "butyl methoxydibenzoylmethane": 0.4, "benzophenone-3": 0.22, "dimethicone": 0.6,
        "alcohol denat": 0.25, "silica": 0.5, "isohexadecane": 0.3,
    },
    "balm": {
        "ricinus communis seed oil": 0.65, "butyrospermum parkii butter": 0.6, "petrolatum": 0.45,
        "paraffinum liquidum": 0.25, "lanolin": 0.25, "cera alba": 0.55, "candelilla cera": 0.4,
        "tocopherol": 0.8, "ethylhexyl palmitate": 0.4, "ozokerite": 0.3, "helianthus annuus seed oil": 0.5,
        "polybutene": 0.3,
    },
}

COMMON: Final[dict[str, float]] = {
    "sodium hydroxide": 0.3, "hydroxyethylcellulose": 0.15, "caprylyl glycol": 0.3, "phenoxyethanol": 0.6,
    "ethylhexylglycerin": 0.45, "methylparaben": 0.1, "propylparaben": 0.07, "potassium sorbate": 0.3,
    "sodium benzoate": 0.3, "chlorphenesin": 0.15, "fragrance": 0.42, "limonene": 0.16, "linalool": 0.16,
    "citral": 0.06, "ci 19140": 0.04, "mica": 0.05,
}

STYLE_POOL: Final = (
    "aloe barbadensis leaf juice", "cucumis sativus fruit extract", "rosa damascena flower water",
    "chamomilla recutita flower extract", "calendula officinalis flower extract",
    "lavandula angustifolia oil",
    "cyclopentasiloxane", "dimethicone crosspolymer", "isododecane", "nylon-12", "boron nitride",
    "cocos nucifera oil", "theobroma cacao seed butter", "mangifera indica seed butter", "mel",
    "propolis extract",
    "royal jelly extract", "panax ginseng root extract", "glycyrrhiza glabra root extract",
    "artemisia vulgaris extract", "houttuynia cordata extract", "oryza sativa bran extract",
    "galactomyces ferment filtrate", "bifida ferment lysate", "lactobacillus ferment",
    "snail secretion filtrate", "hydrolyzed pearl", "laminaria digitata extract", "chondrus crispus extract",
    "maris aqua", "spirulina platensis extract", "citrus aurantium dulcis peel oil", "mentha piperita oil",
    "eucalyptus globulus leaf oil", "menthol", "zingiber officinale root extract",
    "curcuma longa root extract",
    "punica granatum extract", "vaccinium macrocarpon fruit extract", "euterpe oleracea fruit oil",
    "adansonia digitata seed oil", "sclerocarya birrea seed oil", "moringa oleifera seed oil",
    "cannabis sativa seed oil", "ganoderma lucidum extract", "inonotus obliquus extract", "silk amino acids",
    "hydrolyzed wheat protein",
)
STYLES: Final = (
    "Velvet", "Dew", "Cloud", "Botanic", "Silk", "Glass", "Bare", "Bloom", "Honey", "Root", "Jade", "Rice",
    "Ferment", "Pearl", "Marine", "Tide", "Citrus", "Frost", "Ginger", "Berry", "Baobab", "Desert", "Forest",
    "Milk",
)

TRENDS: Final = (
    "niacinamide", "bakuchiol", "snail secretion filtrate", "centella asiatica leaf extract", "ceramide np",
    "ascorbic acid", "squalane", "azelaic acid", "ganoderma lucidum extract", "ectoin",
)
"""Ingredients that come into fashion and go."""

AVOIDABLE: Final[dict[str, float]] = {
    "fragrance": 10, "alcohol denat": 6, "methylparaben": 5, "propylparaben": 3, "sodium lauryl sulfate": 5,
    "sodium laureth sulfate": 3, "retinol": 3, "paraffinum liquidum": 4, "lanolin": 2, "salicylic acid": 2,
    "limonene": 2, "cocos nucifera oil": 2,
}
"""Ingredients that users avoid, and how often."""

REGIONS: Final[dict[str, float]] = {
    "north": 16, "north east": 9, "east": 14, "south east": 12, "south": 17, "south west": 10, "west": 15,
    "central": 7,
}
SKIN_TONES: Final[dict[str, float]] = {
    "fair": 14, "light": 28, "medium": 26, "tan": 16, "deep": 11, "rich": 5,
}

BRAND_STARTS: Final = (
    "Al", "Bel", "Cor", "Del", "El", "Fen", "Gla", "Hal", "Il", "Jun", "Kal", "Lum", "Mar", "Nov", "Or",
    "Pel", "Ros", "Sel", "Tal", "Um", "Ver", "Wil", "Yar", "Zel", "Bry", "Cal", "Dor", "Est", "Fal", "Gre",
    "Hol", "Iv", "Kos", "Lor", "Mel", "Nim", "Ost", "Per", "Quin", "Rev",
)
BRAND_ENDS: Final = (
    "ana", "ella", "ique", "ora", "éa", "is", "ette", "ium", "ena", "ari", "ova", "elle", "ine", "osa",
    "una", "era", "alis", "eau", "ira", "onne", "ys", "ade", "evo", "ami", "etta", "olia", "urea", "isse",
    "anto", "elin", "Lab", "Works", "Skin", "Botanics", "Derm", "House", "Paris", "Ritual", "Studio",
    "Theory",
)

# fmt: on
INGREDIENTS: Final = tuple(
    sorted(
        {word for base in BASES.values() for word in base}
        | {word for actives in ACTIVES.values() for word in actives}
        | {*COMMON, *STYLE_POOL, *TRENDS, *AVOIDABLE}
    )
)
FUNCTIONS: Final = tuple(
    sorted({*CONCERNS, *CLAIMS, *EXTRAS, *(f"best for {kind} skin" for kind in SKIN_TYPES)})
)
