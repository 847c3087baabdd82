"""Names of the parts of the house, and what is written in them."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

MIDDLE: Final = ("features", "retrieval", "ranking", "evaluation")
PACKAGES: Final = ("dataset", *MIDDLE, "pipeline", "scripts")


@cache
def nodes(module: Path) -> tuple[ast.AST, ...]:
    """Everything in a module, read once for all tests."""
    return tuple(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
