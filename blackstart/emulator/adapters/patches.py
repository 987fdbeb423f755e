"""Replaced attributes of moto that can be put back, so that one test process can have moto with and without us."""

from collections.abc import Callable
from typing import Any

_ABSENT = object()


class Patches:
    """Replacements made so far, newest last."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put `make(original)` in the place of an attribute. Raises AttributeError when moto has no such attribute."""
        original = owner.__dict__[name] if name in vars(owner) else getattr(owner, name)
        replacement = make(original)
        self._made.append((owner, name, original))
        setattr(owner, name, replacement)

    def add(self, owner: Any, name: str, made: Any) -> None:
        """Give moto what it lacks. Raises TypeError when it has it after all: then it is to be replaced."""
        if hasattr(owner, name):
            raise TypeError(f"moto has {owner.__name__}.{name}")
        self._made.append((owner, name, _ABSENT))
        setattr(owner, name, made)

    def restore(self) -> None:
        while self._made:
            owner, name, original = self._made.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
