"""How moto finds a member's value on its objects: under up to a dozen names, worked out once for each class."""

from collections.abc import Callable
from functools import partial
from typing import Any

_ABSENT = object()


def keys_of(shape: Any, member: str, kind: type) -> tuple[str, ...]:
    """The names under which moto looks for a member on objects of a class, in its order."""
    known: dict[tuple[str, type], tuple[str, ...]] = shape.__dict__.setdefault("blackstart_keys", {})
    keys = known.get((member, kind))
    if keys is None:
        from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

        context = AttributePickerContext(obj=_OfClass(kind), key=member, shape=shape)
        keys = known[(member, kind)] = tuple(dict.fromkeys(XFormedAttributePicker().get_possible_keys(context)))
    return keys


class _OfClass:
    """Has the class, and the Meta, that moto's alias providers ask of an object."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        if hasattr(kind, "Meta"):
            self.Meta = kind.Meta

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._kind


def _look(obj: Any, keys: tuple[str, ...]) -> Any:
    """The first of the names that an object has, as moto's get_value finds it; None without any."""
    from moto.core.utils import MISSING, get_value

    for key in keys:
        value = get_value(obj, key, MISSING)
        if value is not MISSING:
            return value
    return None


def _look_in_dict(keys: tuple[str, ...], obj: dict[str, Any]) -> Any:
    for key in keys:
        if key in obj:
            return obj[key]
    return None


def reader_of(keys: tuple[str, ...], kind: type) -> Callable[[Any], Any]:
    """A function that finds a member on objects of a class."""
    if any("." in key for key in keys):
        return lambda obj: _look(obj, keys)
    if kind is dict:
        return partial(_look_in_dict, keys)
    if hasattr(kind, "__getitem__"):
        return lambda obj: _look(obj, keys)

    def read(obj: Any) -> Any:
        for key in keys:
            value = getattr(obj, key, _ABSENT)
            if value is not _ABSENT:
                return value
        return None

    return read


def picking(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def pick(picker: Any, context: Any) -> Any:
        from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS, XFormedAttributePicker

        if type(picker) is not XFormedAttributePicker or picker.alias_providers is not DEFAULT_ALIAS_PROVIDERS:
            return original(picker, context)
        value = _look(context.obj, keys_of(context.shape, context.key, type(context.obj)))
        if not picker.response_transformers:
            return value
        key_path = f"{context.key_path}.{context.key}"
        found = next((path for path in picker.response_transformers if key_path.endswith(path)), None)
        return value if found is None else picker.response_transformers[found](value)

    return pick
