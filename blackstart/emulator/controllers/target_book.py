"""Which targets are registered where, and which of them still drain. moto keeps one port per target; this keeps all."""

import itertools

from blackstart.emulator.decisions.target_registration import Registration


class TargetBook:
    """Registrations by target group. Read and written under the control plane's lock."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[tuple[str, int], Registration]] = {}
        self._numbers = itertools.count(1)

    def register(self, target_group_arn: str, target_id: str, port: int, now_s: float) -> None:
        """Register a target, anew if it is draining; registering it a second time changes nothing."""
        group = self._groups.setdefault(target_group_arn, {})
        known = group.get((target_id, port))
        if known is None or known.draining_until_s is not None:
            group[(target_id, port)] = Registration(
                target_id=target_id, port=port, number=next(self._numbers), since_s=now_s
            )

    def deregister(self, target_group_arn: str, target_id: str, port: int | None, delay_s: float, now_s: float) -> bool:
        """Begin to drain a target (every port of it when none is given); False when it is not registered."""
        found = False
        for registration in self.registrations(target_group_arn):
            if registration.target_id != target_id or port not in (None, registration.port):
                continue
            found = True
            if registration.draining_until_s is None:
                self._groups[target_group_arn][(target_id, registration.port)] = registration.model_copy(
                    update={"draining_until_s": now_s + delay_s}
                )
        return found

    def remove(self, target_group_arn: str, target_id: str) -> None:
        """Drop a target without draining: its instance is gone."""
        group = self._groups.get(target_group_arn, {})
        for key in [key for key in group if key[0] == target_id]:
            del group[key]

    def expire(self, now_s: float) -> None:
        """Drop the targets whose deregistration delay is over."""
        for group in self._groups.values():
            for key, registration in list(group.items()):
                if registration.draining_until_s is not None and now_s >= registration.draining_until_s:
                    del group[key]

    def registrations(self, target_group_arn: str) -> tuple[Registration, ...]:
        return tuple(self._groups.get(target_group_arn, {}).values())

    def in_service(self, target_group_arn: str) -> frozenset[str]:
        """The target ids that are registered on some port and do not drain."""
        return frozenset(r.target_id for r in self.registrations(target_group_arn) if r.draining_until_s is None)

    def keep_only(self, target_group_arns: set[str]) -> None:
        """Forget deleted target groups."""
        self._groups = {arn: group for arn, group in self._groups.items() if arn in target_group_arns}
