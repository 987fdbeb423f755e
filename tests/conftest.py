from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def rig() -> Iterator[Any]:
    """All controllers on moto in this process, with a manual clock (`tests/emulator/rig.py`)."""
    from rig import Rig  # here, because moto takes long to import

    made = Rig()
    yield made
    made.close()
