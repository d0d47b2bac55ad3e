"""Networks of one's own: who is on one reaches its members and nobody else."""
import json
import os
import select
import signal
import subprocess
import sys
import time
import unittest

from members import SERVER, heard, places, world


def start(name, networks, *command, cpus="1"):
    options = [word for network in networks.split() for word in ("--network", network)]
    world.run("run", "-d", "--name", name, *options, "-c", cpus, "-m", "128m", "busybox",
              *(command or ("sleep", "1000")))
    return cards(name)[0][1]


def cards(name):
    return [(place["name"], place["address"], place["mac"]) for place in places(name)]


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
        self.assertIn("near", world.refused("create", "--network", "back,ip=10.99.0.77", "busybox"))
        start("far", "front")
        self.assertEqual(heard("near", address), "word\n")
        self.assertEqual(heard("far", address, 2), "")
        self.assertNotIn("default", world.run("exec", "near", "ip", "route"))
        self.assertEqual(heard("near", "server"), "word\n")
        self.assertIn("default", world.run("exec", "far", "ip", "route"))
        back = json.loads(world.run("network", "inspect", "back"))[0]
        self.assertEqual({member["name"] for member in back["status"]["members"]}, {"server", "near"})
        self.assertEqual(world.run("network", "ls", "-q", "--filter", "label=a=b").split(), ["back"])
        self.assertIn("2 members", world.refused("network", "rm", "back"))

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

    def test_no_resolver(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--internal")
        world.run("network", "create", "front")
        world.run("run", "-d", "--name", "alone", "--no-dns", "--network", "back", "-c", "1", "-m", "128m", "busybox", "sleep",
                  "1000")
        world.run("network", "connect", "front", "alone")
        done = subprocess.run([world.holm, "exec", "alone", "cat", "/etc/resolv.conf"], env=world.environment,
                              capture_output=True, text=True)
        self.assertNotIn("nameserver", done.stdout)
        self.assertIn("no name servers", world.refused("create", "--no-dns", "--dns", "10.0.0.1", "busybox"))
        self.assertIn("front", [place[0] for place in cards("alone")])

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
            self.assertIn(word, world.refused("network", *arguments) or "")
        self.assertIn("no network", world.refused("create", "--network", "nobody", "busybox"))


class Several(unittest.TestCase):
    """One container on several networks: from its creation, and more and fewer while it runs."""

    def setUp(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--internal")
        world.run("network", "create", "side", "--subnet", "10.98.0.0/24")

    tearDown = Networks.tearDown

    def serve(self):
        return {network: start(f"at-{network}", f"{network},alias=only-{network}", "sh", "-c", SERVER)
                for network in ("back", "side")}

    def neighbours(self, name, wanted):
        for network in ("back", "side"):
            for what in (f"at-{network}", f"only-{network}"):
                self.assertEqual(heard(name, what, 60 if network in wanted else 2),
                                 "word\n" if network in wanted else "", (name, what))

    def routes(self, name):
        return [line.split()[4] for line in world.run("exec", name, "ip", "route").splitlines()
                if line.startswith("default")]

    def test_from_the_beginning(self):
        addresses = self.serve()
        start("both", "back,ip=10.99.0.50,alias=middle side,mac=02:00:00:00:00:98")
        before = cards("both")
        self.assertEqual([place[0] for place in before], ["back", "side"])
        self.assertEqual((before[0][1], before[1][2]), ("10.99.0.50", "02:00:00:00:00:98"))
        self.assertEqual(self.routes("both"), ["eth1"])  # the first that leads outside
        self.neighbours("both", {"back", "side"})
        self.assertIn("10.99.0.50", world.run("exec", "at-back", "nslookup", "middle"))
        self.assertEqual(heard("at-back", addresses["side"], 2), "")  # it is no bridge
        self.assertIn(", ".join(place[1] for place in before), world.run("ls"))
        world.run("restart", "both")
        self.assertEqual(cards("both"), before)
        self.neighbours("both", {"back", "side"})
        # What the first resolver does not know the next one is asked; what the last one does not is no name at all.
        for resolver, word in (("10.99.0.1", "REFUSED"), ("10.98.0.1", "NXDOMAIN")):
            for what in ("nobody.side", "10.98.0.77"):
                self.assertIn(word, subprocess.run([world.holm, "exec", "both", "nslookup", what, resolver],
                                                   env=world.environment, capture_output=True, text=True).stdout)

    def test_live(self):
        self.serve()
        start("roamer", "back", cpus="2")
        self.neighbours("roamer", {"back"})
        self.assertEqual(self.routes("roamer"), [])
        for _ in range(3):
            world.run("network", "connect", "side", "roamer", "--alias", "rover", "--ip", "10.98.0.9")
            self.assertEqual(cards("roamer")[1][:2], ("side", "10.98.0.9"))
            self.assertEqual(self.routes("roamer"), ["eth1"])
            self.neighbours("roamer", {"back", "side"})
            self.assertIn("10.98.0.9", world.run("exec", "at-side", "nslookup", "rover"))
            self.assertIn("is on the network side already", world.refused("network", "connect", "side", "roamer"))
            world.run("network", "disconnect", "side", "roamer")
            self.neighbours("roamer", {"back"})
            self.assertNotIn("eth1", world.run("exec", "roamer", "ip", "link"))
            self.assertEqual(len(cards("roamer")), 1)
        self.assertIn("not on the network side", world.refused("network", "disconnect", "side", "roamer"))
        self.assertIn("no network", world.refused("network", "connect", "nobody", "roamer"))
        self.assertIn("belongs to the container at-side",
                      world.refused("network", "connect", "side", "roamer", "--ip", "10.98.0.2"))
        # The first may go, too, and what is left stays over a restart.
        world.run("network", "connect", "side", "roamer")
        world.run("network", "disconnect", "back", "roamer")
        self.neighbours("roamer", {"side"})
        self.assertIn(cards("roamer")[0][1], world.run("exec", "roamer", "sh", "-c", "cat /etc/hosts"))
        before = cards("roamer")
        world.wait_templates()  # what is unplugged then has been loaded
        world.run("restart", "roamer")
        self.assertEqual(cards("roamer"), before)
        self.neighbours("roamer", {"side"})
        world.run("network", "disconnect", "side", "roamer")
        self.assertNotIn("eth", world.run("exec", "roamer", "ls", "/sys/class/net"))
        world.run("network", "connect", "back", "roamer")
        self.neighbours("roamer", {"back"})

    def test_at_rest(self):
        self.serve()
        world.run("create", "--name", "later", "--network", "none", "-c", "1", "-m", "128m", "busybox", "sleep", "1000")
        for network in ("back", "side"):
            world.run("network", "connect", network, "later")
        self.assertIn("members", world.refused("network", "rm", "side"))
        world.run("network", "disconnect", "back", "later")
        world.run("start", "later")
        self.neighbours("later", {"side"})
        events = [json.loads(line) for line in world.run("events", "--since", "10m", "--until", "0s", "--format",
                                                         "json").splitlines()]
        self.assertEqual([(e["action"], e["attributes"]["network"]) for e in events
                          if e["name"] == "later" and "connect" in e["action"]],
                         [("connect", "back"), ("connect", "side"), ("disconnect", "back")])

    def test_faults(self):
        """The shim is killed at a step: the container starts again, on the networks that state.db has."""
        self.serve()
        with open(f"{os.environ['HOLM_SOURCE']}/tests/vm/faults.list") as file:
            names = [name for name in file.read().split() if name.startswith("plug.network-")]
        self.assertEqual(len(names), 4)
        for fault in names:
            with self.subTest(fault):
                done = subprocess.run([world.holm, "run", "-d", "--name", "hit", "--network", "back", "-c", "1", "-m", "128m",
                                       "busybox", "sleep", "1000"], env={**world.environment, "HOLM_FAULT": fault},
                                      stdout=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 0)
                verbs, networks = [("connect", "side")], {"back", "side"}
                if fault == "plug.network-dropped":
                    verbs, networks = [("disconnect", "back")], set()
                for verb, network in verbs:
                    self.assertTrue(world.refused("network", verb, network, "hit"))
                # the shim's lock is free a moment after its connections have ended
                deadline = time.monotonic() + 60
                while json.loads(world.run("inspect", "hit"))[0]["status"].get("reason") != "shim-lost":
                    self.assertLess(time.monotonic(), deadline, "the end of the shim is not known")
                    time.sleep(0.05)
                self.assertEqual({place[0] for place in cards("hit")}, networks)
                world.run("start", "hit")
                self.neighbours("hit", networks)
                world.run("rm", "-f", "hit")

    def test_lost_networks(self):
        """holm-net killed: all members are there again, on all of their networks, with what they were given since."""
        self.serve()
        start("both", "back")
        world.run("network", "connect", "side", "both")
        for pid, name in world.processes():
            if name == "holm-net":
                gone = os.pidfd_open(pid)
                os.kill(pid, signal.SIGKILL)
                select.select([gone], [], [])
                os.close(gone)
        for name in ("at-back", "at-side"):
            # The shims are told of the loss by the kernel, and take their places again.
            while heard("both", name, 2) != "word\n":
                continue
        self.neighbours("both", {"back", "side"})


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
