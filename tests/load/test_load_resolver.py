from contextlib import nullcontext

import pytest

from blackstart.load.resolver import FAILURE_TTL_S, Answer, CachingResolver, UnresolvedError

NAME = "web.example"


class Server:
    """A name server under the test's control."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer(("10.0.0.1", "10.0.0.2"), 60.0)
        self.asked = 0

    def __call__(self, name: str) -> Answer:
        self.asked += 1
        if self.answer is None:
            raise UnresolvedError(name)
        return self.answer


class Clock:
    now_real_s = 1000.0

    def __call__(self) -> float:
        return self.now_real_s


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(server: Server, clock: Clock) -> CachingResolver:
    return CachingResolver(server, clock, 10.0, nullcontext())


def test_within_the_ttl_the_server_is_asked_once(resolver: CachingResolver, server: Server, clock: Clock) -> None:
    assert resolver.resolve(NAME) == ("10.0.0.1", "10.0.0.2")
    clock.now_real_s += 5.9
    resolver.resolve(NAME)
    assert server.asked == 1


def test_the_ttl_runs_in_virtual_seconds(resolver: CachingResolver, server: Server, clock: Clock) -> None:
    resolver.resolve(NAME)
    server.answer = Answer(("10.0.0.2",), 60.0)
    clock.now_real_s += 60.0 / 10.0
    assert resolver.resolve(NAME) == ("10.0.0.2",)


def test_a_node_that_left_dns_is_used_until_the_ttl_is_over(
    resolver: CachingResolver, server: Server, clock: Clock
) -> None:
    resolver.resolve(NAME)
    server.answer = Answer(("10.0.0.2",), 60.0)
    clock.now_real_s += 5.999
    assert "10.0.0.1" in resolver.resolve(NAME)


def test_an_expired_answer_is_not_served_when_the_server_fails(
    resolver: CachingResolver, server: Server, clock: Clock
) -> None:
    resolver.resolve(NAME)
    server.answer = None
    clock.now_real_s += 6.0
    with pytest.raises(UnresolvedError):
        resolver.resolve(NAME)


def test_a_failure_is_kept_only_for_a_moment(resolver: CachingResolver, server: Server, clock: Clock) -> None:
    server.answer = None
    for _ in range(3):
        with pytest.raises(UnresolvedError):
            resolver.resolve(NAME)
    assert server.asked == 1
    server.answer = Answer(("10.0.0.3",), 60.0)
    clock.now_real_s += FAILURE_TTL_S / 10.0
    assert resolver.resolve(NAME) == ("10.0.0.3",)


def test_an_answer_with_ttl_zero_is_asked_for_each_time(resolver: CachingResolver, server: Server) -> None:
    server.answer = Answer(("10.0.0.1",), 0.0)
    resolver.resolve(NAME)
    resolver.resolve(NAME)
    assert server.asked == 2


def test_who_waited_for_another_ones_lookup_does_not_ask_again(server: Server, clock: Clock) -> None:
    class AnotherLooksUpFirst:
        def __enter__(self) -> None:
            other._look_up(NAME)

        def __exit__(self, *_: object) -> None: ...

    other = CachingResolver(server, clock, 10.0, AnotherLooksUpFirst())
    other.resolve(NAME)
    assert server.asked == 1
