"""What all tests share: one thread for the numeric libraries, where the real data lies, Hypothesis."""

import gc
import os

# Before NumPy is imported anywhere: two test workers with two threads each would fight over two cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]

# The first example compiles kernels, so no deadline; in CI more of them, and the same every time.
settings.register_profile(
    "local", deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci", settings.get_profile("local"), max_examples=100, derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_finish() -> None:
    """Leave what lives as long as the tests do out of every later collection: a sixth of their time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real data sets beside the checkout; its absence skips the test."""
    return _present(ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def sephora(shared_data: Path) -> Path:
    """Folder of the Kaggle set "Sephora Products and Skincare Reviews"."""
    return _present(shared_data / "sephora")


@pytest.fixture(scope="session")
def amazon_beauty(shared_data: Path) -> Path:
    """Folder of Amazon Beauty 5-core, one line a user."""
    return _present(shared_data / "amazon_beauty")


@pytest.fixture(scope="session")
def cosing(shared_data: Path) -> Path:
    """The table of INCI names and their cosmetic functions."""
    return _present(shared_data / "cosing" / "cosing.csv")


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"the real data is not here: {path} does not exist")
    return path
