"""What activities say of a warm pool.

Sources: outputs that users of warm pools published (the descriptions of launches); the other sentences are the
emulator's own, for AWS's are not published.
"""


def into_pool_description(instance_id: str) -> str:
    return f"Launching a new EC2 instance into warm pool: {instance_id}"


def from_pool_description(instance_id: str) -> str:
    return f"Launching a new EC2 instance from warm pool: {instance_id}"


def return_description(instance_id: str) -> str:
    return f"Returning EC2 instance to warm pool: {instance_id}"


def fill_cause(at: str) -> str:
    return f"At {at} an instance was started in response to a difference between desired and actual warm pool capacity."


def shrink_cause(instance_id: str, at: str) -> str:
    return (
        f"At {at} an instance was taken out of the warm pool in response to a difference between desired and actual "
        f"warm pool capacity.  At {at} instance {instance_id} was selected for termination."
    )


def abandoned_cause(instance_id: str, at: str) -> str:
    return f"At {at} instance {instance_id} was taken out of the warm pool because its lifecycle action was abandoned."


def deleted_cause(at: str) -> str:
    return f"At {at} a user request deleted the warm pool."
