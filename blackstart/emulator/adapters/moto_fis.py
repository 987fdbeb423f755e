"""AWS FIS: experiments that interrupt spot instances act; what other actions would do is not done, and told.

Replaced: `FISBackend.start_experiment` (moto keeps experiments and runs none of their actions).
Source: FIS user guide, "AWS FIS actions reference", aws:ec2:send-spot-instance-interruptions.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.controllers.spot_interruptions import NotSpotError
from blackstart.emulator.decisions.fis_targets import Resource, duration_s, resolved

INTERRUPT = "aws:ec2:send-spot-instance-interruptions"
WAIT = "aws:fis:wait"


class Interrupts(Protocol):
    """Who takes spot instances back. Raises NotSpotError."""

    def interrupt(self, instance_id: str, now_s: float, after_s: float) -> None: ...


def install(
    patches: Patches, spot: Interrupts, facts: Callable[[], Mapping[str, InstanceFact]], now_s: Callable[[], float]
) -> None:
    from moto.fis.models import FISBackend

    def starting(original: Callable[..., Any]) -> Callable[..., Any]:
        def start_experiment(backend: Any, *args: Any, **kwargs: Any) -> Any:
            known = set(backend.experiments)
            answer = original(backend, *args, **kwargs)
            if answer["id"] in known:  # the same client token again
                return answer
            experiment = backend.experiments[answer["id"]]
            _run(backend, experiment, spot, facts(), now_s())
            return experiment.to_dict(tags=backend.tagger.get_tag_dict_for_resource(experiment.arn))

        return start_experiment

    patches.replace(FISBackend, "start_experiment", starting)


def unserved() -> Iterator[Unserved]:
    """Actions and stop conditions of experiment templates that do nothing here."""
    for backend in moto_backends.existing("fis"):
        for template in backend.experiment_templates.values():
            for what in _without_effect(template):
                reason = f"FIS experiment template {template.id}: its {what} does nothing"
                yield Unserved(kind=UnservedKind.OTHER, resource=template.id, reason=reason)


def _without_effect(template: Any) -> Iterator[str]:
    for condition in template.stop_conditions or ():
        if condition.get("source") != "none":
            yield f"stop condition {condition.get('value')}"
    for name, action in (template.actions or {}).items():
        if action.get("actionId") not in (INTERRUPT, WAIT):
            yield f"action {name} ({action.get('actionId')})"


def _run(backend: Any, experiment: Any, spot: Interrupts, facts: Mapping[str, InstanceFact], now_s: float) -> None:
    """Do what can be done at once: FIS, too, resolves all targets when an experiment starts."""
    if experiment.experiment_options.get("actionsMode") == "skip-all":
        return
    among = _spot_instances(backend, facts)
    for action in experiment.actions.values():
        if action.get("actionId") != INTERRUPT:
            continue
        target = experiment.targets.get(next(iter((action.get("targets") or {}).values()), ""), {})
        chosen = resolved(target, among)
        if not chosen and experiment.experiment_options.get("emptyTargetResolutionMode") != "skip":
            experiment.status = "failed"
            return
        try:
            after_s = duration_s((action.get("parameters") or {}).get("durationBeforeInterruption", "PT2M"))
        except ValueError:
            experiment.status = "failed"
            return
        for resource in chosen:
            try:
                spot.interrupt(resource.arn.rpartition("/")[2], now_s, after_s)
            except NotSpotError:
                continue


def _spot_instances(backend: Any, facts: Mapping[str, InstanceFact]) -> list[Resource]:
    from moto import backends

    ec2 = backends.get_backend("ec2")[backend.account_id][backend.region_name]
    return [
        Resource(
            arn=f"arn:aws:ec2:{fact.region}:{fact.account}:instance/{fact.instance_id}",
            tags=dict(ec2.tags.get(fact.instance_id, {})),
            attributes={
                "InstanceId": fact.instance_id,
                "InstanceType": fact.instance_type,
                "ImageId": fact.image_id,
                "SubnetId": fact.subnet_id,
                "State": {"Name": fact.state.value},
                "Placement": {"AvailabilityZone": fact.zone},
            },
        )
        for fact in facts.values()
        if fact.lifecycle_kind == "spot" and (fact.account, fact.region) == (backend.account_id, backend.region_name)
    ]
