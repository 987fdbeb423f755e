"""Launch templates: which version is meant, new versions made from others, and EC2's refusals.

Replaced: `LaunchTemplates.create_launch_template_version` (does not take over the source version's data).
Source: EC2 API reference, CreateLaunchTemplateVersion (SourceVersion), LaunchTemplateSpecification.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.patches import Patches

NOT_ACTED_ON = frozenset(
    {
        *("InstanceRequirements", "CapacityReservationSpecification", "CpuOptions", "EnclaveOptions", "KernelId"),
        *("LicenseSpecifications", "MaintenanceOptions", "NetworkPerformanceOptions", "PrivateDnsNameOptions"),
        *("RamDiskId", "ElasticGpuSpecifications", "ElasticInferenceAccelerators"),
    }
)


def install(patches: Patches) -> None:
    from moto.ec2.models.launch_templates import LaunchTemplate
    from moto.ec2.responses.launch_templates import LaunchTemplates

    patches.replace(LaunchTemplates, "create_launch_template_version", _taking_over_the_source)
    patches.replace(LaunchTemplate, "get_version", lambda _: _version)


def unserved() -> Iterator[Unserved]:
    """What default and newest versions ask for and no instance gets."""
    for backend in moto_backends.existing("ec2"):
        for template in backend.launch_templates.values():
            for version in sorted({template.default_version_number, template.latest_version_number}):
                data = template.get_version(version).data
                for name in sorted(name for name in NOT_ACTED_ON if data.get(name)):
                    yield Unserved(
                        kind=UnservedKind.OTHER,
                        resource=template.id,
                        reason=f"launch template {template.name}, version {version}: {name} has no effect",
                        minor=name != "InstanceRequirements",
                    )


def template_version(backend: Any, reference: Mapping[str, Any]) -> Any:
    """The version that a LaunchTemplateSpecification means: a number, $Latest, or $Default (also when it says none)."""
    named, identified = reference.get("LaunchTemplateName"), reference.get("LaunchTemplateId")
    if bool(named) is bool(identified):
        raise refused(
            "InvalidParameterCombination" if named else "MissingParameter",
            "Either provide launch template ID or launch template name"
            if named
            else "The request must contain the parameter LaunchTemplateId or LaunchTemplateName",
        )
    template = backend.get_launch_template(identified) if identified else backend.get_launch_template_by_name(named)
    return template.get_version(reference.get("Version") or "$Default")


def _version(template: Any, number: Any) -> Any:
    """In the place of moto's: it takes 0 and negative numbers for the newest versions, and fails on text."""
    wanted = str(number)
    if wanted.lower() == "$latest":
        return template.latest_version()
    if wanted.lower() == "$default":
        return template.default_version()
    found = [version for version in template.versions if str(version.number) == wanted]
    if not found:
        raise refused(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {wanted} for the launch template with ID {template.id}.",
        )
    return found[0]


def _taking_over_the_source(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What a new version does not say comes from its source version; structures are taken over as a whole."""

    def create_launch_template_version(response: Any) -> Any:
        from moto.ec2.utils import parse_user_data

        data = response.params.get("LaunchTemplateData")
        if isinstance(data, dict) and data.get("UserData") is not None:
            data["UserData"] = parse_user_data(data["UserData"])
        source = response._get_param("SourceVersion")
        if source:
            reference = {
                name: response._get_param(name)
                for name in ("LaunchTemplateId", "LaunchTemplateName")
                if response._get_param(name)
            }
            earlier = template_version(response.ec2_backend, {**reference, "Version": source})
            response.params["LaunchTemplateData"] = {**copy.deepcopy(earlier.data), **(data or {})}
        return original(response)

    return create_launch_template_version
