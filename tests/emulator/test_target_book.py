"""Which targets are registered: by group, by target, by port."""

from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.target_registration import Registration

GROUPS, TARGETS, PORTS = ("arn:a", "arn:b"), ("i-1", "i-2"), (80, 81)
Step = tuple[str, str, str, int | None, float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("register", "deregister", "remove", "expire")),
        st.sampled_from(GROUPS),
        st.sampled_from(TARGETS),
        st.sampled_from((*PORTS, None)),
        st.sampled_from((0.0, 5.0, 30.0)),
    ),
    max_size=30,
)


class Plain:
    """The same book, kept in the plainest way: by looking through everything."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, int], float | None] = {}

    def matching(self, group: str, target: str, port: int | None) -> list[tuple[str, str, int]]:
        return [key for key in self.known if key[:2] == (group, target) and port in (None, key[2])]

    def take(self, step: Step, now_s: float) -> None:
        what, group, target, port, delay_s = step
        if what == "register" and self.known.get((group, target, port or 80), 0.0) is not None:
            self.known[(group, target, port or 80)] = None
        elif what == "deregister":
            for key in self.matching(group, target, port):
                self.known[key] = now_s + delay_s if self.known[key] is None else self.known[key]
        elif what == "remove":
            for key in self.matching(group, target, None):
                del self.known[key]
        elif what == "expire":
            self.known = {key: until for key, until in self.known.items() if until is None or now_s < until}


def take(book: TargetBook, step: Step, now_s: float) -> None:
    what, group, target, port, delay_s = step
    if what == "register":
        book.register(group, target, port or 80, now_s)
    elif what == "deregister":
        book.deregister(group, target, port, delay_s, now_s)
    elif what == "remove":
        book.remove(group, target)
    else:
        book.expire(now_s)


def described(registration: Registration) -> tuple[str, int, float | None]:
    return registration.target_id, registration.port, registration.draining_until_s


@given(STEPS)
def test_every_way_of_asking_agrees_with_looking_through_everything(steps: list[Step]) -> None:
    book, plain = TargetBook(), Plain()
    for number, step in enumerate(steps):
        now_s = 10.0 * number
        take(book, step, now_s)
        plain.take(step, now_s)
        for group in GROUPS:
            expected = {(key[1], key[2], until) for key, until in plain.known.items() if key[0] == group}
            assert {described(one) for one in book.registrations(group)} == expected
            assert book.count(group) == len(expected)
            for target in TARGETS:
                ports = {port for known, port, _ in expected if known == target}
                assert set(book.ports(group, target)) == ports
                serving = any(known == target and until is None for known, _, until in expected)
                assert book.in_service(group, target) is serving


def test_a_target_that_drains_and_is_registered_again_does_not_expire() -> None:
    book = TargetBook()
    book.register("arn:a", "i-1", 80, now_s=0.0)
    book.deregister("arn:a", "i-1", None, delay_s=30.0, now_s=10.0)
    book.register("arn:a", "i-1", 80, now_s=20.0)
    book.expire(now_s=100.0)
    assert [one.number for one in book.registrations("arn:a")] == [2]


def test_deleted_groups_are_forgotten_with_what_drained_in_them() -> None:
    book = TargetBook()
    for group in GROUPS:
        book.register(group, "i-1", 80, now_s=0.0)
        book.deregister(group, "i-1", 80, delay_s=30.0, now_s=0.0)
    book.keep_only({"arn:b"})
    assert (book.count("arn:a"), book.ports("arn:a", "i-1"), book.count("arn:b")) == (0, (), 1)
    book.expire(now_s=30.0)
    assert book.count("arn:b") == 0
