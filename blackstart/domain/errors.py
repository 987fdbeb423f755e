"""The errors a user can mend, each with the way out.

BlackstartError               exit 2 unless said otherwise; shown as one or two lines, never as a traceback
|- UsageError                 a command, argument or environment that cannot work
|- DocumentError              a file: names file, line and field
|- DeployError                a resource the realiser cannot create: names the resource
|- EmulatorError              the emulator did not start or went away
|- NoTargetError              the experiment selects nothing that opted in
`- GuardError                 the plan leaves the blast radius or the host guard refused a request
"""


class BlackstartError(Exception):
    """What is wrong, and the way out.

    message: one sentence naming what is wrong and where. way_out: one sentence saying what to do.
    """

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message}\n  {self.way_out}" if self.way_out else self.message


class UsageError(BlackstartError):
    """A command, argument or environment that cannot work."""


class DocumentError(BlackstartError):
    """A file that cannot be used.

    path: the file as the user named it. line: 1-based, or None when the fault has no line. field: dotted path, "" for
    the whole file.
    """

    def __init__(self, path: str, field: str, problem: str, way_out: str = "", line: int | None = None) -> None:
        place = f"{path}:{line}" if line is not None else path
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}", way_out)
        self.path = path
        self.field = field
        self.line = line


class DeployError(BlackstartError):
    """A resource of the program that cannot be created on the endpoint."""


class EmulatorError(BlackstartError):
    """The emulator did not start, or went away."""


class NoTargetError(BlackstartError):
    """The experiment selects nothing that opted in."""


class GuardError(BlackstartError):
    """The plan leaves the blast radius, or a request would have left loopback."""
