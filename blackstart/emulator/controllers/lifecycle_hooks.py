"""Instances that wait for lifecycle hooks: what is told to whom, what is answered, and when the wait is over."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from blackstart.emulator.controllers.event_bus import Event, EventBus
from blackstart.emulator.decisions.lifecycle_hook import Hook, LifecycleAction, Result, Transition, Verdict, decide

EC2, GROUP, WARM_POOL = "EC2", "AutoScalingGroup", "WarmPool"
"""Where an instance comes from and goes to, in AWS's words (Origin, Destination)."""
DETAIL_TYPES = {
    Transition.LAUNCHING: "EC2 Instance-launch Lifecycle Action",
    Transition.TERMINATING: "EC2 Instance-terminate Lifecycle Action",
}


class NoActiveActionError(LookupError):
    """No instance waits for what was named; the text is AWS's."""


class Passage(NamedTuple):
    """What an instance is on its way from and to when a hook stops it."""

    transition: Transition
    origin: str
    destination: str


ENTERING = Passage(Transition.LAUNCHING, EC2, GROUP)
FROM_POOL = Passage(Transition.LAUNCHING, WARM_POOL, GROUP)
LEAVING_GROUP = Passage(Transition.TERMINATING, GROUP, EC2)


class HookStore(Protocol):
    """moto's side. A group is moto's own object."""

    def hooks(self, group: Any, transition: Transition) -> Sequence[Hook]: ...
    def new_token(self) -> str: ...
    def notify(self, group: Any, hook: Hook, message: Mapping[str, str], now_s: float) -> None:
        """Tell the hook's notification target, if it has one."""


class _Wait(NamedTuple):
    group_arn: str
    actions: tuple[LifecycleAction, ...]


Change = Callable[[LifecycleAction], LifecycleAction | None]
"""An action as it is from now on; None when it is not meant."""


class LifecycleHooks:
    """Every wait, by instance. events: gets one for each wait."""

    def __init__(self, store: HookStore, events: EventBus) -> None:
        self._store = store
        self._events = events
        self._waiting: dict[str, _Wait] = {}

    def begin(self, group: Any, instance_id: str, passage: Passage, now_s: float) -> bool:
        """Begin a wait for each of the group's hooks of this transition; whether there is any."""
        hooks = self._store.hooks(group, passage.transition)
        actions = tuple(LifecycleAction(self._store.new_token(), hook, now_s, now_s) for hook in hooks)
        if actions:
            self._waiting[instance_id] = _Wait(group.arn, actions)
        for action in actions:
            self._tell(group, instance_id, passage, action, now_s)
        return bool(actions)

    def verdict(self, instance_id: str, now_s: float) -> Verdict:
        """Whether an instance goes on; once it does, its wait is forgotten."""
        wait = self._waiting.get(instance_id)
        verdict = decide(wait.actions if wait is not None else (), now_s)
        if not verdict.waits:
            self._waiting.pop(instance_id, None)
        return verdict

    def forget(self, instance_id: str) -> None:
        """The instance takes another way."""
        self._waiting.pop(instance_id, None)

    def hook_deleted(self, group_arn: str, name: str) -> None:
        """Complete what waits for a hook: ABANDON for launching instances, CONTINUE for terminating ones.

        Source: API reference, DeleteLifecycleHook.
        """

        def ended(action: LifecycleAction) -> LifecycleAction | None:
            if action.hook.name != name:
                return None
            launching = action.hook.transition is Transition.LAUNCHING
            return action._replace(result=Result.ABANDON if launching else Result.CONTINUE)

        self._change(group_arn, "", ended)

    def complete(self, group_arn: str, name: str, token: str, instance_id: str, result: Result) -> None:
        """Record a result, by token or by instance. Raises NoActiveActionError."""
        self._answer(group_arn, name, token, instance_id, lambda action: action._replace(result=result))

    def heartbeat(self, group_arn: str, name: str, token: str, instance_id: str, now_s: float) -> None:
        """Restart a timeout. Raises NoActiveActionError."""
        self._answer(group_arn, name, token, instance_id, lambda action: action._replace(heard_s=now_s))

    def _answer(self, group_arn: str, name: str, token: str, instance_id: str, change: Change) -> None:
        def answered(action: LifecycleAction) -> LifecycleAction | None:
            meant = action.result is None and action.hook.name == name and token in ("", action.token)
            return change(action) if meant else None

        if not self._change(group_arn, instance_id, answered):
            what = f"token {token}" if token else f"instance ID {instance_id}"
            raise NoActiveActionError(f"No active Lifecycle Action found with {what}")

    def _change(self, group_arn: str, instance_id: str, change: Change) -> bool:
        """Change the actions of one of the group's instances, or of all of them; whether any was meant."""
        found = False
        for each in [instance_id] if instance_id else list(self._waiting):
            wait = self._waiting.get(each)
            if wait is None or wait.group_arn != group_arn:
                continue
            changed = [change(action) for action in wait.actions]
            found = found or any(action is not None for action in changed)
            actions = tuple(new or old for new, old in zip(changed, wait.actions, strict=True))
            self._waiting[each] = wait._replace(actions=actions)
        return found

    def _tell(self, group: Any, instance_id: str, passage: Passage, action: LifecycleAction, now_s: float) -> None:
        detail = {
            "LifecycleActionToken": action.token,
            "AutoScalingGroupName": group.name,
            "LifecycleHookName": action.hook.name,
            "EC2InstanceId": instance_id,
            "LifecycleTransition": passage.transition.value,
            **({"NotificationMetadata": action.hook.metadata} if action.hook.metadata else {}),
            "Origin": passage.origin,
            "Destination": passage.destination,
        }
        self._events(
            Event(
                source="aws.autoscaling",
                detail_type=DETAIL_TYPES[passage.transition],
                account=group.account_id,
                region=group.region,
                resources=(group.arn,),
                detail=detail,
                time_s=now_s,
            )
        )
        self._store.notify(group, action.hook, detail, now_s)
