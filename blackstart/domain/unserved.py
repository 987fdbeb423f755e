"""What a stack declares and the emulator does not act on, told so that a judge can see who depends on it."""

from enum import StrEnum

from blackstart.domain.model import Model


class UnservedKind(StrEnum):
    """What sort of thing it is: decides what can depend on it (`judgement/dependence.py`)."""

    LOAD_BALANCER = "load-balancer"
    LISTENER = "listener"
    LISTENER_RULE = "listener-rule"
    TARGET_GROUP = "target-group"
    SCALING_GROUP = "scaling-group"
    SCALING_POLICY = "scaling-policy"
    INSTANCE = "instance"
    ALARM = "alarm"
    NETWORK = "network"
    DNS = "dns"
    OTHER = "other"


class Unserved(Model):
    """One declared thing, or one trait of it, that has no effect offline.

    resource: AWS's own name for it or its ARN (a listener's: `<load balancer's name>:<port>`; an instance's: its id);
    what CloudFormation left out altogether: `<stack>/<logical id>`. reason: the line to read, naming it and saying what
    does not happen. of: names or ARNs of what it belongs to or acts on (a rule's load balancer and listener, a policy's
    group, an alarm's children); of what CloudFormation left out: the stack, the logical id and the name it was to have.
    aws_type: CloudFormation's word for it (`AWS::CloudWatch::Alarm`) where that is how it was declared.
    minor: the thing itself works; what is missing is nothing that an experiment can ask about (an alarm's message).
    """

    kind: UnservedKind
    resource: str
    reason: str
    of: tuple[str, ...] = ()
    aws_type: str = ""
    minor: bool = False
