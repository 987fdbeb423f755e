"""Stands where Pulumi's engine would: each resource that the program registers is created at once.

Dependency order is Pulumi's own: the SDK registers a resource when all of its inputs are known.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.sync_await import _sync_await

from blackstart.aws_clients import AwsClients
from blackstart.deploy import registry
from blackstart.deploy.fields import FieldError
from blackstart.deploy.registry import Realised
from blackstart.domain.errors import BlackstartError, DeployError

STACK_TYPE = "pulumi:pulumi:Stack"
SECRET_MASK = "[secret]"
OnCreated = Callable[[str, str], None]


class RealisingMonitor(MockMonitor):
    """Creates what is registered. on_created(type token, name) is told after each.

    outputs: the stack's, once the program has ended. created: how many resources. failure: the first one; after it
    nothing more is created.
    """

    def __init__(self, aws: AwsClients, on_created: OnCreated) -> None:
        super().__init__(_NoMocks())
        self._aws = aws
        self._on_created = on_created
        self._urns: set[str] = set()
        self.outputs: dict[str, Any] = {}
        self.created = 0
        self.failure: BlackstartError | None = None

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """A URN as Pulumi's engine makes it: the types of all parents but the stack's."""
        stack_and_project = super().make_urn("", type_, name).split("::")
        parent_type = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parent_type == STACK_TYPE else f"{parent_type}${type_}"
        return "::".join([*stack_and_project[:2], qualified, name])

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the SDK's name)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        realised = self._stopping_at_the_first_failure(lambda: self._register(request, urn))
        self.resources[urn] = MockMonitor.ResourceRegistration(urn, realised.id, realised.outputs)
        # unknown: an output that the realiser does not compute is unknown to the program, not None, and so the resource
        # that is given it can be refused by name.
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=realised.id, object=_serialized(realised.outputs), unknown=True
        )

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        def refuse() -> Any:
            raise DeployError(
                f"{request.type} {request.name!r} reads an existing resource, and an emulator starts empty",
                "Let the stack create it, or take the id from the configuration.",
            )

        return self._stopping_at_the_first_failure(refuse)

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        answer = self._stopping_at_the_first_failure(lambda: self._look_up(request))
        return resource_pb2.ResourceInvokeResponse(**{"failures": None, "return": _serialized(answer)})

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if f"::{STACK_TYPE}::" in request.urn:
            outputs = _deserialized(request.outputs)
            self._stopping_at_the_first_failure(lambda: self._take_outputs(outputs))
        return empty_pb2.Empty()

    def _stopping_at_the_first_failure(self, work: Callable[[], Any]) -> Any:
        if self.failure is not None:
            raise self.failure
        try:
            return work()
        except BlackstartError as failure:
            self.failure = failure
            raise

    def _take_outputs(self, outputs: dict[str, Any]) -> None:
        try:
            self.outputs = {
                name: SECRET_MASK if rpc.is_rpc_secret(value) else plain(value, name) for name, value in outputs.items()
            }
        except FieldError as problem:
            raise DeployError(f"stack output {problem.path}: {problem.problem}", "Do not export it.") from None

    def _register(self, request: Any, urn: str) -> Realised:
        if urn in self._urns:
            raise DeployError(f"two resources have the URN {urn}", "Give one of them another name or parent.")
        self._urns.add(urn)
        if not request.custom:
            return Realised("", {})
        self._refuse_what_cannot_be(request)
        inputs = _deserialized(request.object)
        what = f"{request.type} {request.name!r} ({urn})"
        realised: Realised = self._explaining(
            what,
            lambda: registry.create(request.type, urn, request.name, self._checked(inputs), self._aws),
        )
        self.created += 1
        self._on_created(request.type, request.name)
        return realised

    def _refuse_what_cannot_be(self, request: Any) -> None:
        what = f"{request.type} {request.name!r}"
        if request.type.startswith("pulumi:providers:"):
            raise DeployError(
                f"{what}: the realiser has one provider, the endpoint's",
                "Set aws:region in the stack file instead of making a provider.",
            )
        if request.importId:
            raise DeployError(
                f"{what} imports {request.importId}", "An emulator starts empty: let the stack create it."
            )
        if request.type not in registry.resource_types():
            raise DeployError(
                f"{what}: the realiser does not know this resource type",
                f"It knows {', '.join(registry.resource_types())}. Another deployer can be used with `--deploy`.",
            )

    def _look_up(self, request: Any) -> dict[str, Any]:
        if request.tok not in registry.data_sources():
            raise DeployError(
                f"data source {request.tok}: the realiser does not know it",
                f"It knows {', '.join(registry.data_sources())}.",
            )
        arguments = _deserialized(request.args)
        answer: dict[str, Any] = self._explaining(
            f"data source {request.tok}", lambda: registry.look_up(request.tok, self._checked(arguments), self._aws)
        )
        return answer

    def _checked(self, inputs: dict[str, Any]) -> dict[str, Any]:
        region = inputs.get("region", self._aws.region)
        if region != self._aws.region:
            raise FieldError("region", f"{region} is asked for, the stack is in {self._aws.region}", "Use one region.")
        return {key: plain(value, key) for key, value in inputs.items()}

    def _explaining(self, what: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except FieldError as problem:
            raise DeployError(f"{what}: {problem.path}: {problem.problem}", problem.way_out) from None
        except ClientError as refusal:
            raise _refused(what, refusal) from None
        except ParamValidationError as problem:
            reason = " ".join(str(problem).split())
            raise DeployError(f"{what}: {reason}", "Mend the input of that name.") from None
        except (KeyError, IndexError) as absent:
            raise DeployError(
                f"{what}: the endpoint's answer lacks {absent}", "The endpoint falls short of AWS here."
            ) from None
        except BotoCoreError as problem:
            raise DeployError(f"{what}: {problem}", "Is the emulator up at this endpoint?") from None


def _refused(what: str, refusal: ClientError) -> DeployError:
    error = refusal.response.get("Error", {})
    code = str(error.get("Code"))
    exists = "AlreadyExists" in code or "Duplicate" in code
    return DeployError(
        f"{what}: {refusal.operation_name} was refused: {code}: {error.get('Message')}",
        "Deploying only creates: take a fresh emulator for each deployment."
        if exists
        else "Mend the resource; if AWS accepts it as it is, the endpoint falls short.",
    )


def plain(value: Any, path: str) -> Any:
    """A deserialised input without Pulumi's wrappings: secrets opened.

    Raises FieldError for an unknown value, which comes from an output that the realiser does not compute, and for
    assets.
    """
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, dict):
        return {key: plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, f"{path}[{number}]") for number, item in enumerate(value)]
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, Unknown):
        raise FieldError(path, "comes from an output that the realiser does not compute", "Use another output.")
    raise FieldError(path, f"{type(value).__name__} is nothing the realiser can send", "Use plain values.")


def _deserialized(properties: Any) -> dict[str, Any]:
    read: dict[str, Any] = rpc.deserialize_properties(properties, keep_unknowns=True)
    return read


def _serialized(properties: dict[str, Any]) -> Any:
    return _sync_await(rpc.serialize_properties(properties, {}))


class _NoMocks(Mocks):
    """The monitor answers itself; Pulumi's base class only wants something here."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError(args.typ)
