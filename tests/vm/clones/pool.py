"""Machines that wait (start.pool), as the tests of them see them."""
import glob
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/policies")
from cli import world  # noqa: E402


def ask_traced(*options, program):
    """The answers of a run, and whether it took a spare."""
    with tempfile.NamedTemporaryFile() as trace:
        answers = world.run("run", "--trace", trace.name, "--rm", *options, "busybox", *program).splitlines()
        return answers, b"take a spare" in trace.read()


def spares():
    """Process ids of the spares that there are."""
    return [pid for pid, name in world.processes() if name == "holm-spare"]


def wait_for(condition):
    deadline = time.monotonic() + 150  # a spare may rehearse for 120 seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it takes too long")
        time.sleep(0.05)


def folders():
    return glob.glob(os.path.join(world.environment["XDG_RUNTIME_DIR"], "holm/s/*-*"))


def ready():
    return len([folder for folder in folders() if os.path.exists(f"{folder}/spare.sock")])


class PoolCase(unittest.TestCase):
    """Has a pool of two, and ends it."""

    def setUp(self):
        self.path = os.path.join(world.environment["XDG_CONFIG_HOME"], "holm", "config.toml")
        self.configure(2)

    def configure(self, count):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(f"[start]\npool = {count}\n")

    def tearDown(self):
        """A smaller pool: they are ended by the next command, and leave nothing."""
        self.configure(0)
        wait_for(lambda: world.run("ls") and not spares() and not folders())  # also those that were just begun
        os.remove(self.path)

    def fill(self, count):
        while ready() < count:
            world.run("run", "--rm", "busybox", "true")
            wait_for(lambda: ready() == len(spares()) > 0)

    def taken(self, *options, program):
        """The lines of a run that must have taken a spare."""
        self.fill(1)
        answers, taken = ask_traced(*options, program=program)
        self.assertTrue(taken, options)
        return answers
