"""The table of HTTP cases and what comes of one of them in front of a proxy.

The cases stand in `cases/*.yaml`, one file a group, as data:

    name: what is tried
    send: the client's steps: text is sent as it stands (one character a byte); {send, times}, {bytewise}, {pause},
          {read: answers}, {shut: write}, {leave: close | reset}
    target: the steps of the target's first connection (see `scripted_target`); without it, each request is echoed
    answers: how many final answers are due (1); head: they answer HEAD requests; probe: whether to try afterwards if
          the connection still serves (true); impatient: on a listener whose idle timeout is short
    differs: the fields in which the data plane's outcome differs from nginx's on purpose, and `why`; short for several
          fields: {refused: status} a made-up answer, connection closed, nothing passed on; {instead: status} a made-up
          answer in place of the target's, connection open
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from scripted_client import ScriptedClient
from scripted_target import ScriptedTarget
from strict_http import Message, shown

FOLDER = Path(__file__).parent
DNS_NAME = "cases-1.us-east-1.elb.amazonaws.com"
IDLE_REAL_S = 10.0
IMPATIENT_IDLE_REAL_S = 1.0


@dataclass(frozen=True)
class Case:
    name: str
    group: str
    send: list[Any]
    target: list[Any] = field(default_factory=list)
    answers: int = 1
    head: bool = False
    probe: bool = True
    impatient: bool = False
    differs: dict[str, Any] = field(default_factory=dict)


Outcome = dict[str, Any]


def all_cases() -> list[Case]:
    """In the order of the files, and within them."""
    return [
        Case(group=path.stem.replace("_", " "), **case)
        for path in sorted((FOLDER / "cases").glob("*.yaml"))
        for case in yaml.safe_load(path.read_text())
    ]


def declared(case: Case) -> Outcome:
    """The fields of the outcome in which a case differs from nginx on purpose."""
    fields = {key: value for key, value in case.differs.items() if key not in ("why", "refused", "instead")}
    status = case.differs.get("refused", case.differs.get("instead"))
    if status is None:
        return fields
    answered = {"statuses": [status], "bodies": [None], "framings": ["length"], "headers": [""], "connection": "open"}
    if "refused" in case.differs:
        answered |= {"connection": "closed", "requests": [], "request_headers": []}
    return {**answered, **fields}


def new_targets(cases: list[Case]) -> dict[str, ScriptedTarget]:
    """A target for each case, by the case's name."""
    return {case.name: ScriptedTarget(case.target) for case in cases}


@dataclass(frozen=True)
class Run:
    """outcome: what is compared, as JSON has it. told: the requests that the answers say they answer, method and path.
    completed: the requests that reached the target whole.
    """

    outcome: Outcome
    told: list[str]
    completed: list[Message]


def run_case(case: Case, front: tuple[str, int], target: ScriptedTarget) -> Run:
    """front: where the proxy listens for this case."""
    seen = ScriptedClient(front, case.answers, case.head).run(case.send, case.probe)
    settled = target.settle()
    outcome = dataclasses.asdict(seen)
    told = outcome.pop("told")
    outcome["requests"] = [*target.requests] if settled else [*target.requests, "hangs"]
    headers = [line.replace(f":{front[1]}", ":PORT") for line in target.headers]
    outcome["request_headers"] = [shown(line.encode("latin-1")) for line in headers]
    return Run(outcome, told, list(target.completed))


def byte_by_byte(case: Case) -> Case:
    """The same case from a client that sends each byte in a packet of its own."""
    steps = [{"bytewise": step} if isinstance(step, str) else step for step in case.send]
    return dataclasses.replace(case, send=steps)
