"""Which targets are registered where, and which of them still drain. moto keeps one port per target; this keeps all."""

import itertools

from blackstart.emulator.decisions.target_registration import Registration


class TargetBook:
    """Registrations by target group. Read and written under the control plane's lock."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[tuple[str, int], Registration]] = {}
        self._ports: dict[str, dict[str, tuple[int, ...]]] = {}
        self._draining: dict[tuple[str, str, int], float] = {}
        self._numbers = itertools.count(1)

    def register(self, target_group_arn: str, target_id: str, port: int, now_s: float) -> None:
        """Register a target, anew if it is draining; registering it a second time changes nothing."""
        group = self._groups.setdefault(target_group_arn, {})
        known = group.get((target_id, port))
        if known is None or known.draining_until_s is not None:
            group[(target_id, port)] = Registration(
                target_id=target_id, port=port, number=next(self._numbers), since_s=now_s
            )
            self._draining.pop((target_group_arn, target_id, port), None)
        if known is None:
            ports = self._ports.setdefault(target_group_arn, {})
            ports[target_id] = (*ports.get(target_id, ()), port)

    def deregister(self, target_group_arn: str, target_id: str, port: int | None, delay_s: float, now_s: float) -> bool:
        """Begin to drain a target (every port of it when none is given); False when it is not registered."""
        found = False
        for known in self.ports(target_group_arn, target_id):
            if port not in (None, known):
                continue
            found = True
            registration = self._groups[target_group_arn][(target_id, known)]
            if registration.draining_until_s is None:
                until_s = now_s + delay_s
                self._groups[target_group_arn][(target_id, known)] = registration.model_copy(
                    update={"draining_until_s": until_s}
                )
                self._draining[(target_group_arn, target_id, known)] = until_s
        return found

    def remove(self, target_group_arn: str, target_id: str) -> None:
        """Drop a target without draining: its instance is gone."""
        for port in self.ports(target_group_arn, target_id):
            self._drop(target_group_arn, target_id, port)

    def expire(self, now_s: float) -> None:
        """Drop the targets whose deregistration delay is over."""
        for key in [key for key, until_s in self._draining.items() if now_s >= until_s]:
            self._drop(*key)

    def registrations(self, target_group_arn: str) -> tuple[Registration, ...]:
        return tuple(self._groups.get(target_group_arn, {}).values())

    def count(self, target_group_arn: str) -> int:
        """How many registrations a group has, draining ones included."""
        return len(self._groups.get(target_group_arn, {}))

    def ports(self, target_group_arn: str, target_id: str) -> tuple[int, ...]:
        """On which ports a target is registered, draining ones included, in the order of registration."""
        return self._ports.get(target_group_arn, {}).get(target_id, ())

    def in_service(self, target_group_arn: str, target_id: str) -> bool:
        """Whether a target is registered on some port on which it does not drain."""
        registered = self._groups.get(target_group_arn, {})
        ports = self.ports(target_group_arn, target_id)
        return any(registered[(target_id, port)].draining_until_s is None for port in ports)

    def keep_only(self, target_group_arns: set[str]) -> None:
        """Forget deleted target groups."""
        if self._groups.keys() <= target_group_arns:
            return
        self._groups = {arn: group for arn, group in self._groups.items() if arn in target_group_arns}
        self._ports = {arn: ports for arn, ports in self._ports.items() if arn in target_group_arns}
        self._draining = {key: until_s for key, until_s in self._draining.items() if key[0] in target_group_arns}

    def _drop(self, target_group_arn: str, target_id: str, port: int) -> None:
        del self._groups[target_group_arn][(target_id, port)]
        self._draining.pop((target_group_arn, target_id, port), None)
        ports = self._ports[target_group_arn]
        left = tuple(known for known in ports[target_id] if known != port)
        if left:
            ports[target_id] = left
        else:
            del ports[target_id]
