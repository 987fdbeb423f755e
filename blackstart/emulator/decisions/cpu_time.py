"""CPU time by virtual minute, from measurements at any time.

The processes are measured each wall second, which at speed 60 is a whole minute of the emulated world: what was used
between two measurements is taken to have been used evenly.
"""

import math
from collections.abc import Iterator, Mapping


class CpuTime:
    """began_s: when the first measurement was."""

    def __init__(self) -> None:
        self.began_s = math.inf
        self._at_s = 0.0
        self._seen: Mapping[str, float] = {}
        self._of_minute: dict[str, float] = {}

    def measured(self, so_far: Mapping[str, float], at_s: float) -> Iterator[tuple[float, dict[str, float]]]:
        """The end of each minute that is over now, and what each process used in it, those that used none left out.

        so_far: cumulative seconds by process; less than before is a process begun anew.
        """
        if self.began_s == math.inf:
            self.began_s, self._at_s, self._seen = at_s, at_s, dict(so_far)
            return
        if at_s <= self._at_s:
            return
        seen, begin_s, length_s = self._seen, self._at_s, at_s - self._at_s
        used = {}
        for name, total in so_far.items():
            before = seen.get(name, 0.0)
            if total != before:
                used[name] = total - before if total > before else total
        self._at_s, self._seen = at_s, dict(so_far)
        end_s = begin_s // 60 * 60 + 60
        while end_s <= at_s:
            self._take(used, (end_s - begin_s) / length_s)
            over, self._of_minute = self._of_minute, {}
            yield end_s, over
            begin_s, end_s = end_s, end_s + 60
        self._take(used, (at_s - begin_s) / length_s)

    def _take(self, used: Mapping[str, float], share: float) -> None:
        if share > 0:
            for name, amount in used.items():
                self._of_minute[name] = self._of_minute.get(name, 0.0) + amount * share
