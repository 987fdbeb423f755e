"""Never AWS by accident: without live mode no request leaves loopback."""

import pytest

from blackstart.aws_clients import AwsClients, is_loopback
from blackstart.domain.errors import GuardError, UsageError


@pytest.mark.parametrize("url", ["http://127.0.0.1:5005", "http://localhost:1/", "http://127.9.8.7", "http://[::1]:5"])
def test_loopback_is_recognised(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://ec2.us-east-1.amazonaws.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example",
    ],
)
def test_anything_else_is_not_loopback(url):
    assert not is_loopback(url)


@pytest.mark.parametrize("endpoint", [None, "https://ec2.us-east-1.amazonaws.com"])
def test_clients_for_aws_are_not_made_without_live_mode(endpoint):
    with pytest.raises(UsageError, match="not on loopback"):
        AwsClients("us-east-1", endpoint)


def test_a_request_that_would_leave_loopback_is_refused_before_it_is_sent():
    client = AwsClients("us-east-1", "http://127.0.0.1:9").client("sts")
    # A client pointed elsewhere behind our back, as a profile's endpoint setting or a redirect would do it.
    client._endpoint.host = "https://sts.us-east-1.amazonaws.com"
    client.meta.events.register_first(
        "before-sign.*", lambda request, **_: setattr(request, "url", "https://sts.us-east-1.amazonaws.com/")
    )
    with pytest.raises(GuardError, match="nothing leaves loopback"):
        client.get_caller_identity()


def test_offline_clients_read_nothing_of_the_users_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[default]\nendpoint_url = https://example.com\n")
    client = AwsClients("us-east-1", "http://127.0.0.1:9").client("sts")
    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_offline_requests_are_not_sent_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    client = AwsClients("us-east-1", "http://127.0.0.1:9").client("sts")
    assert client._endpoint.http_session._proxy_config.proxy_url_for("http://127.0.0.1:9") is None
