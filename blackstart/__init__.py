"""Blackstart: rehearse an AWS outage offline, and drill the same experiment on the account."""

__version__ = "0.1.0"
