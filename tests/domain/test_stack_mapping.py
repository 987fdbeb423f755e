"""Somebody else's tags as logical names: what belongs to a stack, what it is called, who may be harmed."""

import pytest
from pydantic import ValidationError

from blackstart.domain.stack_mapping import Kind, StackMapping

SHOP = StackMapping.model_validate(
    {
        "stack": {"tag": "app"},
        "name": {"tag": "role"},
        "chaos": {"tag": "chaos", "value": "welcome"},
        "load_balancers": {"edge": {"name": "shop-edge-*"}, "inner": {"with_tags": {"tier": "inner"}}},
        "instances": {"workers": {"scaling_group": "shop-workers-*"}},
    }
)


def name_of(kind: Kind, resource_name: str, **tags: str) -> str | None:
    return SHOP.logical_name(kind, "shop", resource_name, tags)


def test_without_a_file_the_engines_own_tags_count() -> None:
    own = StackMapping()
    tags = {"blackstart:stack": "emulator", "blackstart:name": "web"}
    assert own.logical_name(Kind.TARGET_GROUPS, "emulator", "web-tg", tags) == "web"
    assert own.logical_name(Kind.TARGET_GROUPS, "other", "web-tg", tags) is None
    assert own.allows_chaos({"blackstart:chaos": "allowed"})
    assert not own.allows_chaos({"blackstart:chaos": "no"})
    assert not own.allows_chaos({})


def test_a_resource_of_the_stack_is_called_by_its_name_tag_and_else_as_aws_calls_it() -> None:
    assert name_of(Kind.TARGET_GROUPS, "tg-1", app="shop", role="front") == "front"
    assert name_of(Kind.TARGET_GROUPS, "tg-1", app="shop") == "tg-1"
    assert name_of(Kind.TARGET_GROUPS, "tg-1", app="bakery", role="front") is None
    assert name_of(Kind.TARGET_GROUPS, "tg-1") is None


def test_a_resource_that_the_file_names_is_of_the_stack_without_any_tag() -> None:
    assert name_of(Kind.LOAD_BALANCERS, "shop-edge-X1") == "edge"
    assert name_of(Kind.LOAD_BALANCERS, "bakery-edge-X1") is None
    assert name_of(Kind.INSTANCES, "shop-workers-ABC") == "workers"


def test_only_an_asterisk_is_special_in_a_name_because_aws_allows_the_rest_in_its_names() -> None:
    mapping = StackMapping.model_validate({"alarms": {"cpu": {"name": "[prod] cpu?"}, "any": {"name": "[test] *"}}})
    names = {own: mapping.logical_name(Kind.ALARMS, "shop", own, {}) for own in ("[prod] cpu?", "p cpus", "[test] 5xx")}
    assert names == {"[prod] cpu?": "cpu", "p cpus": None, "[test] 5xx": "any"}


def test_one_that_is_named_by_tags_alone_must_carry_the_stacks_as_well() -> None:
    assert name_of(Kind.LOAD_BALANCERS, "any", app="shop", tier="inner") == "inner"
    assert name_of(Kind.LOAD_BALANCERS, "any", tier="inner") is None


def test_a_name_that_the_file_gives_to_one_is_not_anothers_by_its_tag() -> None:
    assert name_of(Kind.LOAD_BALANCERS, "shop-edge-1", app="shop", role="edge") == "edge"
    assert name_of(Kind.LOAD_BALANCERS, "shop-old", app="shop", role="edge") == "shop-old"


def test_several_tags_together_can_mark_a_stack() -> None:
    mapping = StackMapping.model_validate({"stack": {"with_tags": {"app": "shop", "env": "staging"}}})
    assert mapping.in_stack("whatever", {"app": "shop", "env": "staging", "more": "x"})
    assert not mapping.in_stack("whatever", {"app": "shop", "env": "production"})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"chaos": {"tag": "app", "value": "shop"}, "stack": {"tag": "app"}}, "use a tag of its own"),
        ({"chaos": {"tag": "app", "value": "shop"}, "stack": {"with_tags": {"app": "shop"}}}, "use a tag of its own"),
        ({"chaos": {"tag": "blackstart:name", "value": "web"}}, "use a tag of its own"),
        ({"chaos": {"tag": "aws:cloudformation:stack-name", "value": "web"}}, "set by AWS"),
        ({"chaos": {"tag": "chaos"}}, "value"),
        ({"chaos": {"tag": "chaos", "value": ""}}, "at least 1 character"),
        ({"stack": {}}, "give `tag`"),
        ({"stack": {"tag": "app", "with_tags": {"app": "shop"}}}, "not both"),
        ({"load_balancers": {"web": {}}}, "give `name` or `with_tags`"),
        ({"instances": {"web": {}}}, "give `scaling_group` or `with_tags`"),
        ({"instances": {"web": {"name": "i-0123456789abcdef0"}}}, "name"),
        ({"target_groups": {"web": {"name": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/x/1"}}}, "differs"),
        ({"scaling_groups": {"web": {"name": "sg-0123456789abcdef0"}}}, "differs between deployments"),
    ],
)
def test_a_file_that_would_harm_or_say_nothing_is_refused(document: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StackMapping.model_validate(document)
