"""The deploying process never outlives the one that started it."""

import json
import subprocess
import sys


def test_it_ends_when_its_parent_is_gone(tmp_path):
    (tmp_path / "__main__.py").write_text("import time\nprint('running', flush=True)\ntime.sleep(60)\n")
    program = {
        "project": "small",
        "project_dir": str(tmp_path),
        "directory": str(tmp_path),
        "stack": "test",
        "region": "us-east-1",
        "endpoint": "http://127.0.0.1:9",
        "config": {},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "blackstart.deploy"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdin.write(json.dumps(program) + "\n")
        process.stdin.flush()
        assert process.stderr.readline() == "running\n"
        process.stdin.close()  # what the kernel does when the parent dies
        assert process.wait(timeout=5) == 1
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
