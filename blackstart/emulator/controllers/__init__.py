"""Loops that read state, decide, and write state; thin on purpose."""
