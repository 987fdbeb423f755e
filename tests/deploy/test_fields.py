"""The strict reading of a resource's inputs."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.deploy import registry
from blackstart.deploy.fields import (
    Field,
    FieldError,
    base64_text,
    block,
    comma_separated,
    flag,
    integer,
    json_text,
    list_of,
    one_of,
    pairs,
    read_fields,
    tagged_as,
    text,
)
from blackstart.deploy.registry import Wanted

NESTED = {
    "name": Field("Name", text, required=True),
    "disks": Field("Disks", list_of(block({"size": Field("Size", integer), "wait": Field(None, flag)}))),
}


@given(st.integers(min_value=-(2**50), max_value=2**50))
def test_every_number_arrives_as_a_float_and_leaves_as_the_whole_number_it_was(number):
    assert integer(float(number), "port") == number
    assert integer(str(number), "port") == number


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (integer, 1.5),
        (integer, True),
        (integer, "many"),
        (text, 1.0),
        (flag, "yes"),
        (flag, 1.0),
        (list_of(text), "a"),
        (list_of(text), ["a", 1.0]),
        (pairs("Key"), {"a": 1.0}),
        (one_of("a", "b"), "c"),
        (json_text, "{"),
        (base64_text, "not base64!"),
    ],
)
def test_a_value_of_another_type_is_refused(read, value):
    with pytest.raises(FieldError) as refused:
        read(value, "here")
    assert refused.value.path.startswith("here")


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_a_field_that_is_not_in_the_table_is_never_dropped(unknown):
    with pytest.raises(FieldError):
        read_fields({}, unknown)


def test_the_path_of_a_nested_mistake_is_exact():
    with pytest.raises(FieldError) as refused:
        read_fields(NESTED, {"name": "a", "disks": [{"size": 1.0}, {"sise": 2.0}]})
    assert refused.value.path == "disks[1].sise"


def test_a_required_field_is_missed():
    with pytest.raises(FieldError, match="name: missing"):
        read_fields(NESTED, {})


def test_nested_fields_leave_under_the_names_of_aws_and_without_what_only_pulumi_wants():
    read = read_fields(NESTED, {"name": "a", "disks": [{"size": 8.0, "wait": True}]})
    assert read == {"name": "a", "disks": [{"Size": 8}]}


def test_tags_and_lists_take_the_forms_of_each_service():
    assert tagged_as("vpc")({"a": "b"}, "tags") == [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert comma_separated(["s-1", "s-2"], "subnets") == "s-1,s-2"
    assert base64_text(base64.b64encode(b"x").decode(), "userData") == "eA=="


def wanted(**given_inputs):
    return Wanted("urn:pulumi:s::p::t::web", "web", given_inputs, {})


def test_a_name_is_made_as_pulumi_makes_it_and_is_the_same_each_time():
    name = wanted().physical_name(32)
    assert name == wanted().physical_name(32)
    assert name.startswith("web-")
    assert len(name) == len("web-") + 7
    assert wanted(namePrefix="shop").physical_name(32).startswith("shop")
    assert wanted(name="exact").physical_name(32) == "exact"


def test_a_name_that_aws_would_refuse_is_refused_here():
    with pytest.raises(FieldError, match="AWS allows 32"):
        wanted(name="w" * 33).physical_name(32)


def test_every_file_of_resources_is_registered():
    registry.load_resources()
    assert len(registry.resource_types()) >= 25
    assert "aws:ec2/vpc:Vpc" in registry.resource_types()
    assert "aws:ssm/getParameter:getParameter" in registry.data_sources()
