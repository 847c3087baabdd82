"""Ingredients as labels print them, brought to one name each: the INCI name in small letters.

Labels differ in case, brackets ("Aqua (Water)"), languages ("Water / Aqua / Eau"), separators, marks
and headings; the same substance must get the same name, or a user who avoids it is not protected.
Where the text leaves a choice, a name too many is kept rather than one too few.

Normalisation is NFKC and case folding, so full-width and composed forms meet; look-alike letters of
other alphabets are left as they are. What is parsed and what is not: docs/ingredients.md.
"""

from dataset.ingredients.avoidance import avoided, members_of
from dataset.ingredients.coverage import Coverage, coverage
from dataset.ingredients.families import families, families_asked, families_of, members
from dataset.ingredients.normalising import NAMES_CAP, normalise, normalise_name
from dataset.ingredients.spelling import LENGTH_CAP

__all__ = [
    "LENGTH_CAP",
    "NAMES_CAP",
    "Coverage",
    "avoided",
    "coverage",
    "families",
    "families_asked",
    "families_of",
    "members",
    "members_of",
    "normalise",
    "normalise_name",
]
