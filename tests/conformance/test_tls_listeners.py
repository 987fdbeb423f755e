"""Which certificate a client is shown and which TLS it may speak.

Sources: Application Load Balancer user guide, "SSL certificates for your Application Load Balancer" (default
certificate, certificate list, the order of selection) and "Security policies for your Application Load Balancer" (the
tables of protocols by policy).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.tls import (
    CertificateReason,
    ShownCertificate,
    choose_certificate,
    covers,
    versions_of,
)

ELLIPTIC, RSA = 1, 0
SHA256, SHA384 = 32, 48


def shown(*names: str, key: int = ELLIPTIC, digest: int = SHA256, size: int = 256, days: int = 90) -> ShownCertificate:
    return ShownCertificate(names, (key, digest, size, days))


DEFAULT = shown("default.example.com")


@pytest.mark.parametrize("server_name", [None, ""])
def test_a_client_that_names_no_host_gets_the_default_certificate(server_name: str | None) -> None:
    chosen = choose_certificate([DEFAULT, shown("a.example.com")], server_name)
    assert chosen == (0, CertificateReason.NO_NAME)


def test_a_host_that_no_certificate_has_gets_the_default_one() -> None:
    chosen = choose_certificate([DEFAULT, shown("a.example.com")], "b.example.com")
    assert chosen == (0, CertificateReason.NO_MATCH)


def test_a_host_that_one_certificate_has_gets_that() -> None:
    chosen = choose_certificate([DEFAULT, shown("a.example.com"), shown("b.example.com")], "b.example.com")
    assert chosen == (2, CertificateReason.MATCH)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (shown("a.example.com", key=RSA, size=4096, digest=SHA384), shown("a.example.com")),
        (shown("a.example.com", size=521), shown("a.example.com", digest=SHA384)),
        (shown("a.example.com", days=900), shown("a.example.com", size=384)),
        (shown("a.example.com"), shown("a.example.com", days=900)),
        (shown("*.example.com"), shown("a.example.com")),
        (shown("a.example.com"), shown("*.example.com", size=384)),
    ],
)
def test_of_several_that_have_it_key_type_hash_size_and_validity_decide_in_this_order(
    worse: ShownCertificate, better: ShownCertificate
) -> None:
    assert choose_certificate([worse, better], "a.example.com").position == 1
    assert choose_certificate([better, worse], "a.example.com").position == 0


def test_of_equals_the_first_is_shown() -> None:
    alike = [DEFAULT, shown("a.example.com"), shown("a.example.com")]
    assert choose_certificate(alike, "a.example.com").position == 1


@pytest.mark.parametrize(
    ("name", "host", "stands"),
    [
        ("example.com", "example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", ".example.com", False),
        ("example.com", "a.example.com", False),
        ("Shop.Example.com", "shop.example.com", True),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, stands: bool) -> None:
    assert covers(name, host) is stands


@given(st.lists(st.sampled_from(["a.test", "*.test", "b.test"]), min_size=1, max_size=5), st.text(max_size=12))
def test_some_certificate_is_always_shown(names: list[str], server_name: str) -> None:
    certificates = [shown(name) for name in names]
    chosen = choose_certificate(certificates, server_name)
    assert 0 <= chosen.position < len(certificates)
    matches = any(covers(name, server_name.rstrip(".").lower()) for name in names)
    assert (chosen.reason is CertificateReason.MATCH) == matches


@pytest.mark.parametrize(
    ("policy", "lowest", "highest"),
    [
        ("ELBSecurityPolicy-2016-08", 0, 2),
        ("ELBSecurityPolicy-FS-2018-06", 0, 2),
        ("ELBSecurityPolicy-TLS-1-1-2017-01", 1, 2),
        ("ELBSecurityPolicy-FS-1-1-2019-08", 1, 2),
        ("ELBSecurityPolicy-TLS-1-2-2017-01", 2, 2),
        ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", 2, 2),
        ("ELBSecurityPolicy-FS-1-2-Res-2020-10", 2, 2),
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", 0, 3),
        ("ELBSecurityPolicy-TLS13-1-1-2021-06", 1, 3),
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", 2, 3),
        ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", 2, 3),
        ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", 2, 3),
        ("ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", 2, 3),
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", 3, 3),
        ("ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", 3, 3),
    ],
)
def test_a_policys_name_says_which_versions_it_allows(policy: str, lowest: int, highest: int) -> None:
    assert versions_of(policy) == (lowest, highest)
