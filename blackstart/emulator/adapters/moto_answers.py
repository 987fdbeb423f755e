"""moto's answers of the query and EC2 protocols written in one go, with the same bytes.

moto looks for each member of each object under up to a dozen names, builds a tree of dictionaries, and has SAX write
it. Which names there are depends on the member and the object's class alone, so they are worked out once; the text is
written by functions that are made from the operation's model once, too. What this does not know (attributes, namespaces
of single elements, flattened maps, two members of one name) is left to moto.

Replaced: `AttributePicker.__call__` (all protocols), `ResponseSerializer._serialize_result` (query, EC2),
`BaseResponse._enrich_response` (searches the whole answer by a regular expression, for one element at its end),
`method_names_from_class` (looks through a class for each request).
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from blackstart.emulator.adapters.moto_members import keys_of, picking, reader_of
from blackstart.emulator.adapters.patches import Patches

Content = Callable[[Any], str | None]
"""The inner text of an element for a value; None when there is no element at all."""
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
REQUEST_ID = ("<RequestId>", "</RequestId>")


class NotSimpleError(Exception):
    """A model that moto itself has to write."""


def install(patches: Patches) -> None:
    from moto.core import responses
    from moto.core.responses import BaseResponse
    from moto.core.serialize import AttributePicker, ResponseSerializer

    patches.replace(AttributePicker, "__call__", picking)
    patches.replace(ResponseSerializer, "_serialize_result", _writing)
    patches.replace(BaseResponse, "_enrich_response", lambda _: staticmethod(_enriched))
    patches.replace(responses, "method_names_from_class", cache)


class _Writer:
    """Makes the functions that write what a model describes. transformers: moto's, by the end of a member's path."""

    def __init__(self, serializer: Any, transformers: dict[str, Callable[[Any], Any]]) -> None:
        self._serializer = serializer
        self._transformers = transformers
        self._base64 = serializer._base64
        self._timestamps = serializer._timestamp_serializer
        self._making: list[str] = []

    def structure(self, shape: Any, path: str) -> Content:
        """A structure's content; of one that contains itself when it is first met."""
        if shape.name in self._making:
            return _made_later(lambda: _Writer(self._serializer, self._transformers).structure(shape, path))
        self._making.append(shape.name)
        content = self._structure(shape, path)
        self._making.pop()
        return content

    def _structure(self, shape: Any, path: str) -> Content:
        names: list[str] = []
        parts: list[tuple[Callable[[Any], Any], Callable[[Any, list[str]], None]]] = []
        for key, member in shape.members.items():
            member.parent = shape
            name = member.serialization.get("name", key)
            _check_simple(member)
            names.append(name)
            parts.append((self._finder(member, key, f"{path}.{key}"), self._member(member, name, f"{path}.{key}")))
        if len(set(names)) < len(names):
            raise NotSimpleError(f"{shape.name} has two members of one name")

        def content(value: Any) -> str | None:
            if value is None:
                return None
            out: list[str] = []
            for find, write in parts:
                found = find(value)
                if found is not None:
                    write(found, out)
            return "".join(out)

        return content

    def _finder(self, shape: Any, key: str, path: str) -> Callable[[Any], Any]:
        readers: dict[type, Callable[[Any], Any]] = {}

        def find(obj: Any) -> Any:
            kind = type(obj)
            reader = readers.get(kind)
            if reader is None:
                reader = readers[kind] = reader_of(keys_of(shape, key, kind), kind)
            return reader(obj)

        transformed = next((end for end in self._transformers if path.endswith(end)), None)
        if transformed is None:
            return find
        transformers = self._transformers
        return lambda obj: transformers[transformed](find(obj))  # moto exchanges some while it runs

    def _member(self, shape: Any, name: str, path: str) -> Callable[[Any, list[str]], None]:
        content = self._content(shape, path)
        before, after, empty = f"<{name}>", f"</{name}>", f"<{name}/>"
        if shape.type_name == "list" and shape.is_flattened:
            return self._flattened(shape, name, path)

        def write(value: Any, out: list[str]) -> None:
            text = content(value)
            if text:
                out += (before, text, after)
            elif text is not None:
                out.append(empty)

        return write

    def _content(self, shape: Any, path: str) -> Content:
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, path)
        if kind == "list":
            return self._list(shape, path)
        if kind == "map":
            return self._map(shape, path)
        simple = self._scalar(shape)
        if simple is None:
            raise NotSimpleError(f"{shape.name} is of type {kind}")
        return simple

    def _scalar(self, shape: Any) -> Content | None:
        kind = shape.type_name
        if kind == "timestamp":
            form = shape.serialization.get("timestampFormat", self._timestamps.default_format)
            return lambda value: escape(str(self._timestamps._convert_timestamp_to_str(value, form)))
        return {
            "string": lambda value: escape(str(value)),
            "boolean": lambda value: "true" if value is True or str(value).lower() == "true" else "false",
            "integer": lambda value: str(int(value)),
            "long": lambda value: str(int(value)),
            "float": lambda value: str(float(value)),
            "double": lambda value: str(float(value)),
            "blob": lambda value: escape(self._base64(value)),
        }.get(kind)

    def _items(self, shape: Any, path: str) -> Callable[[Any], list[str]]:
        """The contents of a list's items, without those of which nothing is told."""
        member = shape.member
        _check_simple(member)
        if member.type_name == "list" and member.is_flattened:
            raise NotSimpleError(f"{shape.name} is a list of flattened lists")
        content = self._content(member, f"{path}.{member.name}")
        skips_empty = member.type_name == "structure"

        def items(value: Any) -> list[str]:
            return [text for one in value if (text := content(one)) is not None and (text or not skips_empty)]

        return items

    def _list(self, shape: Any, path: str) -> Content:
        items = self._items(shape, path)
        name = shape.member.serialization.get("name", "member")
        return lambda value: "".join(_element(name, text) for text in items(value))

    def _flattened(self, shape: Any, name: str, path: str) -> Callable[[Any, list[str]], None]:
        items = self._items(shape, path)
        name = shape.member.serialization.get("name", name)
        return lambda value, out: out.extend(_element(name, text) for text in items(value))

    def _map(self, shape: Any, path: str) -> Content:
        if shape.is_flattened:
            raise NotSimpleError(f"{shape.name} is a flattened map")
        parts = []
        for part, default in ((shape.key, "key"), (shape.value, "value")):
            _check_simple(part)
            if part.type_name == "list" and part.is_flattened:
                raise NotSimpleError(f"{shape.name} is a map of flattened lists")
            name = part.serialization.get("name", default)
            parts.append(self._member(part, name, f"{path}.{default}"))
        write_key, write_value = parts

        def content(value: Any) -> str:
            out: list[str] = []
            for key, one in value.items():
                if one is not None:
                    out.append("<entry>")
                    write_key(key, out)
                    write_value(one, out)
                    out.append("</entry>")
            return "".join(out)

        return content


def _made_later(make: Callable[[], Content]) -> Content:
    made: list[Content] = []

    def content(value: Any) -> str | None:
        if not made:
            made.append(make())
        return made[0](value)

    return content


def _check_simple(shape: Any) -> None:
    if "xmlNamespace" in shape.serialization or shape.serialization.get("xmlAttribute"):
        raise NotSimpleError(f"{shape.name} has a namespace or is an attribute")


def _element(name: str, text: str) -> str:
    return f"<{name}>{text}</{name}>" if text else f"<{name}/>"


class _Answers:
    """The writers made so far, by operation."""

    def __init__(self) -> None:
        self._writers: dict[Any, Content | None] = {}

    def writer(self, serializer: Any, transformers: dict[str, Callable[[Any], Any]]) -> Content | None:
        """For an operation's output; None when moto has to write it."""
        operation = serializer.operation_model
        key = (type(serializer), operation.service_model.service_name, operation.name, tuple(transformers))
        if key not in self._writers:
            shape = operation.output_shape
            try:
                _check_simple(shape)
                made = _Writer(serializer, transformers).structure(shape, f"{operation.name}.{shape.name}")
            except NotSimpleError:
                made = None
            self._writers[key] = made
        return self._writers[key]


def _writing(original: Callable[..., Any]) -> Callable[..., Any]:
    from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS, EC2Serializer, QuerySerializer, XFormedAttributePicker

    answers = _Answers()

    def serialize_result(serializer: Any, resp: Any, result: Any) -> Any:
        operation, picker = serializer.operation_model, serializer._value_picker
        if (
            type(serializer) not in (QuerySerializer, EC2Serializer)
            or type(picker) is not XFormedAttributePicker
            or picker.alias_providers is not DEFAULT_ALIAS_PROVIDERS
            or serializer.pretty_print
        ):
            return original(serializer, resp, result)
        inner = ""
        if operation.output_shape is not None:
            write = answers.writer(serializer, picker.response_transformers)
            if write is None:
                return original(serializer, resp, result)
            inner = write(result) or ""
        of_ec2 = type(serializer) is EC2Serializer
        resp["body"] = "".join(_of_ec2(serializer, inner) if of_ec2 else _of_query(serializer, inner))
        resp["headers"]["Content-Type"] = serializer.CONTENT_TYPE
        return resp

    return serialize_result


def _root(serializer: Any) -> tuple[str, str]:
    operation = serializer.operation_model
    namespace = operation.metadata.get("xmlNamespace")
    attribute = f" xmlns={quoteattr(namespace)}" if namespace is not None else ""
    return f"<{operation.name}Response{attribute}>", f"</{operation.name}Response>"


def _of_ec2(serializer: Any, inner: str) -> Iterator[str]:
    before, after = _root(serializer)
    yield from (HEAD, before, inner, _element("requestId", serializer.context.request_id), after)


def _of_query(serializer: Any, inner: str) -> Iterator[str]:
    before, after = _root(serializer)
    shape = serializer.operation_model.output_shape
    yield before
    if shape is not None:
        yield _element(shape.serialization.get("resultWrapper", f"{shape.name}Result"), inner)
    yield f"<ResponseMetadata>{_element('RequestId', serializer.context.request_id)}</ResponseMetadata>"
    yield after


def _enriched(headers: dict[str, Any], body: Any) -> tuple[dict[str, Any], Any]:
    """moto's request id in the headers and, in the place of what is there, in the text."""
    from moto.utilities.aws_headers import gen_amzn_requestid_long

    if "status" in headers:
        headers["status"] = str(headers["status"])
    request_id = gen_amzn_requestid_long(headers)
    if isinstance(body, str) and REQUEST_ID[0] in body:
        body = "\n".join(_with_request_id(line, request_id) for line in body.split("\n"))
    return headers, body


def _with_request_id(line: str, request_id: str) -> str:
    """From the first opening to the last closing tag of a line, as moto's greedy expression takes it."""
    start, end = line.find(REQUEST_ID[0]), line.rfind(REQUEST_ID[1])
    start += len(REQUEST_ID[0])
    return line[:start] + request_id + line[end:] if len(REQUEST_ID[0]) <= start <= end else line
