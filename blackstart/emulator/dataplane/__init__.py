"""The load balancers' own process: probing, routing, DNS answers."""
