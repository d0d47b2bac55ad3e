"""IPv6 on networks: members reach each other by address and by name, other networks do not, and nobody speaks for another."""
import ipaddress
import json
import subprocess
import sys
import time
import unittest

from members import SERVER, heard, inside, places, world

SPOOF = sys.argv.pop()
SUBNET = "fd12:3456:789a::/64"


def start(name, networks, *command):
    options = [word for network in networks.split() for word in ("--network", network)]
    world.run("run", "-d", "--name", name, "--privileged", *options, "-c", "1", "-m", "128m", "busybox",
              *(command or ("sleep", "1000")))
    return places(name)[0]


def configuration(network):
    return json.loads(world.run("network", "inspect", network))[0]["configuration"]


class Networks6(unittest.TestCase):
    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)
        world.run("network", "prune")

    def test_inside_and_across(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--subnet-v6", SUBNET, "--internal")
        world.run("network", "create", "front")
        server = start("server", "back", "sh", "-c", SERVER)["addressV6"]
        self.assertEqual(server, "fd12:3456:789a::2")
        near = start("near", "back,ip6=fd12:3456:789a::77:1")
        self.assertEqual(near["addressV6"], "fd12:3456:789a::77:1")
        far = start("far", "front")
        self.assertIn("near", world.refused("create", "--network", "back,ip6=fd12:3456:789a:0::77:1", "busybox"))
        self.assertEqual(heard("near", server), "word\n")
        self.assertIn("1 packets received", inside("near", f"ping -c 1 -W 20 {server}"))
        link_local = inside("server", "ip -6 addr show dev eth0 scope link").split("inet6 ")[1].split("/")[0]
        self.assertEqual(heard("near", f"{link_local}%eth0"), "word\n")
        # Neither by the way that there is nor by one that root makes.
        self.assertEqual(heard("far", server, 2), "")
        inside("far", f"ip -6 route add {SUBNET} dev eth0")
        self.assertEqual(heard("far", server, 2), "")
        self.assertNotIn("default", inside("near", "ip -6 route"))
        self.assertIn(f"default via {far['gatewayV6']} dev eth0", inside("far", "ip -6 route"))
        self.assertIn(ipaddress.ip_address(far["addressV6"]), ipaddress.ip_network(configuration("front")["subnetV6"]))
        self.assertTrue(far["addressV6"].startswith("fd"))

    def test_names(self):
        world.run("network", "create", "back", "--subnet", "10.99.0.0/24", "--subnet-v6", SUBNET)
        server = start("server", "back,alias=store", "sh", "-c", SERVER)
        start("near", "back")
        look = lambda *words: inside("near", "nslookup " + " ".join(words))
        for name in ("server", "STORE.back"):
            self.assertIn(server["addressV6"], look("-type=aaaa", name))
            self.assertIn(server["address"], look("-type=a", name))
        self.assertIn("server.back", look(server["addressV6"]))
        self.assertIn("server.back", look(server["address"]))
        for what in ("-type=mx server", "-type=txt server"):
            self.assertNotIn("NXDOMAIN", look(what))
        for what in ("fd12:3456:789a::99", "nobody.back"):
            self.assertIn("NXDOMAIN", look(what))
        hosts = inside("server", "cat /etc/hosts")
        for address in (server["address"], server["addressV6"]):
            self.assertIn(address, hosts)
        self.assertEqual(heard("near", server["addressV6"]), "word\n")

    def test_without(self):
        world.run("network", "create", "plain", "--subnet-v6", "none")
        self.assertNotIn("subnetV6", configuration("plain"))
        first, second = start("first", "plain", "sh", "-c", SERVER), start("second", "plain")
        self.assertNotIn("addressV6", first)
        self.assertNotIn("scope global", inside("second", "ip -6 addr show dev eth0"))
        self.assertEqual(heard("second", first["address"]), "word\n")
        # What it takes for itself there is nobody's.
        inside("first", "ip -6 addr add fd99::1/64 dev eth0 nodad")
        inside("second", "ip -6 addr add fd99::2/64 dev eth0 nodad")
        self.assertEqual(heard("second", "fd99::1", 2), "")
        self.assertIn("no IPv6", world.refused("create", "--network", "plain,ip6=fd99::1", "busybox"))

    def test_kept_and_moved(self):
        world.run("network", "create", "back", "--subnet-v6", SUBNET)
        world.run("network", "create", "side", "--subnet", "10.98.0.0/24", "--subnet-v6", "fd12:3456:789a:1::/64")
        start("at-side", "side", "sh", "-c", SERVER)
        start("roamer", "back")
        world.run("network", "connect", "side", "roamer", "--ip6", "fd12:3456:789a:1::9")
        before = places("roamer")
        self.assertEqual(before[1]["addressV6"], "fd12:3456:789a:1::9")
        self.assertIn("fd12:3456:789a:1::9/64", inside("roamer", "ip -6 addr show dev eth1"))
        self.assertEqual(heard("roamer", places("at-side")[0]["addressV6"]), "word\n")
        world.run("restart", "roamer")
        self.assertEqual(places("roamer"), before)
        self.assertEqual(heard("roamer", places("at-side")[0]["addressV6"]), "word\n")
        world.run("network", "disconnect", "back", "roamer")
        self.assertIn("default via fd12:3456:789a:1::1 dev eth1", inside("roamer", "ip -6 route"))
        self.assertIn("fd12:3456:789a:1::9", inside("roamer", "cat /etc/hosts"))
        # Another one with the addresses of who is gone is another card, and is found at once.
        there = places("at-side")[0]
        self.assertEqual(heard("roamer", there["address"]), "word\n")
        world.run("rm", "-f", "at-side")
        start("again", f"side,ip={there['address']},ip6={there['addressV6']}", "sh", "-c", SERVER)
        inside("again", "while ! grep -q :0050 /proc/net/tcp6; do :; done")
        for family in ("address", "addressV6"):
            self.assertEqual(heard("roamer", there[family], 10), "word\n", family)

    def count(self, name, what):
        return int(inside(name, f"grep '^{what} ' /proc/net/snmp6").split()[1])

    def test_nobody_speaks_for_another(self):
        world.run("network", "create", "back", "--subnet-v6", SUBNET)
        victim = start("victim", "back", "sh", "-c", SERVER)
        other, rogue = start("other", "back"), start("rogue", "back")
        with open(SPOOF, "rb") as program:
            subprocess.run([world.holm, "exec", "-i", "rogue", "sh", "-c", "cat >/bin/spoof; chmod +x /bin/spoof"],
                           stdin=program, env=world.environment, check=True)
        self.assertEqual(heard("other", victim["addressV6"]), "word\n")
        own = inside("rogue", "ip -6 addr show dev eth0 scope link").split("inet6 ")[1].split("/")[0]
        lies = [("route", own, "fd99::"), ("route", rogue["addressV6"], "fd99::"), ("route", other["gatewayV6"], "fd99::"),
                ("redirect", other["gatewayV6"], "2001:db8::1"), ("redirect", own, "2001:db8::1"),
                ("advertise", own, victim["addressV6"]), ("advertise", victim["addressV6"], victim["addressV6"]),
                ("advertise", own, other["gatewayV6"]), ("echo", victim["addressV6"], "::"), ("echo", "fe80::1", "::")]
        echoes = self.count("other", "Icmp6InEchos")
        for kind, source, about in lies:
            self.assertEqual(inside("rogue", f"spoof eth0 {kind} {source} {about}"), "")
        # What it may say comes behind all that it may not: it is the first that the other one hears.
        self.assertEqual(inside("rogue", f"spoof eth0 echo {rogue['addressV6']} ::"), "")
        deadline = time.monotonic() + 60
        while self.count("other", "Icmp6InEchos") == echoes:
            self.assertLess(time.monotonic(), deadline, "what it may say has not come")
        self.assertEqual(self.count("other", "Icmp6InEchos"), echoes + 1)
        self.assertEqual((self.count("other", "Icmp6InRouterAdvertisements"), self.count("other", "Icmp6InRedirects")), (0, 0))
        self.assertNotIn("fd99:", inside("other", "ip -6 addr; ip -6 route"))
        self.assertEqual(inside("other", "ip -6 route").count("default"), 1)
        self.assertEqual(heard("other", victim["addressV6"]), "word\n")
        # Who takes another's address for his own is heard by nobody.
        inside("rogue", f"ip -6 addr add {victim['addressV6']}/64 dev eth0 nodad; nc -ll -p 80 -e echo caught &")
        self.assertEqual(heard("other", victim["addressV6"]), "word\n")


class Settings(unittest.TestCase):
    """Of a network: how large its frames are, and whom its resolver asks."""
    tearDown = Networks6.tearDown

    def test_mtu(self):
        world.run("network", "create", "small", "--mtu", "1400")
        start("server", "small", "sh", "-c", SERVER)
        start("near", "small")
        world.run("network", "connect", "default", "near")
        self.assertIn("mtu 1400 ", inside("near", "ip link show eth0"))
        self.assertIn("mtu 65520 ", inside("near", "ip link show eth1"))
        self.assertEqual(heard("near", "server"), "word\n")
        self.assertEqual(configuration("small")["mtu"], 1400)
        for wrong in ("1279", "65521", "-1"):
            self.assertIn("1280 to 65520", world.refused("network", "create", "other", "--mtu", wrong))


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
