"""Whether one application gets one verdict: a slow service rehearsed at several speeds, same experiment, same seed.

Run `python benchmarks/verdict_at_every_speed.py` in the project's root. The service boots for 20 s and answers its
health check after 0.8 s (`slow_service.py`). At speed s these are 20 x s and 0.8 x s virtual seconds, which must fit
twice into the grace period (140 s: up to 3.5) and into the check's timeout (5 s: up to 3.1). So speeds up to 3.1 must
give one verdict and one mix of status codes, and those above must be refused with exit code 13, naming a speed that
would do. Takes about 18 minutes; `--speeds 3 4` is a quicker look.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from blackstart.domain.recording import ROWS_FILE
from blackstart.domain.verdict import Verdict
from blackstart.load.recording_file import read_rows

BOOT_REAL_S, HEALTH_CHECK_REAL_S = 20.0, 0.8
GRACE_S, TIMEOUT_S = 140, 5
LIMIT = min(GRACE_S / 2 / BOOT_REAL_S, TIMEOUT_S / 2 / HEALTH_CHECK_REAL_S)
SERVICE = Path(__file__).with_name("slow_service.py")
EXPERIMENT = Path("chaos/crash-service.yaml")


class Result(NamedTuple):
    """One rehearsal. codes: answers by status code in all judged phases; advice: of the findings that say invalid."""

    speed: float
    exit_code: int
    verdict: str
    codes: Counter[str]
    advice: str


def experiment() -> dict[str, Any]:
    """The shipped one with phases and limits that a replacement's boot of up to LIMIT x 20 s fits into."""
    document: dict[str, Any] = yaml.safe_load(EXPERIMENT.read_text())
    # baseline: longer than the grace period. fault: detection 20, look 60, pending 17, boot 5 + 62, check 10
    document["phases"] = {"baseline_s": 150, "fault_s": 220, "recovery_s": 100}
    document["expectations"]["recovery"]["within_s"] = 200
    document["expectations"]["alarms"] = []
    return document


def rehearse(speed: float, folder: Path) -> Result:
    path = folder / f"speed-{speed:g}.yaml"
    path.write_text(yaml.safe_dump(experiment()))
    out = folder / f"runs-{speed:g}"
    command = [sys.executable, "-m", "blackstart.gameday.cli", "rehearse", str(path), "--out", str(out), "--json"]
    command += ["--speed", str(speed), "--config", f"gracePeriodS={GRACE_S}", "--parameter", "boot_s=5"]
    command += ["--app", f"{sys.executable} {SERVICE} {BOOT_REAL_S} {HEALTH_CHECK_REAL_S}"]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    runs = list(out.glob("*/judgement.json"))
    if not runs:
        raise SystemExit(f"speed {speed:g}: no judgement: {ended.stderr.strip().splitlines()[-1]}")
    judgement = json.loads(runs[0].read_text())
    refused = [finding["advice"] for finding in judgement["findings"] if finding["verdict"] == Verdict.INVALID]
    return Result(
        speed, ended.returncode, judgement["verdict"], codes(runs[0].parent), " ".join(dict.fromkeys(refused))
    )


def codes(run: Path) -> Counter[str]:
    """Answers of the recording by status code, or by outcome when there was none."""
    (recording,) = run.rglob(ROWS_FILE)
    return Counter(str(row.status or row.outcome.value) for row in read_rows(recording))


def show(result: Result) -> None:
    total = sum(result.codes.values())
    mix = ", ".join(f"{code} {count / total:.2%}" for code, count in sorted(result.codes.items()))
    print(
        f"speed {result.speed:>4g}  exit {result.exit_code:>2}  {result.verdict:<12} {mix}  {result.advice}", flush=True
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--speeds", type=float, nargs="+", default=[1, 2, 3, 4, 6])
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for speed in wanted.speeds:
            results.append(rehearse(speed, Path(folder)))
            show(results[-1])
    accepted = [one for one in results if one.speed <= LIMIT]
    refused = [one for one in results if one.speed > LIMIT]
    same = len({(one.verdict, frozenset(one.codes)) for one in accepted}) <= 1
    right = same and all(one.exit_code == 0 for one in accepted) and all(one.exit_code == 13 for one in refused)
    print(f"accepted up to {LIMIT:.1f}: one verdict and one mix of codes; above: refused: {'yes' if right else 'no'}")
    raise SystemExit(0 if right else 1)


if __name__ == "__main__":
    main()
