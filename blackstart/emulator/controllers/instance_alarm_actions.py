"""What an alarm may do to the instance of its metric: stop, terminate, reboot, recover it.

Sources: CloudWatch user guide, "Create alarms to stop, terminate, reboot, or recover an EC2 instance"; EC2 user guide,
"Automatic instance recovery".
"""

from collections.abc import Callable

from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmFired
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.instance_lifecycle import IncorrectStateError, InstanceState, Request

AUTOMATE = {"ec2:stop": Request.STOP, "ec2:terminate": Request.TERMINATE, "ec2:reboot": Request.REBOOT}
SWF = {"Stop": Request.STOP, "Terminate": Request.TERMINATE, "Reboot": Request.REBOOT}
RECOVER = ("ec2:recover", "Recover")


class InstanceAlarmActions:
    """Carries out `arn:aws:automate:REGION:ec2:ACTION` and `arn:aws:swf:...:AWS_EC2.InstanceId.ACTION/1.0`.

    protection: why an instance may not be stopped or terminated by a request, "" when it may.
    """

    def __init__(self, ec2: Ec2LifecycleController, protection: Callable[[str, Request], str]) -> None:
        self._ec2 = ec2
        self._protection = protection

    def carry_out(self, fired: AlarmFired, now_s: float) -> None:
        action = _action_of(fired.action)
        instance_id = fired.dimensions.get("InstanceId")
        fact = self._ec2.facts.get(instance_id) if instance_id else None
        if not instance_id:
            raise ActionFailedError("the alarm's metric has no dimension InstanceId")
        if fact is None:
            raise ActionFailedError(f"the instance {instance_id} does not exist")
        if action in RECOVER:
            if fired.state is not AlarmState.ALARM:
                raise ActionFailedError("recover is an action of the state ALARM only")
            self._recover(instance_id, fact.state, now_s)
            return
        request = AUTOMATE.get(action) or SWF.get(action)
        if request is None:
            raise ActionFailedError(f"unknown action {fired.action}")
        if why := self._protection(instance_id, request):
            raise ActionFailedError(why)
        try:
            self._ec2.requested(instance_id, request, now_s)
        except IncorrectStateError as error:
            raise ActionFailedError(f"the instance {instance_id} is {error}") from error

    def _recover(self, instance_id: str, state: InstanceState, now_s: float) -> None:
        """The instance comes up again on another host, with its id, addresses and volumes; its memory is lost."""
        if state is not InstanceState.RUNNING:
            raise ActionFailedError(f"the instance {instance_id} is {state.value}, not running")
        self._ec2.hardware_failed(instance_id, False, now_s)
        self._ec2.requested(instance_id, Request.REBOOT, now_s)


def _action_of(arn: str) -> str:
    """`ec2:stop` of an automate ARN, `Stop` of a workflow's."""
    _, _, service, _, rest = arn.split(":", 4)
    return rest if service == "automate" else rest.rpartition("AWS_EC2.InstanceId.")[2].partition("/")[0]
