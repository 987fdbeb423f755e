"""The tags by which every room finds a resource: by logical name within a stack, never by id."""

STACK_TAG = "blackstart:stack"
NAME_TAG = "blackstart:name"
ZONE_TAG = "blackstart:zone"
CHAOS_TAG = "blackstart:chaos"
CHAOS_ALLOWED = "allowed"
