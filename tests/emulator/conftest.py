from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_emulator import RunningEmulator, emulators


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Callable[..., RunningEmulator]]:
    """Starts emulators, and ends them in the end."""
    with emulators(tmp_path) as start:
        yield start
