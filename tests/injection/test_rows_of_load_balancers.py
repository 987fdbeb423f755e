"""What describe calls say of a load balancer."""

from blackstart.injection.rows import load_balancer

ROW = {
    "LoadBalancerArn": "arn",
    "LoadBalancerName": "web-alb",
    "DNSName": "web-1.elb.amazonaws.com",
    "AvailabilityZones": [{"ZoneName": "us-east-1b"}, {"ZoneName": "us-east-1a"}],
}


def test_ports_that_speak_https_are_told_apart() -> None:
    listeners = [
        {"Port": 443, "Protocol": "HTTPS"},
        {"Port": 80, "Protocol": "HTTP"},
        {"Port": 8443, "Protocol": "HTTPS"},
    ]
    balancer = load_balancer(ROW, "web", listeners)
    assert (balancer.listener_ports, balancer.https_ports) == ((80, 443, 8443), (443, 8443))
    assert balancer.zones == ("us-east-1a", "us-east-1b")
