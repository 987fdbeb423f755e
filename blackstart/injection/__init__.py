"""Chooses targets, guards the blast radius, injects, recovers."""
