"""Runs the Pulumi program once in a fresh interpreter and prints, as JSON, every request that it registers.

Standard input: {"directory", "preview", "config"}. A script, not a test: Pulumi keeps its state in the process.
"""

import asyncio
import json
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor

from pulumi.runtime import rpc, set_all_config, set_mocks, stack
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.settings import set_root_resource

# What the cloud would add to each resource; in a preview nobody knows it yet.
COMPUTED = ("arn", "arnSuffix", "name", "dnsName", "latestVersion")


class Cloud(Mocks):
    def __init__(self, preview):
        self.preview = preview
        self.lookups = []

    def new_resource(self, args):
        if self.preview or not args.custom:
            return ("" if self.preview else f"{args.name}-id"), {}
        kind = args.typ.rsplit(":", 1)[-1]
        computed = {key: f"{kind}/{args.name}/{key}" for key in COMPUTED if key not in args.inputs}
        return f"{kind}/{args.name}/id", {**computed, "latestVersion": 1}

    def call(self, args):
        self.lookups.append({"token": args.token, "arguments": args.args})
        if args.token.endswith("getAvailabilityZones"):
            return {"names": ["us-east-1d", "us-east-1c", "us-east-1b", "us-east-1a"]}
        return {"value": "ami-12345678"}


class Recorder(MockMonitor):
    def __init__(self, mocks):
        super().__init__(mocks)
        self.requests = []
        self.exports = {}

    def RegisterResource(self, request):  # noqa: N802 (the SDK's name)
        if request.type != "pulumi:pulumi:Stack":
            self.requests.append(
                {
                    "type": request.type,
                    "name": request.name,
                    "custom": request.custom,
                    "parent": request.parent,
                    "protect": request.protect,
                    "ignore_changes": list(request.ignoreChanges),
                    "dependencies": list(request.dependencies),
                    "inputs": rpc.deserialize_properties(request.object),
                }
            )
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request):  # noqa: N802
        if "pulumi:pulumi:Stack" in request.urn:
            self.exports = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)


def main():
    asked = json.loads(sys.stdin.read())
    sys.path.insert(0, asked["directory"])
    set_all_config(asked["config"])
    cloud = Cloud(asked["preview"])
    recorder = Recorder(cloud)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
    set_mocks(cloud, "blackstart", "emulator", preview=asked["preview"], monitor=recorder)
    set_root_resource(None)

    def program():
        runpy.run_path(asked["directory"], run_name="__main__")

    loop.run_until_complete(stack.run_in_stack(program))
    answer = {"requests": recorder.requests, "exports": recorder.exports, "lookups": cloud.lookups}
    print(json.dumps(answer, default=lambda unknown: "(unknown)"))


if __name__ == "__main__":
    main()
