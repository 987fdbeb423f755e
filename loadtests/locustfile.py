"""The traffic of the reference project: visitors of the front page, who come whether or not it answers."""

from blackstart.load.open_loop_user import OpenLoopUser


class Visitor(OpenLoopUser):
    """Asks for the path of the experiment's load; override `next_path` for a mix of pages."""
