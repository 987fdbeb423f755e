"""What EC2 says of ids and names that mean nothing, where moto says something else.

Replaced: `InvalidInstanceIdError.__init__` (an id that has not the form of one is unknown to moto, EC2 calls it
malformed) and `LaunchTemplateBackend.delete_launch_template` (asks for a name when it does not know the one it got).
Source: EC2 API reference, "Error codes" (InvalidInstanceID.Malformed, InvalidLaunchTemplateName.NotFoundException).
"""

import re
from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.patches import Patches

_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")


def install(patches: Patches) -> None:
    from moto.ec2.exceptions import InvalidInstanceIdError
    from moto.ec2.models.launch_templates import LaunchTemplateBackend

    patches.replace(InvalidInstanceIdError, "__init__", _telling_malformed)
    patches.replace(LaunchTemplateBackend, "delete_launch_template", _knowing_names)


def _telling_malformed(original: Callable[..., None]) -> Callable[..., None]:
    from moto.ec2.exceptions import EC2ClientError

    def begin(error: Any, instance_id: Any) -> None:
        ids = [instance_id] if isinstance(instance_id, str) else list(instance_id)
        malformed = [each for each in ids if not _INSTANCE_ID.fullmatch(str(each))]
        if malformed:
            EC2ClientError.__init__(error, "InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
        else:
            original(error, instance_id)

    return begin


def _knowing_names(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_launch_template(backend: Any, name: str | None, tid: str | None) -> Any:
        if tid:
            backend.get_launch_template(tid)
        elif name:
            backend.get_launch_template_by_name(name)
        return original(backend, name, tid)

    return delete_launch_template
