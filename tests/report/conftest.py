"""The reports are tested on judgements of the synthetic runs that the judgement's own tests build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "judgement"))
