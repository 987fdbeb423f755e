"""The hub: shared nouns and arithmetic. No I/O, no clock, no randomness; pydantic is the one third-party package."""
