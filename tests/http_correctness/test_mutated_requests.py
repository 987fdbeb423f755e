"""Requests with a few bytes changed at random (the same ones at each run): whatever is answered, no target ever sees
a request that the client was not answered for, nor one that it could read in two ways.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from http_cases import Case, run_case
from scripted_target import ScriptedTarget

HIDDEN = "23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n"
SEEDS = [
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 46\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "GET /1 HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
]
PIECES = ["\r\n", "\n", "\r", " ", "\t", "\0", "\x01", "\x7f", "\xe9", ":", ",", ";", "0", "1", "-", "x", "chunked"]
ROUNDS = 320
SEED = 7
AT_ONCE = 16
IDLE_REAL_S = 0.8  # for those that wait for the rest of a body


def mutated(dice: random.Random) -> str:
    text = dice.choice(SEEDS)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text))
        match dice.randrange(4):
            case 0:
                text = text[:at] + dice.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + dice.randint(1, 3) :]
            case 2:
                text = text[:at] + dice.choice(PIECES) + text[at + 1 :]
            case _:
                start = text.rfind("\r\n", 0, at) + 1  # a line twice
                text = text[:at] + text[start:at] + text[at:]
    return text


@pytest.fixture
def echoes(data_plane: Any) -> Iterator[list[Any]]:
    """Targets, and where the data plane serves each."""
    targets = [ScriptedTarget("127.0.0.1", []) for _ in range(AT_ONCE)]
    fronts = data_plane.serve({f"mutated-{at}": target.address for at, target in enumerate(targets)}, IDLE_REAL_S)
    yield list(zip(targets, fronts, strict=True))
    for target in targets:
        target.close()


def test_no_mutation_of_a_request_lets_another_one_through(echoes: list[Any]) -> None:
    dice = random.Random(SEED)
    texts = [mutated(dice) for _ in range(ROUNDS)]

    def try_some(at: int) -> None:
        target, front = echoes[at]
        for text in texts[at::AT_ONCE]:
            target.forget()
            run = run_case(Case(name=text, group="mutated", send=[text], answers=0), front, target)
            assert [request.start for request in run.completed] == run.told, repr(text)
            assert not [line for line in run.outcome["requests"] if line.startswith("malformed")], repr(text)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(try_some, range(AT_ONCE)))
