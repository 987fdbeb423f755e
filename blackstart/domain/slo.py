"""The part of OpenSLO v1 that Blackstart uses: one SLO a file, a ratio indicator, a 30-day objective.

Source: OpenSLO specification v1, kinds SLO and SLI (inline indicator).
Blackstart reads the indicator's `metadata.annotations`: `blackstart/sli: availability` or
`blackstart/sli: latency` with `blackstart/threshold-ms`; the metric source names the same thing for CloudWatch.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, model_validator

from blackstart.domain.model import Model


class Sli(StrEnum):
    """availability: answered and below 500. latency: of all requests, answered good within the threshold."""

    AVAILABILITY = "availability"
    LATENCY = "latency"


class Annotations(Model):
    sli: Sli = Field(alias="blackstart/sli")
    threshold_ms: float | None = Field(default=None, alias="blackstart/threshold-ms", gt=0)


class IndicatorMetadata(Model):
    name: str
    displayName: str = ""
    annotations: Annotations


class Indicator(Model):
    metadata: IndicatorMetadata
    spec: dict[str, Any]

    @model_validator(mode="after")
    def _latency_has_a_threshold(self) -> "Indicator":
        annotations = self.metadata.annotations
        if (annotations.sli is Sli.LATENCY) != (annotations.threshold_ms is not None):
            raise ValueError("blackstart/threshold-ms goes with blackstart/sli: latency, and only with it")
        return self


class TimeWindow(Model):
    duration: Literal["30d"]
    isRolling: Literal[True] = True


class Objective(Model):
    displayName: str = ""
    target: float = Field(gt=0, lt=1)


class SloMetadata(Model):
    name: str
    displayName: str = ""
    labels: dict[str, str] = {}


class SloSpec(Model):
    description: str = ""
    service: str
    indicator: Indicator
    timeWindow: tuple[TimeWindow]
    budgetingMethod: Literal["Occurrences"]
    objectives: tuple[Objective]


class Slo(Model):
    """One service level objective. target: good share of requests, 0 to 1, over 30 days."""

    apiVersion: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: SloMetadata
    spec: SloSpec

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def sli(self) -> Sli:
        return self.spec.indicator.metadata.annotations.sli

    @property
    def threshold_ms(self) -> float | None:
        return self.spec.indicator.metadata.annotations.threshold_ms

    @property
    def target_ratio(self) -> float:
        return self.spec.objectives[0].target

    @property
    def budget_s(self) -> float:
        """Seconds of complete failure that 30 days allow (2592 s at 99.9 %)."""
        return (1.0 - self.target_ratio) * 30 * 86400
