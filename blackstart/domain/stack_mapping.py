"""How somebody else's tags and names become this engine's logical names: a stack file, or the tags of `domain/tags.py`.

A resource belongs to the stack when it carries the stack's tag, or when the file names it. Its logical name is the one
the file gives it, else the value of the name tag, else AWS's own name. Whether chaos is allowed is never implied: only
the opt-in tag says so. There are no ids in it: they differ between deployments and between rehearsal and drill.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from blackstart.domain import tags
from blackstart.domain.model import Model

AN_ID = re.compile(r"arn:|(i|sg|vpc|subnet|lt|ami)-[0-9a-f]{8}")
Tags = Mapping[str, str]


class Kind(StrEnum):
    """The sections of a stack file that name single resources."""

    LOAD_BALANCERS = "load_balancers"
    TARGET_GROUPS = "target_groups"
    SCALING_GROUPS = "scaling_groups"
    INSTANCES = "instances"
    ALARMS = "alarms"

    @property
    def singular(self) -> str:
        return self.value.removesuffix("s").replace("_", " ")


class StackRule(Model):
    """What every resource of the stack carries: tag = the experiment's `stack`, or all of `with_tags`."""

    tag: str | None = Field(default=None, min_length=1)
    with_tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_of_them(self) -> "StackRule":
        if (self.tag is None) == (not self.with_tags):
            raise ValueError("give `tag` (its value is the experiment's `stack`) or `with_tags` (key: value), not both")
        return self

    def wanted(self, stack: str) -> dict[str, str]:
        return dict(self.with_tags) if self.tag is None else {self.tag: stack}


class TagName(Model):
    """tag: the key of the tag that carries a value."""

    tag: str = Field(min_length=1)


class OptIn(Model):
    """The tag, key and value, with which an instance says that chaos is allowed on it."""

    tag: str = Field(min_length=1)
    value: str = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.tag} = {self.value}"

    @field_validator("tag")
    @classmethod
    def _decided_by_somebody(cls, tag: str) -> str:
        if tag.lower().startswith("aws:"):
            raise ValueError("aws: tags are set by AWS, so nobody decides by them that chaos is allowed; use your own")
        return tag


class Which(Model):
    """One resource: name is AWS's own name for it (`*` stands for any characters), with_tags what else it carries.

    A resource that is given by name needs no stack tag. By tags alone it must carry the stack's tag as well.
    """

    name: str | None = Field(default=None, min_length=1)
    with_tags: dict[str, str] = {}

    @field_validator("name")
    @classmethod
    def _no_id(cls, name: str | None) -> str | None:
        if name is not None and AN_ID.match(name):
            raise ValueError("an id or ARN differs between deployments; give the resource's name or its tags")
        return name

    @model_validator(mode="after")
    def _something(self) -> "Which":
        if self.name is None and not self.with_tags:
            raise ValueError("give `name` or `with_tags`")
        return self

    def matches(self, resource_name: str, tagged: Tags, in_stack: bool) -> bool:
        if self.name is None and not in_stack:
            return False
        return (self.name is None or fits(resource_name, self.name)) and carries(tagged, self.with_tags)


class WhichInstances(Model):
    """Instances by tags, or by their Auto Scaling group's own name (`*` stands for any characters).

    Those of a named group need no stack tag; whether chaos is allowed on them, their own opt-in tag says.
    """

    scaling_group: str | None = Field(default=None, min_length=1)
    with_tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _something(self) -> "WhichInstances":
        if self.scaling_group is None and not self.with_tags:
            raise ValueError("give `scaling_group` or `with_tags`")
        return self

    def matches(self, group: str, tagged: Tags, in_stack: bool) -> bool:
        if self.scaling_group is None and not in_stack:
            return False
        return (self.scaling_group is None or fits(group, self.scaling_group)) and carries(tagged, self.with_tags)


class StackMapping(Model):
    """A stack file. What it leaves out keeps this engine's own tags (`domain/tags.py`)."""

    stack: StackRule = StackRule(tag=tags.STACK_TAG)
    name: TagName = TagName(tag=tags.NAME_TAG)
    zone: TagName = TagName(tag=tags.ZONE_TAG)
    chaos: OptIn = OptIn(tag=tags.CHAOS_TAG, value=tags.CHAOS_ALLOWED)
    load_balancers: dict[str, Which] = {}
    target_groups: dict[str, Which] = {}
    scaling_groups: dict[str, Which] = {}
    instances: dict[str, WhichInstances] = {}
    alarms: dict[str, Which] = {}

    @model_validator(mode="after")
    def _opt_in_is_its_own(self) -> "StackMapping":
        if self.chaos.tag in {self.stack.tag, self.name.tag, self.zone.tag, *self.stack.with_tags}:
            raise ValueError(
                f"chaos.tag {self.chaos.tag} is also what the stack, a name or a zone is known by: every resource would"
                " be opted in by merely being there; use a tag of its own"
            )
        return self

    def in_stack(self, stack: str, tagged: Tags) -> bool:
        return carries(tagged, self.stack.wanted(stack))

    def logical_name(self, kind: Kind, stack: str, resource_name: str, tagged: Tags) -> str | None:
        """None for a resource of another stack. resource_name: AWS's own; of an instance, its Auto Scaling group's.

        A name that the file gives away is nobody else's, whatever tags say: so two of one name can be told apart.
        """
        in_stack = self.in_stack(stack, tagged)
        for name, which in self._named(kind).items():
            if which.matches(resource_name, tagged, in_stack):
                return name
        if not in_stack:
            return None
        name = tagged.get(self.name.tag, resource_name)
        return resource_name if name in self._named(kind) else name  # the file has given this name to another

    def allows_chaos(self, tagged: Tags) -> bool:
        return tagged.get(self.chaos.tag) == self.chaos.value

    def origin(self, kind: Kind) -> str:
        """Where logical names come from, for messages."""
        return f"by the tag {self.name.tag}" + (f" and {kind.value} of the stack file" if self._named(kind) else "")

    def _named(self, kind: Kind) -> dict[str, Which] | dict[str, WhichInstances]:
        found: dict[str, Which] | dict[str, WhichInstances] = getattr(self, kind.value)
        return found


def carries(tagged: Tags, wanted: Tags) -> bool:
    """Whether all of these tags are there, with these values."""
    return all(tagged.get(key) == value for key, value in wanted.items())


def fits(name: str, pattern: str) -> bool:
    """Whether a name is what a pattern says, in which `*` stands for any characters and everything else for itself.

    AWS allows brackets and question marks in names of alarms and Auto Scaling groups.
    """
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name, re.DOTALL) is not None
