"""Sticky sessions: what the cookies hold and for how long they count.

Source: ELB user guide, "Edit target group attributes" (sticky sessions), "Action types for listener rules" (target
group stickiness).
"""

from base64 import b64encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.stickiness import (
    APP_COOKIES,
    GROUP_COOKIES,
    TARGET_COOKIES,
    Stuck,
    cookie_value,
    decoded,
    encoded,
    renewed,
    set_app_cookie,
    set_cookies,
    still_stuck,
)

EXPIRES = b"Thu, 09 Mar 2023 15:08:01 GMT"
stuck_to = st.builds(
    Stuck,
    since_s=st.floats(0, 2e9),
    group_arn=st.text(max_size=40),
    target_id=st.text(max_size=30),
    port=st.integers(0, 65535),
    registration=st.integers(0, 10_000),
)


@given(st.lists(stuck_to, max_size=12))
def test_a_cookie_gives_back_what_was_put_in(entries: list[Stuck]) -> None:
    assert decoded(encoded(entries)) == tuple(entries)


@given(st.binary(max_size=200))
def test_what_is_no_cookie_of_ours_holds_nothing(value: bytes) -> None:
    assert decoded(value) == ()


@given(stuck_to, st.data())
def test_a_changed_cookie_holds_nothing(stuck: Stuck, data: st.DataObject) -> None:
    value = bytearray(encoded([stuck]))
    place = data.draw(st.integers(0, len(value) - 4))  # the last bits of base64 may stand for nothing
    value[place] ^= data.draw(st.sampled_from([1, 2, 4]))
    assert decoded(bytes(value)) == ()


@pytest.mark.parametrize(
    "made_up",
    [
        '[[0,["g"],"i-1",80,1]]',
        '[["now","g","i-1",80,1]]',
        '[[NaN,"g","i-1",80,1]]',
        '[[0,"g","i-1",Infinity,1]]',
        '[[0,"g"]]',
        '{"g":1}',
        "5",
        "[" * 5000,
    ],
)
def test_a_made_up_cookie_with_a_right_checksum_keeps_nobody(made_up: str) -> None:
    checksum = blake2b(made_up.encode(), digest_size=8).digest()
    assert still_stuck(b64encode(checksum + made_up.encode()), ["g"], 100.0, 5.0) is None


def test_a_url_encoded_cookie_holds_nothing() -> None:
    value = encoded([Stuck(1.0, "group1")])
    assert value.endswith(b"=")
    assert decoded(value.replace(b"=", b"%3D")) == ()


def test_cookies_have_the_form_that_aws_gives_them() -> None:
    assert set_cookies(b"AWSALB", b"abc=", EXPIRES) == (
        b"AWSALB=abc=; Expires=Thu, 09 Mar 2023 15:08:01 GMT; Path=/",
        b"AWSALBCORS=abc=; Expires=Thu, 09 Mar 2023 15:08:01 GMT; Path=/; SameSite=None; Secure",
    )
    assert set_app_cookie(b"abc", EXPIRES) == b"AWSALBAPP-0=abc; Expires=Thu, 09 Mar 2023 15:08:01 GMT; Path=/"


@pytest.mark.parametrize(
    ("headers", "names", "value"),
    [
        ([(b"Cookie", b"a=1; AWSALB=x=="), (b"Host", b"h")], TARGET_COOKIES, b"x=="),
        ([(b"cookie", b"AWSALB=x; AWSALBCORS=y")], TARGET_COOKIES, b"y"),
        ([(b"Cookie", b"a=1"), (b"Cookie", b"AWSALB=x")], TARGET_COOKIES, b"x"),
        ([(b"Cookie", b"XAWSALB=x")], TARGET_COOKIES, b""),
        ([(b"Cookie", b"AWSALBTG=g; AWSALB=x")], GROUP_COOKIES, b"g"),
        ([(b"Cookie", b"AWSALBAPP-0=p")], APP_COOKIES, b"p"),
        ([(b"Cookie", b"AWSALB")], TARGET_COOKIES, b""),
        ([], TARGET_COOKIES, b""),
    ],
)
def test_the_cookie_for_other_origins_takes_precedence(
    headers: list[tuple[bytes, bytes]], names: tuple[bytes, ...], value: bytes
) -> None:
    assert cookie_value(headers, names) == value


@pytest.mark.parametrize(("now_s", "stuck"), [(99.0, False), (100.0, True), (159.9, True), (160.0, False)])
def test_a_client_is_stuck_until_the_duration_is_over(now_s: float, stuck: bool) -> None:
    value = encoded([Stuck(100.0, "group", "i-1", 80, 1)])
    assert (still_stuck(value, ["group"], 60.0, now_s) is not None) is stuck


def test_a_cookie_of_another_target_group_does_not_count() -> None:
    value = encoded([Stuck(100.0, "group", "i-1", 80, 1)])
    assert still_stuck(value, ["other"], 60.0, 110.0) is None


def test_an_application_cookie_keeps_one_entry_for_each_target_group() -> None:
    first, other = Stuck(1.0, "group", "i-1", 80, 1), Stuck(2.0, "other", "i-2", 80, 1)
    again = Stuck(3.0, "group", "i-3", 80, 1)
    assert renewed(renewed(renewed((), first), other), again) == (other, again)


def test_an_application_cookie_fits_into_one_fragment_of_four_kilobytes() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/" + "a" * 32 + "/0123456789abcdef"
    entries = [Stuck(1.7e9 + 0.123456, f"{arn}{number}", "i-0123456789abcdef0", 65535, 9999) for number in range(40)]
    assert len(encoded(entries)) < 4096
    assert decoded(encoded(entries))[-1] == entries[-1]
