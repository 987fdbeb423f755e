"""The deploying process: reads a `Program` from standard input, writes messages to standard output.

Its standard input stays open as long as the parent lives; when it closes, this process ends at once.
"""

import os
import sys
import threading
from collections.abc import Callable

from blackstart.deploy.messages import Deployed, Failed, Message, Program, Progress
from blackstart.deploy.program import run_program
from blackstart.domain.errors import BlackstartError


def main() -> None:
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1) as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the program prints is not ours to speak

        def tell(message: Message) -> None:
            answers.write(message.model_dump_json() + "\n")

        program = Program.model_validate_json(sys.stdin.readline())
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
        os.chdir(program.directory)
        tell(_deployed_or_failed(program, tell))


def _deployed_or_failed(program: Program, tell: Callable[[Message], None]) -> Deployed | Failed:
    try:
        return run_program(program, lambda text: tell(Progress(text=text)))
    except BlackstartError as failure:
        return Failed(message=failure.message, way_out=failure.way_out)


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
