"""A listener's rules, compiled once for each snapshot."""

from typing import NamedTuple

from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.decisions.listener_rules import Request, compiled_rules, first_match
from blackstart.emulator.snapshot import Action, ListenerSnapshot


class Chosen(NamedTuple):
    """What is done with a request. priority: of the rule that it met; None for the default action."""

    action: Action
    priority: int | None = None


class ListenerRules:
    """The rules and the default action of one listener."""

    def __init__(self, listener: ListenerSnapshot) -> None:
        self._default = Chosen(listener.action)
        self._rules = compiled_rules(listener.rules)
        self._chosen = {rule.priority: Chosen(rule.action, rule.priority) for rule in self._rules}

    def choose(self, head: RequestHead, client_ip: str) -> Chosen:
        """The action of the first rule that the request meets, or the default one."""
        if not self._rules:
            return self._default
        request = Request.sent(
            method=head.method.decode("latin-1"),
            host=head.value(b"host").decode("latin-1"),
            target=head.url.decode("latin-1"),
            headers=head.headers,
            source_ip=client_ip,
        )
        rule = first_match(self._rules, request)
        return self._default if rule is None else self._chosen[rule.priority]
