"""Addresses: one 127.N.0.0/16 for each emulator on the machine, so that several can run beside each other."""

import socket

from blackstart.domain.errors import EmulatorError

LOCK_PORT = 47001
FIRST_BLOCK, LAST_BLOCK = 16, 250
DNS_PORT = 5353
FIRST_INSTANCE_NET, LAST_NET = 16, 250


class LoopbackBlock:
    """A 127.N.0.0/16 that no other emulator uses, held by a bound socket for as long as the process lives.

    127.N.0.1 the lock, 127.N.0.2 DNS, 127.N.1.x load-balancer nodes, 127.N.16.x and up instances.
    Raises EmulatorError when every block is taken.
    """

    def __init__(self) -> None:
        self._lock, self.number = _lock_a_block()
        self.dns_address = f"127.{self.number}.0.2"
        self._nodes: dict[tuple[str, str], str] = {}
        self._instances: dict[str, str] = {}
        self._given = 0

    def node(self, load_balancer_arn: str, zone: str) -> str:
        """The address of a load balancer's node in a zone; the same at every call."""
        key = (load_balancer_arn, zone)
        if key not in self._nodes:
            used = len(self._nodes)
            self._nodes[key] = f"127.{self.number}.{1 + used // 250}.{1 + used % 250}"
        return self._nodes[key]

    def instance(self, instance_id: str) -> str:
        """The address of an instance; never given to another while the emulator runs."""
        if instance_id not in self._instances:
            net, host = divmod(self._given, 250)
            if FIRST_INSTANCE_NET + net > LAST_NET:
                raise EmulatorError("58,750 instances have been launched: no loopback address is left", "Restart it.")
            self._given += 1
            self._instances[instance_id] = f"127.{self.number}.{FIRST_INSTANCE_NET + net}.{1 + host}"
        return self._instances[instance_id]

    def close(self) -> None:
        self._lock.close()


def _lock_a_block() -> tuple[socket.socket, int]:
    for number in range(FIRST_BLOCK, LAST_BLOCK + 1):
        lock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            lock.bind((f"127.{number}.0.1", LOCK_PORT))
        except OSError:
            lock.close()
            continue
        return lock, number
    raise EmulatorError(
        "every loopback block from 127.16 to 127.250 is taken by another emulator", "Stop some of them."
    )
