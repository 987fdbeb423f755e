"""Whose turn it is: how requests are spread over target groups and over targets.

Round robin is an index that goes round; what stands here are the other ways.

Source: ELB user guide, "Edit target group attributes" (routing algorithm), "Action types for listener rules" (weights).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Spread(NamedTuple):
    """chosen: index; None when every weight is 0. credits: to be handed in the next time."""

    chosen: int | None
    credits: tuple[float, ...]


def spread_evenly(weights: Sequence[float], credits: Sequence[float]) -> Spread:
    """The next one of several so that each gets its share of any stretch of requests, as evenly as can be.

    credits: of the last time, zeros at first. In as many requests as the weights' sum each gets exactly its weight.
    """
    total = sum(weights)
    if total <= 0:
        return Spread(None, tuple(credits))
    grown = [credit + weight for credit, weight in zip(credits, weights, strict=True)]
    chosen = max((index for index, weight in enumerate(weights) if weight > 0), key=grown.__getitem__)
    grown[chosen] -= total
    return Spread(chosen, tuple(grown))


def least_outstanding(in_flight: Sequence[int], turn: int) -> int:
    """The index of the fewest requests in progress; among equals they take turns."""
    fewest = min(in_flight)
    equals = [index for index, number in enumerate(in_flight) if number == fewest]
    return equals[turn % len(equals)]


def weighted_index(weights: Sequence[float], point: float) -> int:
    """The index that `point` (0 up to but not 1) falls on when the weights, at least one above 0, share that line."""
    bounds = list(accumulate(weights))
    return min(bisect_right(bounds, point * bounds[-1]), len(bounds) - 1)
