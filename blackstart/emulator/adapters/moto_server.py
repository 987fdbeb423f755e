"""moto's WSGI application."""

from typing import Any

from blackstart.emulator.adapters import moto_backends


def application() -> Any:
    """moto's dispatching application. Import moto's clock replacement and set its switches first."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def queue_wait_s(name: str) -> float:
    """ReceiveMessageWaitTimeSeconds of a queue, 0 when there is no such queue."""
    for backend in moto_backends.existing("sqs"):
        queue = backend.queues.get(name)
        if queue is not None:
            return float(queue.receive_message_wait_time_seconds or 0)
    return 0.0
