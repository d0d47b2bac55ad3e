"""The way out: holm runs in a network namespace of its own, the world is another one, and a container reaches the world
and never the loopback of the host."""
import hashlib
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{os.environ['HOLM_SOURCE']}/tests/bench", HERE]
import outside  # noqa: E402
from world import World  # noqa: E402

INSIDE = "HOLM_TEST_NAMESPACE"
HOST, HOST6 = "192.0.2.1", "2001:db8::1"
GATEWAY, SUBNET = "10.88.0.1", "10.88.0.0"
BEYOND, ROUND = "2001:db8:1::7", "2001:db8:3::7"  # to one the world knows no way, to the other one back to here
HOST_GATEWAY, HOST_GATEWAY6 = "169.254.1.2", "fec0::a9fe:102"
LOOPBACK_ONLY, EVERYWHERE = 8080, 8081  # ports of the host's own servers


def enter_namespace():
    """Runs this program again with a network and mounts of its own; both go with their last process."""
    if os.geteuid() != 0:
        print("skipped: network namespaces and a link between them need root")
        sys.exit(77)
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv])


def do(*command):
    subprocess.run(command, check=True)


def serve(host, *prefix):
    """Servers of outside.py; closing their input ends them."""
    process = subprocess.Popen([*prefix, sys.executable, "-B", f"{HERE}/outside.py", host], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the servers did not start")
    return process


def make_link():
    """The world, at the other end of a veth pair."""
    process = serve("0.0.0.0", "unshare", "--net")
    enter = ("nsenter", "-t", str(process.pid), "-n")
    there = (*enter, "ip")
    do("ip", "link", "set", "lo", "up")
    do("ip", "link", "add", "home", "type", "veth", "peer", "name", "world", "netns", str(process.pid))
    for ip, name, last in ((("ip",), "home", 1), (there, "world", 2)):
        do(*ip, "addr", "add", f"192.0.2.{last}/24", "dev", name)
        do(*ip, "addr", "add", f"2001:db8::{last}/64", "dev", name, "nodad")
        do(*ip, "link", "set", name, "up")
    do("ip", "route", "add", "default", "via", outside.ADDRESS)
    do(*enter, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
    do(*there, "-6", "route", "add", "unreachable", f"{BEYOND}/64")
    do(*there, "-6", "route", "add", f"{ROUND}/64", "via", HOST6)
    for address in (BEYOND, ROUND):
        do("ip", "-6", "route", "add", f"{address}/64", "via", outside.ADDRESS6)
    let_ping("0 2147483647")
    return process


def let_ping(groups):
    """Who may send an echo request: of this namespace only."""
    with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
        file.write(groups)


def use_resolver(address):
    with open(resolver_file, "w") as file:
        file.write(f"nameserver {address}\n")


class Bait(threading.Thread):
    """What listens on the host, and counts who comes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.came = {}
        self.selector = selectors.DefaultSelector()
        for family, address, port in ((socket.AF_INET, "127.0.0.1", LOOPBACK_ONLY), (socket.AF_INET6, "::1", LOOPBACK_ONLY),
                                      (socket.AF_INET, "0.0.0.0", EVERYWHERE), (socket.AF_INET6, "::", EVERYWHERE)):
            listener = socket.socket(family)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen()
            self.selector.register(listener, selectors.EVENT_READ, (address, port))
        self.start()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                connection = key.fileobj.accept()[0]
                self.came[key.data] = self.came.get(key.data, 0) + 1
                connection.sendall(b"caught\n")
                connection.close()


class Container(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.name = cls.__name__
        world.run("run", "-d", "--name", cls.name, *cls.options, "--privileged", "-c", "1", "-m", "128m", "busybox", "sleep", "100000")

    def setUp(self):
        use_resolver(outside.ADDRESS)

    @classmethod
    def put_datagrams(cls):
        with open(f"{os.environ['HOLM_BUILD']}/tests/vm/gateway/datagrams", "rb") as program:
            subprocess.run([world.holm, "exec", "-i", cls.name, "sh", "-c", "cat >/bin/datagrams; chmod +x /bin/datagrams"],
                           stdin=program, env=world.environment, check=True)

    def inside(self, command, **more):
        done = subprocess.run([world.holm, "exec", *(["-i"] if more else []), self.name, "sh", "-c", command],
                              env=world.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        return done.stdout

    def pings(self, address, *options):
        return b" 1 packets received" in self.inside(f"ping -c 1 {' '.join(options)} {address}")

    def counted(self, what):
        return int(self.inside(f"grep '^{what} ' /proc/net/snmp6").split()[1])

    def look_up(self, gateway=GATEWAY):
        self.assertIn(outside.ADDRESS.encode(), self.inside("nslookup -type=A any.world.test"))
        self.assertIn(b"2001:db8::2", self.inside("nslookup -type=AAAA any.world.test"))
        self.assertIn(b"short text", self.inside("nslookup -type=TXT any.world.test"))
        self.assertIn(b"NXDOMAIN", self.inside("nslookup nowhere.test"))
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\4long\5world\4test\0\0\x10\0\1"
        answer = self.inside(f"nc -w 10 {gateway} 53", input=struct.pack("!H", len(query)) + query)
        self.assertEqual(struct.unpack("!H", answer[:2])[0], len(answer) - 2)
        self.assertEqual([text for text in outside.LONG_TEXT if text not in answer], [])


class Loopback(Container):
    def test_is_out_of_reach(self):
        bait.came.clear()
        place = json.loads(world.run("inspect", self.name))[0]["status"]["networks"][0]
        # A guest that is root in its own kernel sends what no ordinary one would.
        self.inside("ip link set lo down; sysctl -w net.ipv4.conf.all.route_localnet=1; ip addr flush dev lo; "
                    "ip route del local 127.0.0.0/8 dev lo table local; "
                    f"ip route add 127.0.0.0/8 via {GATEWAY}; ip route add 0.0.0.0/8 via {GATEWAY}; "
                    f"arp -s {SUBNET} 52:55:0a:58:00:00; ip -6 addr flush dev lo; "
                    f"ip -6 route add ::1/128 via {place['gatewayV6']}; ip -6 route add ::/96 via {place['gatewayV6']}")
        tries = [f"nc -w 1 {address} {port}" for port in (LOOPBACK_ONLY, EVERYWHERE)
                 for address in ("127.0.0.1", "127.0.0.53", "0.0.0.0", "0.0.0.1", HOST_GATEWAY, GATEWAY, SUBNET, "10.88.0.255",
                                 "255.255.255.255", "::1", "fec0::2", "fe80::2%eth0", "::ffff:127.0.0.1", "::127.0.0.1", HOST_GATEWAY6,
                                 place["gatewayV6"], f"{place['gatewayV6'][:-1]}", f"{place['gatewayV6'][:-1]}ffff")]
        for resolver in (outside.ADDRESS, "127.0.0.1"):
            use_resolver(resolver)
            said = self.inside(" & ".join(tries) + " & wait")
            self.assertNotIn(b"caught", said)
            self.assertEqual(bait.came, {})


class HostGateway(Container):
    """Who is given the host's loopback reaches it by its name, and by nothing else; Loopback has the others."""
    options = ("--add-host", "here:host-gateway", "-p", "127.0.0.1:8090:8090")

    def test_tcp(self):
        bait.came.clear()
        for number in range(3):
            self.assertEqual(self.inside(f"nc -w 10 here {LOOPBACK_ONLY}"), b"caught\n")
            self.assertEqual(self.inside(f"nc -w 10 {HOST_GATEWAY6} {LOOPBACK_ONLY}"), b"caught\n")
        self.assertEqual(bait.came, {("127.0.0.1", LOOPBACK_ONLY): 3, ("::1", LOOPBACK_ONLY): 3})
        for address in (HOST_GATEWAY, HOST_GATEWAY6):
            self.assertIn(b"refused", self.inside(f"nc -w 10 {address} 9"))
            self.assertIn(f"{address} here\n".encode(), self.inside("cat /etc/hosts"))
            self.assertTrue(self.pings(address, "-W 10"))
        self.assertTrue(self.pings(HOST6, "-W 10"))
        bait.came.clear()
        for address in ("127.0.0.1", GATEWAY, SUBNET, "169.254.1.1", "169.254.1.255", "::1", "fec0::2", "fec0::a9fe:103"):
            self.assertNotIn(b"caught", self.inside(f"nc -w 1 {address} {LOOPBACK_ONLY}"))
        self.assertEqual(bait.came, {})

    def test_its_own_port(self):
        """Round by the host: the gateway to it, and its port published there."""
        self.assertEqual(self.inside("nc -l -p 8090 -e echo round & while ! nc -w 2 here 8090 | grep round; do :; done"),
                         b"round\n")

    def test_udp(self):
        self.put_datagrams()
        for family, loopback, address in ((socket.AF_INET, "127.0.0.1", HOST_GATEWAY), (socket.AF_INET6, "::1", HOST_GATEWAY6)):
            with socket.socket(family, socket.SOCK_DGRAM) as server:
                server.bind((loopback, 0))
                server.settimeout(60)
                port = server.getsockname()[1]

                def answer():
                    for _ in range(5):
                        server.sendto(*server.recvfrom(2000))
                answering = threading.Thread(target=answer)
                answering.start()
                self.assertEqual(self.inside(f"datagrams {address} {port} 1400 5"), b"5\n")
                answering.join()

    def test_an_address_that_somebody_had(self):
        for _ in range(2):
            self.assertEqual(world.run("run", "--rm", "-c", "1", "-m", "128m", "--add-host", "here:host-gateway", "busybox",
                                       "nc", "-w", "20", "here", str(LOOPBACK_ONLY)), "caught\n")

    def test_configured(self):
        """The configuration lets all of them; those without a network or without a way out have no such name."""
        path = f"{world.environment['XDG_CONFIG_HOME']}/holm"
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/config.toml", "w") as file:
            file.write("[network]\nhost-loopback = true\n")
        try:
            said = world.run("run", "--rm", "-c", "1", "-m", "128m", "busybox", "sh", "-c",
                             f"nc -w 10 host.holm.internal {LOOPBACK_ONLY}; grep host.holm.internal /etc/hosts")
            world.run("network", "create", "--internal", "inner")
            hosts = world.run("run", "--rm", "-c", "1", "-m", "128m", "--network", "inner", "busybox", "cat", "/etc/hosts")
        finally:
            os.remove(f"{path}/config.toml")
        self.assertEqual(said, f"caught\n{HOST_GATEWAY} host.holm.internal\n{HOST_GATEWAY6} host.holm.internal\n")
        self.assertNotIn("host.holm.internal", hosts)


class Gateway(Container):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.put_datagrams()

    def test_tcp(self):
        self.assertEqual(self.inside(f"nc -w 10 {outside.ADDRESS} {outside.ECHO}", input=b"there and back\n"), b"there and back\n")
        self.assertEqual(self.inside(f"nc -w 10 {outside.ADDRESS6} {outside.ECHO}", input=b"and in IPv6\n"), b"and in IPv6\n")
        for address in (outside.ADDRESS, outside.ADDRESS6):
            refused = self.inside(f"nc -w 10 {address} 9; echo $?")
            self.assertTrue(refused.endswith(b"1\n"), refused)

    def test_udp(self):
        for size, count in ((1, 20), (1400, 20), (9000, 5), (60000, 5)):
            for address in (outside.ADDRESS, outside.ADDRESS6):
                self.assertEqual(self.inside(f"datagrams {address} {outside.ECHO} {size} {count}"), b"%d\n" % count,
                                 (address, size))

    def test_ping(self):
        gateway = json.loads(world.run("inspect", self.name))[0]["status"]["networks"][0]["gatewayV6"]
        for address in (outside.ADDRESS, "-4 any.world.test", gateway, outside.ADDRESS6, "-6 any.world.test", HOST6):
            self.assertTrue(self.pings(address, "-W 10"), address)
        for size in (0, 1, 1400, 20000, 65000):
            self.assertTrue(self.pings(outside.ADDRESS6, "-W 10", f"-s {size}"), size)
        self.assertIn(b" 50 packets received", self.inside(f"ping -c 50 -A {outside.ADDRESS6}"))

    def test_pings_are_for_who_asked(self):
        """Two that ask with the same numbers, and one that does not ask."""
        world.run("run", "-d", "--name", "still", "-c", "1", "-m", "128m", "busybox", "sleep", "1000")
        quiet = lambda: world.run("exec", "still", "grep", "^Icmp6InEchoReplies ", "/proc/net/snmp6").split()[1]
        before, asked = quiet(), self.counted("Icmp6InEchoReplies")
        both = " & ".join([f"ping -c 20 -A {outside.ADDRESS6}"] * 2)
        self.assertEqual(self.inside(f"{both} & wait").count(b" 20 packets received"), 2)
        self.assertEqual((quiet(), self.counted("Icmp6InEchoReplies")), (before, asked + 40))

    def test_where_pings_end(self):
        try:
            for address, hops, counter in ((BEYOND, 64, "Icmp6InDestUnreachs"), (ROUND, 2, "Icmp6InTimeExcds"),
                                           (outside.ADDRESS6, 1, "Icmp6InTimeExcds"), ("2001:db8:2::1", 64, "Icmp6InDestUnreachs")):
                before = self.counted(counter)
                self.inside(f"sysctl -w net.ipv6.conf.eth0.hop_limit={hops}")
                self.assertFalse(self.pings(address, "-W 1"))
                deadline = time.monotonic() + 60
                while self.counted(counter) == before:
                    self.assertLess(time.monotonic(), deadline, f"nothing is said of {address}")
                self.assertEqual((self.counted(counter), self.counted("Icmp6InCsumErrors")), (before + 1, 0), address)
        finally:
            self.inside("sysctl -w net.ipv6.conf.eth0.hop_limit=64")
        self.assertFalse(self.pings("::ffff:127.0.0.1", "-W 1"))

    def test_large_transfers_are_whole(self):
        given = hashlib.sha256(outside.given()).hexdigest().encode()
        for address in (outside.ADDRESS, outside.ADDRESS6):
            self.assertEqual(self.inside(f"nc {address} {outside.GIVE} | sha256sum").split()[0], given)
            digests = self.inside(f"head -c {outside.BYTES} /dev/urandom >/f; sha256sum </f; nc {address} {outside.TAKE} </f; rm /f")
            here, there = [line.split()[0] for line in digests.splitlines()]
            self.assertEqual(here, there)

    def test_names(self):
        self.assertIn(GATEWAY.encode(), self.inside("cat /etc/resolv.conf"))
        self.look_up()
        self.assertEqual(self.inside(f"nc -w 10 any.world.test {outside.ECHO}", input=b"by name\n"), b"by name\n")

    def test_resolver_on_the_loopback(self):
        """It is asked for names, and its address opens nothing else."""
        resolver = serve("127.0.0.1")
        use_resolver("127.0.0.1")
        self.look_up()
        for port in (LOOPBACK_ONLY, EVERYWHERE):
            self.assertNotIn(b"caught", self.inside(f"nc -w 1 {GATEWAY} {port}"))
        resolver.communicate()

    def test_other_addresses_of_the_host(self):
        """What listens on them is as open to a container as to any machine of the network."""
        for address in (HOST, HOST6):
            self.assertEqual(self.inside(f"nc -w 10 {address} {EVERYWHERE}"), b"caught\n")
        self.assertIn(b"refused", self.inside(f"nc -w 10 {HOST} {LOOPBACK_ONLY}"))


class OwnServers(Container):
    """A network's resolver that asks others than the host does, by datagrams and, where those are too short, by TCP."""
    options = ("--network", "asking")

    @classmethod
    def setUpClass(cls):
        world.run("network", "create", "asking", "--subnet", "10.97.0.0/24", "--dns", outside.ADDRESS)
        super().setUpClass()

    def test_names(self):
        use_resolver("127.0.0.1")  # where nobody is
        self.look_up("10.97.0.1")

    def test_pings_that_may_not(self):
        let_ping("1 0")
        try:
            self.assertFalse(self.pings(outside.ADDRESS6, "-W 1"))
        finally:
            let_ping("0 2147483647")
        self.assertTrue(self.pings(outside.ADDRESS6, "-W 10"))


class Internal(Container):
    options = ("--network", "closed")

    @classmethod
    def setUpClass(cls):
        world.run("network", "create", "closed", "--internal")
        super().setUpClass()

    def test_nothing_leaves(self):
        place = json.loads(world.run("inspect", self.name))[0]["status"]["networks"][0]
        self.inside(f"ip -6 route add default via {place['gatewayV6']} dev eth0")
        for address in (outside.ADDRESS6, HOST6, HOST_GATEWAY6):
            self.assertFalse(self.pings(address, "-W 1"))


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter_namespace()
    world = World(f"{os.environ['HOLM_BUILD']}/bin/holm")
    link = make_link()
    bait = Bait()
    with world:
        resolver_file = f"{world.folder.name}/resolv.conf"
        use_resolver(outside.ADDRESS)
        do("mount", "--bind", resolver_file, os.path.realpath("/etc/resolv.conf"))
        good = unittest.main(verbosity=2, exit=False).result.wasSuccessful()
    link.communicate()
    sys.exit(not good)
