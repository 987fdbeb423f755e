"""Static stability: three zones are only worth having if two of them carry the peak.

Source: AWS Builders' Library, "Static stability using Availability Zones".
"""

from math import ceil

from blackstart.domain.model import Model


class Capacity(Model):
    """How many instances a group needs. per_zone: in each zone. total: over all zones."""

    per_zone: int
    total: int


def static_stability(peak_instances: int, zones: int) -> Capacity:
    """Return the smallest even capacity that still carries the peak when one zone is gone.

    peak_instances: instances that carry the peak. zones: zones the group spans.
    Raises ValueError with fewer than two zones or no peak: one zone cannot lose a zone.
    """
    if zones < 2:
        raise ValueError(f"{zones} zones: static stability needs at least 2")
    if peak_instances < 1:
        raise ValueError(f"peak of {peak_instances} instances: at least 1 is needed")
    per_zone = ceil(peak_instances / (zones - 1))
    return Capacity(per_zone=per_zone, total=per_zone * zones)
