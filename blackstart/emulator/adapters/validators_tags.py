"""What the elbv2 API refuses of tags and moto accepts, and more tags than moto takes (ten).

Source: elbv2 API reference (errors of AddTags, RemoveTags, DescribeTags), ELB user guide, "Quotas for your Application
Load Balancers".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from blackstart.emulator.adapters.elbv2_refusals import refused
from blackstart.emulator.adapters.patches import Patches

MOST_TAGS = 50


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend

    patches.replace(ELBv2Backend, "add_tags", lambda _: _add_tags)
    patches.replace(ELBv2Backend, "describe_tags", _noticing_the_unknown)
    patches.replace(ELBv2Backend, "remove_tags", _noticing_the_unknown)


def check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """Raise elbv2's error for a key that is given twice, or for too many."""
    keys = [tag["Key"] for tag in tags]
    if len(keys) != len(set(keys)):
        raise refused("DuplicateTagKeys", "A tag key was specified more than once")
    if len(keys) > MOST_TAGS:
        raise _too_many()


def _too_many() -> Exception:
    return refused("TooManyTags", "You've reached the limit on the number of tags for this resource")


def _add_tags(backend: Any, resource_arns: list[str], tags: list[dict[str, str]]) -> None:
    """To all of the resources or to none."""
    check_tags(tags)
    keys = {tag["Key"] for tag in tags}
    for arn in resource_arns:
        _check_known(backend, arn)
        if len(keys | set(backend.tagging_service.get_tag_dict_for_resource(arn))) > MOST_TAGS:
            raise _too_many()
    for arn in resource_arns:
        backend.tagging_service.tag_resource(arn, tags)


def _check_known(backend: Any, arn: str) -> None:
    """Raise elbv2's error for what does not exist; moto knows default rules by another key than their ARN."""
    from moto.elbv2.exceptions import RuleNotFoundError

    try:
        backend._get_resource_by_arn(arn)
    except RuleNotFoundError:
        backend.describe_rules(None, [arn])


def _noticing_the_unknown(original: Callable[..., Any]) -> Callable[..., Any]:
    def of_known(backend: Any, resource_arns: list[str], *keys: Any) -> Any:
        for arn in resource_arns:
            _check_known(backend, arn)
        return original(backend, resource_arns, *keys)

    return of_known
