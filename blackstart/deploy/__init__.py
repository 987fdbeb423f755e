"""Realises a Pulumi program on an endpoint, one boto3 call a resource; create-only."""
