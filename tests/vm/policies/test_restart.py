"""Restart policies, through the command line: what ends is started again, and what a user stopped stays down."""
import json
import os
import select
import signal
import subprocess
import sys
import unittest

from cli import Events, status, world


def kill(process):
    """Kills it and waits for its end: until then its lock is held, and a command finds all well."""
    try:
        ended = os.pidfd_open(process)
    except ProcessLookupError:
        return  # a shim's helper ends with it
    try:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
        select.select([ended], [], [])
    except ProcessLookupError:
        pass
    finally:
        os.close(ended)


class Restart(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit("_", 1)[-1]

    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)

    def run_policy(self, policy, *command):
        world.run("run", "-d", "--name", self.name, "--restart", policy, "busybox", *command)

    def test_on_failure_gives_up_after_its_number(self):
        self.run_policy("on-failure:2", "sh", "-c", "echo again; exit 3")
        with Events(self.name) as events:
            events.until("start", 3)
            self.assertEqual(events.until("die")["attributes"]["exitCode"], 3)
        self.assertEqual(world.run("wait", self.name).strip(), "3")
        now = status(self.name)
        self.assertEqual((now["state"], now["restartCount"], now["exitCode"]), ("exited", 2, 3))
        self.assertEqual(world.run("logs", self.name), "again\n" * 3)

    def test_on_failure_leaves_success_alone(self):
        self.run_policy("on-failure", "true")
        world.run("wait", self.name)
        self.assertEqual((status(self.name)["state"], status(self.name)["restartCount"]), ("exited", 0))

    def test_stop_while_it_waits_or_starts(self):
        """At any moment a stop is the end: while it runs, waits for its delay, or is handed on."""
        self.run_policy("always", "false")
        with Events(self.name) as events:
            for times in (1, 2, 3):
                events.until("die", times)
                world.run("stop", self.name)
                now = status(self.name)
                self.assertEqual((now["state"], now.get("stoppedByUser")), ("exited", True))
                world.run("start", self.name)
        world.run("rm", "-f", self.name)
        self.assertEqual(world.run("ls", "-a", "-q"), "")

    def test_a_kill_is_the_users_wish(self):
        self.run_policy("unless-stopped", "sleep", "1000")
        world.run("kill", self.name)
        world.run("wait", self.name)
        self.assertEqual((status(self.name)["state"], status(self.name)["exitCode"]), ("exited", 137))

    def test_a_lost_shim_is_made_good_by_the_next_command(self):
        self.run_policy("always", "sleep", "1000")
        full = json.loads(world.run("inspect", self.name))[0]["id"]
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as f:
                    line = f.read().split(b"\0")
            except OSError:
                continue
            if line[0].endswith(b"/holm-shim") and line[1] == full.encode():
                kill(int(process))
        with Events(self.name) as events:
            self.assertIn(self.name, world.run("ls"))
            events.until("start", 2)
        self.assertEqual(status(self.name)["state"], "running")

    def test_what_cannot_be(self):
        for options, word in ((["--restart", "often"], "often"), (["--restart", "always:3"], "on-failure"),
                              (["--restart", "always", "--rm"], "--rm")):
            done = subprocess.run([world.holm, "create", *options, "busybox", "true"], env=world.environment,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 125)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
