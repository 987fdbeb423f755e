"""The stack file that an experiment names: somebody else's tags and names, mapped to logical names."""

from pathlib import Path

from blackstart.domain.experiment import Experiment
from blackstart.domain.stack_mapping import StackMapping
from blackstart.gameday.documents import load_document


def load_stack_mapping(path: Path, experiment: Experiment) -> StackMapping:
    """The mapping of the experiment at `path`; this engine's own tags when it names no stack file.

    Raises DocumentError for a stack file that is missing, is not YAML, or does not fit, naming line and field.
    """
    if experiment.stack_file is None:
        return StackMapping()
    return load_document(Path(experiment.stack_file), StackMapping, named_by=f"{path}: stack_file")
