"""Where a run happens: an emulator on loopback, or AWS. What differs between rehearsal and drill is in here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blackstart.aws_clients import AwsClients
from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import DnsAddress, EmulatorStatus
from blackstart.domain.experiment import Experiment
from blackstart.domain.stack import LoadBalancer
from blackstart.domain.stack_mapping import StackMapping
from blackstart.load.generator import LoadSettings


@dataclass(frozen=True)
class Place:
    """make_clients: new guarded clients (one set a thread). served_port: from a listener's port.

    since_s: what alarms and scaling groups did before is none of this run's. dns: None for the system's resolver.
    status: asks the emulator; None on AWS. ca_bundle: whom to trust over HTTPS, None for the system's authorities.
    mapping: how the stack's resources are known.
    """

    make_clients: Callable[[], AwsClients]
    anchor: Anchor
    since_s: float
    served_port: Callable[[int], int]
    dns: DnsAddress | None = None
    status: Callable[[], EmulatorStatus] | None = None
    ca_bundle: Path | None = None
    mapping: StackMapping = field(default_factory=StackMapping)

    def load_settings(self, experiment: Experiment, balancer: LoadBalancer, out: Path) -> LoadSettings:
        """The experiment's load, aimed at a load balancer of this place; out: where its recording goes."""
        load = experiment.load
        scheme = "https" if load.port in balancer.https_ports else "http"
        return LoadSettings(
            url=f"{scheme}://{balancer.dns_name}:{self.served_port(load.port)}{load.path}",
            host=load.host,
            ca_bundle=self.ca_bundle,
            rate_per_s=load.rate_per_s,
            seed=experiment.seed,
            dns=f"{self.dns.address}:{self.dns.port}" if self.dns else None,
            timeout_real_s=self.anchor.real_s(load.timeout_s),
            speed=self.anchor.speed,
            arrivals=load.arrivals,
            out_dir=out,
            locustfile=Path(load.locustfile),
        )
