"""What the deploying process and its parent tell each other: one JSON object a line, the request on standard input."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from blackstart.domain.model import Model


class Program(Model):
    """What to run, with its configuration resolved.

    directory: where `__main__.py` lies. project_dir: where Pulumi.yaml lies. config: full keys (`blackstart:minSize`)
    to the strings that Pulumi's own engine would hand to the program.
    """

    project: str
    project_dir: str
    directory: str
    stack: str
    region: str
    endpoint: str
    config: dict[str, str]


class Progress(Model):
    """One step done, in a few words."""

    kind: Literal["progress"] = "progress"
    text: str


class Deployed(Model):
    """The end of a deployment. outputs: the stack's, secret ones masked. resources: how many were created.

    seconds: wall seconds. region: where.
    """

    kind: Literal["deployed"] = "deployed"
    outputs: dict[str, Any]
    resources: int
    region: str
    seconds: float


class Failed(Model):
    """The program or a resource failed. message, way_out: as in BlackstartError."""

    kind: Literal["failed"] = "failed"
    message: str
    way_out: str = ""


Message = Annotated[Progress | Deployed | Failed, Field(discriminator="kind")]
MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
