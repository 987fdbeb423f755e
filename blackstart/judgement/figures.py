"""Traffic in figures: by phase, and within a phase by zone."""

from collections.abc import Sequence

from blackstart.domain.experiment import Phase
from blackstart.domain.judgement import PhaseFigures
from blackstart.domain.recording import Outcome, RequestRow
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.statistics import lower_bound, percentile, upper_bound

UNKNOWN_ZONE = "unknown"


def figures(evidence: Evidence) -> tuple[PhaseFigures, ...]:
    """Each phase that took place: first all its traffic, then its zones in order, then what names no zone."""
    return tuple(figure for phase in evidence.windows for figure in _of_phase(phase, evidence.requests[phase]))


def latencies_ms(rows: Sequence[RequestRow]) -> list[float]:
    """Wall milliseconds of the answered requests, from the intended send time, in rising order."""
    return sorted(row.latency_real_s * 1000.0 for row in rows if row.outcome is Outcome.ANSWERED)


def _of_phase(phase: Phase, rows: Sequence[RequestRow]) -> list[PhaseFigures]:
    zones = sorted({row.zone for row in rows if row.zone})
    by_zone = [(zone, [row for row in rows if row.zone == zone]) for zone in zones]
    without = [row for row in rows if not row.zone]
    if by_zone and without:
        by_zone.append((UNKNOWN_ZONE, without))
    return [_figure(phase, "", rows), *(_figure(phase, zone, of_zone) for zone, of_zone in by_zone)]


def _figure(phase: Phase, zone: str, rows: Sequence[RequestRow]) -> PhaseFigures:
    requests, good = len(rows), sum(row.good for row in rows)
    latency_ms = latencies_ms(rows)
    return PhaseFigures(
        phase=phase,
        zone=zone,
        requests=requests,
        bad=requests - good,
        availability=good / requests if requests else None,
        availability_lower=lower_bound(good, requests) if requests else None,
        availability_upper=upper_bound(good, requests) if requests else None,
        latency_p50_ms=percentile(latency_ms, 0.5),
        latency_p99_ms=percentile(latency_ms, 0.99),
        latency_max_ms=latency_ms[-1] if latency_ms else None,
    )
