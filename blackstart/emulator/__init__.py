"""The offline place to deploy: moto plus the loops that moto leaves open, with real HTTP traffic in compressed time."""
