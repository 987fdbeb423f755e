"""Lets the tests of this folder, and those of the report, import the builder of synthetic runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
