"""Names of the parts of the house."""

from typing import Final

MIDDLE: Final = ("features", "retrieval", "ranking", "evaluation")
PACKAGES: Final = ("dataset", *MIDDLE, "pipeline", "scripts")
