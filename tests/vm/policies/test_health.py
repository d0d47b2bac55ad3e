"""Health checks, through the command line: asked in the guest, shown, and told as events."""
import os
import sys
import unittest

from cli import Events, status, world


class Health(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit("_", 1)[-1]

    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)

    def test_from_starting_to_healthy_and_back(self):
        world.run("run", "-d", "--name", self.name, "--health-cmd", "echo looked; test -e /tmp/well", "--health-interval",
                  "300ms", "--health-retries", "2", "busybox", "sh", "-c", "touch /tmp/well; sleep 1000")
        with Events(self.name) as events:
            self.assertEqual(events.until("health")["attributes"], {"health": "healthy"})
            self.assertIn("(healthy)", world.run("ls"))
            self.assertEqual(status(self.name)["health"]["output"], "looked\n")
            world.run("exec", self.name, "rm", "/tmp/well")
            self.assertEqual(events.until("health")["attributes"], {"health": "unhealthy"})
        now = status(self.name)["health"]
        self.assertEqual((now["status"], now["failingStreak"], now["exitCode"]), ("unhealthy", 2, 1))

    def test_a_check_that_hangs_is_ended(self):
        world.run("run", "-d", "--name", self.name, "--health-cmd", "sleep 1000", "--health-interval", "200ms",
                  "--health-timeout", "300ms", "--health-retries", "1", "busybox", "sleep", "1000")
        with Events(self.name) as events:
            self.assertEqual(events.until("health")["attributes"], {"health": "unhealthy"})
        self.assertIn("no answer in time", status(self.name)["health"]["output"])
        self.assertNotIn("sleep 1000\nsleep", world.run("top", self.name))

    def test_none_is_asked_for(self):
        world.run("run", "-d", "--name", self.name, "--health-cmd", "true", "--no-healthcheck", "busybox", "sleep", "9")
        self.assertNotIn("health", status(self.name))


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
