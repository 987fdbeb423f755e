"""Which resource types and data sources the realiser knows, and how one is added.

    @realises("aws:sns/topic:Topic", {"name": Field(None, text), "tags": Field("Tags", tag_list)})
    def topic(wanted: Wanted, aws: AwsClients) -> Realised:
        arn = aws.client("sns").create_topic(Name=wanted.physical_name(256), **wanted.call)["TopicArn"]
        return Realised(arn, {"arn": arn})

in a file of `blackstart/deploy/resources/`, which are all imported by `load_resources`.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, FieldError, Fields, read_fields, text


@dataclass(frozen=True)
class Wanted:
    """A resource as the program declares it, read and checked.

    given: its inputs by Pulumi's names. call: those that go straight into the AWS call, by AWS's names.
    """

    urn: str
    name: str
    given: dict[str, Any]
    call: dict[str, Any]

    def physical_name(self, longest: int) -> str:
        """The name given, or one as Pulumi makes them: the logical name or the prefix, then seven hexadecimal digits.

        The digits come from the URN, so that a second deployment meets the first one's names and AWS refuses it.
        """
        name = self.given.get("name")
        if name is None:
            digits = hashlib.sha256(self.urn.encode()).hexdigest()[:7]
            name = self.given.get("namePrefix", f"{self.name}-") + digits
        if len(name) > longest:
            raise FieldError("name", f"{name!r} has {len(name)} characters, AWS allows {longest}", "Shorten it.")
        return str(name)


class Realised(NamedTuple):
    """What AWS made of it. outputs: computed ones by Pulumi's names; inputs need not be repeated."""

    id: str
    outputs: dict[str, Any]


Realisation = Callable[[Wanted, AwsClients], Realised]
Lookup = Callable[[dict[str, Any], AwsClients], dict[str, Any]]

_realisations: dict[str, tuple[Fields, Realisation]] = {}
_lookups: dict[str, tuple[Fields, Lookup]] = {}
# pulumi-aws 7 takes a region on every resource and data source.
_EVERYWHERE = {"region": Field(None, text)}


def realises(token: str, fields: Fields) -> Callable[[Realisation], Realisation]:
    """Register how resources of a type are created."""

    def register(realisation: Realisation) -> Realisation:
        _realisations[token] = ({**_EVERYWHERE, **fields}, realisation)
        return realisation

    return register


def looks_up(token: str, fields: Fields) -> Callable[[Lookup], Lookup]:
    """Register how a data source is answered."""

    def register(lookup: Lookup) -> Lookup:
        _lookups[token] = ({**_EVERYWHERE, **fields}, lookup)
        return lookup

    return register


def load_resources() -> None:
    """Import every file of `resources/`, so that all of them are registered."""
    package = importlib.import_module("blackstart.deploy.resources")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def resource_types() -> tuple[str, ...]:
    """Every resource type that can be created."""
    return tuple(sorted(_realisations))


def data_sources() -> tuple[str, ...]:
    """Every data source that can be answered."""
    return tuple(sorted(_lookups))


def create(token: str, urn: str, name: str, inputs: dict[str, Any], aws: AwsClients) -> Realised:
    """Create one resource. Raises KeyError for an unknown type, FieldError for a wrong input, botocore's errors."""
    fields, realisation = _realisations[token]
    given = read_fields(fields, inputs)
    call = {field.aws: given[key] for key, field in fields.items() if field.aws is not None and key in given}
    return realisation(Wanted(urn, name, given, call), aws)


def look_up(token: str, arguments: dict[str, Any], aws: AwsClients) -> dict[str, Any]:
    """Answer one data source. Raises like `create`."""
    fields, lookup = _lookups[token]
    return lookup(read_fields(fields, arguments), aws)
