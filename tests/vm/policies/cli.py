"""A holm of its own for these tests, its documents and its events."""
import json
import os
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/bench")
from world import World  # noqa: E402

world = World(f"{os.environ['HOLM_BUILD']}/bin/holm")


def status(name):
    return json.loads(world.run("inspect", name))[0]["status"]


class Events:
    """Events of one container as they come, from `holm events`."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen([world.holm, "events", "--since", "1h", "--format", "json"],
                                        env=world.environment, stdout=subprocess.PIPE, text=True)

    def until(self, action, times=1):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["name"] == self.name and event["action"] == action:
                times -= 1
                if times == 0:
                    return event
        raise AssertionError(f"no {action} of {self.name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
