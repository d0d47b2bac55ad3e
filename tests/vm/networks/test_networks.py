"""Networks of one's own: who is on one reaches its members and nobody else."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/bench")
from world import World  # noqa: E402

world = World(f"{os.environ['HOLM_BUILD']}/bin/holm")
SERVER = "while :; do echo word | nc -l -p 80; done"


def start(name, network, *command):
    world.run("run", "-d", "--name", name, "--network", network, "-c", "1", "-m", "128m", "busybox",
              *(command or ("sleep", "1000")))
    return json.loads(world.run("inspect", name))[0]["status"]["addresses"][0]["address"]


def heard(name, address, wait=60):
    """The wait only bounds a test that fails, but where nothing is to be heard."""
    return subprocess.run([world.holm, "exec", name, "nc", "-w", str(wait), address, "80"], env=world.environment,
                          capture_output=True, text=True).stdout


def refused(*arguments):
    done = subprocess.run([world.holm, *arguments], env=world.environment, capture_output=True, text=True)
    return done.stderr if done.returncode == 125 else None


class Networks(unittest.TestCase):
    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)
        world.run("network", "prune")

    def test_inside_and_across(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--internal", "--label", "a=b")
        world.run("network", "create", "front")
        address = start("server", "back", "sh", "-c", SERVER)
        self.assertEqual(address, "10.99.0.2")
        near = start("near", "back,ip=10.99.0.77,mac=02:00:00:00:00:77")
        self.assertEqual(near, "10.99.0.77")
        self.assertIn("02:00:00:00:00:77", world.run("exec", "near", "ip", "link", "show", "eth0"))
        self.assertIn("near", refused("create", "--network", "back,ip=10.99.0.77", "busybox"))
        start("far", "front")
        self.assertEqual(heard("near", address), "word\n")
        self.assertEqual(heard("far", address, 2), "")
        self.assertNotIn("default", world.run("exec", "near", "ip", "route"))
        self.assertEqual(heard("near", "server"), "word\n")
        self.assertIn("default", world.run("exec", "far", "ip", "route"))
        back = json.loads(world.run("network", "inspect", "back"))[0]
        self.assertEqual({member["name"] for member in back["status"]["members"]}, {"server", "near"})
        self.assertEqual(world.run("network", "ls", "-q", "--filter", "label=a=b").split(), ["back"])
        self.assertIn("2 members", refused("network", "rm", "back"))

    def test_names(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--internal")
        start("server", "back,alias=store", "sh", "-c", SERVER)
        start("near", "back")
        number = json.loads(world.run("inspect", "server"))[0]["id"][:12]
        for name in ("server", "SERVER.back", "store", number):
            self.assertEqual(heard("near", name), "word\n", name)
        look = lambda *words: subprocess.run([world.holm, "exec", "near", "nslookup", *words], env=world.environment,
                                             capture_output=True, text=True).stdout
        self.assertIn("server.back", look("10.99.0.2"))
        self.assertIn("NXDOMAIN", look("nobody"))
        self.assertNotIn("NXDOMAIN", look("-type=aaaa", "server"))
        world.run("rm", "-f", "server")
        self.assertIn("NXDOMAIN", look("server"))

    def test_another_one_of_the_same_name(self):
        """Its process is not that of the first one, which may linger."""
        for subnet, address in (("10.99.0.0/24", "10.99.0.2"), ("10.98.0.0/24", "10.98.0.2")):
            world.run("network", "create", "again", "--subnet", subnet)
            self.assertEqual(start("server", "again", "sh", "-c", SERVER), address)
            start("near", "again")
            self.assertEqual(heard("near", address), "word\n")
            world.run("rm", "-f", "server", "near")
            world.run("network", "rm", "again")

    def test_what_cannot_be(self):
        world.run("network", "create", "one", "--subnet", "10.99.0.0/24")
        for word, arguments in (("already", ["create", "one"]), ("overlaps", ["create", "two", "--subnet", "10.99.0.0/16"]),
                                ("not a host", ["create", "two", "--subnet", "10.97.0.0/24", "--gateway", "10.96.0.1"]),
                                ("stays", ["rm", "default"]), ("no network", ["rm", "nobody"])):
            self.assertIn(word, refused("network", *arguments) or "")
        self.assertIn("no network", refused("create", "--network", "nobody", "busybox"))


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
