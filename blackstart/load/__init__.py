"""Open-loop traffic from Locust, in a process of its own, with a recorder that writes every request."""
