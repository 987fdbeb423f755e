"""What the elbv2 API refuses of a rule's conditions.

Source: elbv2 API reference (RuleCondition and what it holds), ELB user guide "Condition types for listener rules" and
"Quotas for your Application Load Balancers". The limit of values has AWS's words; the rest is ours.
"""

import ipaddress
import re
from collections import Counter
from typing import Any

from blackstart.emulator.adapters.elbv2_refusals import invalid
from blackstart.emulator.adapters.moto_elbv2_actions import CONFIG_OF_FIELD, condition_of
from blackstart.emulator.decisions.expressions import UnsupportedExpressionError, searcher
from blackstart.emulator.snapshot import Condition, ConditionField

MOST_VALUES = 5
MOST_WILDCARDS = 5
LONGEST_VALUE = 128
LONGEST_NAME = 40
ONCE = (
    ConditionField.HOST_HEADER,
    ConditionField.PATH_PATTERN,
    ConditionField.HTTP_REQUEST_METHOD,
    ConditionField.SOURCE_IP,
)
WITH_WILDCARDS = (
    ConditionField.HOST_HEADER,
    ConditionField.PATH_PATTERN,
    ConditionField.HTTP_HEADER,
    ConditionField.QUERY_STRING,
)
WITH_REGEXES = (ConditionField.HOST_HEADER, ConditionField.PATH_PATTERN, ConditionField.HTTP_HEADER)
METHOD = re.compile(r"[A-Z_-]+")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_conditions(conditions: list[dict[str, Any]]) -> None:
    """Raise elbv2's ValidationError for conditions that a rule cannot have."""
    found = [_read(condition) for condition in conditions]
    for field, times in Counter(condition.field for condition in found).items():
        if times > 1 and field in ONCE:
            raise invalid(f"A rule can only have one '{field.value}' condition")
    if sum(len(_values(condition)) for condition in found) > MOST_VALUES:
        raise invalid(f"A rule can only have '{MOST_VALUES}' condition values and regex values")
    patterns = [value for condition in found if condition.field in WITH_WILDCARDS for value in _patterns(condition)]
    if sum(pattern.count("*") + pattern.count("?") for pattern in patterns) > MOST_WILDCARDS:
        raise invalid(f"A rule can only have '{MOST_WILDCARDS}' condition wildcards")
    for condition in found:
        _check(condition)


def _read(condition: dict[str, Any]) -> Condition:
    fields = [field.value for field in ConditionField]
    name = condition.get("Field")
    if name not in fields:
        raise invalid(f"Condition field '{name}' must be one of '[{','.join(fields)}]'")
    field = ConditionField(name)
    config = CONFIG_OF_FIELD[field]
    if field in (ConditionField.HOST_HEADER, ConditionField.PATH_PATTERN):
        if condition.get("Values") and condition.get(config):
            raise invalid(f"You cannot provide both Values and '{config}' for a condition of type '{name}'")
        if len(condition.get("Values") or ()) > 1:
            raise invalid(f"The '{name}' field contains too many values; the limit is '1'")
    elif condition.get("Values"):
        raise invalid(f"The 'Values' field is not compatible with '{name}'")
    elif not condition.get(config):
        raise invalid(f"A '{config}' must be specified with '{name}'")
    if field is ConditionField.QUERY_STRING and any(
        "Value" not in pair for pair in condition[config].get("Values", ())
    ):
        raise invalid("A 'Value' must be specified in 'QueryStringKeyValuePair'")
    return condition_of(condition)


def _values(condition: Condition) -> list[str]:
    return [*condition.values, *condition.regexes, *(pair.value for pair in condition.pairs)]


def _patterns(condition: Condition) -> list[str]:
    """The values in which * and ? are wildcards; in a query string a backslash takes that from them."""
    pairs = [text for pair in condition.pairs for text in (pair.key or "", pair.value)]
    return [*condition.values, *(re.sub(r"\\.", "", text) for text in pairs)]


def _check(condition: Condition) -> None:
    name = condition.field.value
    if not _values(condition):
        raise invalid("A condition value must be specified")
    if condition.regexes and condition.field not in WITH_REGEXES:
        raise invalid(f"The 'RegexValues' field is not compatible with '{name}'")
    longest = LONGEST_NAME if condition.field is ConditionField.HTTP_REQUEST_METHOD else LONGEST_VALUE
    for value in [*_values(condition), *(pair.key or "" for pair in condition.pairs)]:
        if len(value) > longest:
            raise invalid(f"The '{name}' value is too long; the limit is '{longest}'")
    for regex in condition.regexes:
        _check_regex(regex)
    if condition.field is ConditionField.HTTP_HEADER:
        _check_header_name(condition.header)
    for value in condition.values:
        _check_value(condition.field, value)


def _check_value(field: ConditionField, value: str) -> None:
    if field is ConditionField.HTTP_REQUEST_METHOD and not METHOD.fullmatch(value):
        raise invalid(
            "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore"
        )
    if field is ConditionField.SOURCE_IP:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise invalid(f"The 'source-ip' value '{value}' must be in CIDR format") from None
        if "/" not in value:
            raise invalid(f"The 'source-ip' value '{value}' must be in CIDR format")


def _check_header_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise invalid(f"The 'HttpHeaderName' value is too long; the limit is '{LONGEST_NAME}'")
    if not HEADER_NAME.fullmatch(name):
        raise invalid(f"The 'HttpHeaderName' value '{name}' is invalid")
    if name.lower() == "host":
        raise invalid("The 'HttpHeaderName' value 'Host' is invalid; use a 'host-header' condition")


def _check_regex(regex: str) -> None:
    try:
        searcher(regex)
    except UnsupportedExpressionError as error:
        raise invalid(f"The regular expression '{regex}' is not valid: {error}") from None
