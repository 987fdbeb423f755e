"""Requests and answers with a few bytes changed at random (the same ones at each run).

Whatever becomes of them, no target sees a request that the client was not answered for, nor one that it could read in
two ways; and no client gets an answer that it did not ask for, or that is none.
"""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from http_cases import Case, run_case
from scripted_target import ScriptedTarget

HIDDEN = "23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n"
REQUESTS = [
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 46\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "GET /1 HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
]
ANSWERS = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere",
    "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 49\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nnot asked!",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n31\r\n"
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nnot asked!\r\n0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
]
ASK = "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n"
PIECES = ["\r\n", "\n", "\r", " ", "\t", "\0", "\x01", "\x7f", "\xe9", ":", ",", ";", "0", "1", "-", "x", "chunked"]
ROUNDS = 160
SEED = 7
AT_ONCE = 16
IDLE_REAL_S = 0.8  # for those that wait for the rest of a body


def mutated(seeds: list[str], dice: random.Random) -> str:
    text = dice.choice(seeds)
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
    targets = [ScriptedTarget([]) for _ in range(AT_ONCE)]
    fronts = data_plane.serve({f"mutated-{at}": target.address for at, target in enumerate(targets)}, IDLE_REAL_S)
    yield list(zip(targets, fronts, strict=True))
    for target in targets:
        target.close()


def in_turns(echoes: list[Any], try_one: Callable[[str, ScriptedTarget, Any], None], texts: list[str]) -> None:
    """Try every text, each target its share of them one after the other."""

    def try_share(at: int) -> None:
        for text in texts[at::AT_ONCE]:
            echoes[at][0].forget()
            try_one(text, *echoes[at])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(try_share, range(AT_ONCE)))


def test_no_mutation_of_a_request_lets_another_one_through(echoes: list[Any]) -> None:
    def try_one(text: str, target: ScriptedTarget, front: Any) -> None:
        run = run_case(Case(name=text, group="mutated", send=[text], answers=0), front, target)
        assert [request.start for request in run.completed] == run.told, repr(text)
        assert not [line for line in run.outcome["requests"] if line.startswith("malformed")], repr(text)

    dice = random.Random(SEED)
    in_turns(echoes, try_one, [mutated(REQUESTS, dice) for _ in range(ROUNDS)])


def test_no_mutation_of_an_answer_answers_more_than_its_request(echoes: list[Any]) -> None:
    def try_one(text: str, target: ScriptedTarget, front: Any) -> None:
        target.answer = text.encode("latin-1")
        outcome = run_case(Case(name=text, group="mutated", send=[ASK]), front, target).outcome
        assert len([status for status in outcome["statuses"] if status >= 200]) == 1, repr(text)
        assert outcome["connection"] in ("open", "closed", "closed within an answer"), repr(text)

    dice = random.Random(SEED)
    in_turns(echoes, try_one, [mutated(ANSWERS, dice) for _ in range(ROUNDS)])
