"""What the design promises of the layout, held by the test run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
PYTHON = [ROOT / name for name in TRACKED if name.endswith(".py") and (ROOT / name).exists()]


def test_the_dependency_rule_holds():
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert lint.returncode == 0, lint.stdout


def test_the_engine_never_imports_the_reference_project():
    ours = {
        "infra",
        "chaos",
        "loadtests",
        "network",
        "load_balancer",
        "autoscaling",
        "alarms",
        "settings",
        "locustfile",
    }
    for path in (ROOT / "blackstart").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & ours, path
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in ours, path


@pytest.mark.parametrize("folder", ["infra", "loadtests"])
def test_programs_that_run_by_path_shadow_no_standard_module(folder):
    names = {path.stem for path in (ROOT / folder).glob("*.py")}
    assert not names & set(sys.stdlib_module_names) - {"__main__"}


def test_tests_are_no_packages():
    assert not [name for name in TRACKED if name.startswith("tests/") and name.endswith("__init__.py")]


def test_lock_files_name_packages_and_hashes_only():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index-url|--extra-index-url|--find-links", text), path


def test_only_one_module_makes_aws_clients():
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "blackstart").rglob("*.py")
        if re.search(r"boto3\.(client|resource|Session|session)\b|\bSession\(", path.read_text())
    }
    assert makers == {"blackstart/aws_clients.py"}


def test_no_catch_all_modules():
    catch_alls = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [path for path in PYTHON if path.stem in catch_alls]
