"""Networks with the driver bridge, in a network namespace of the test's own: what the host reaches, what members reach, who
is kept from whom, and what is left of it at the end."""
import contextlib
import glob
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from members import SERVER, heard, inside, places, world

SKIP = 77
if "HOLM_TEST_NAMESPACE" not in os.environ:  # again, in a namespace with the rights that a bridge needs
    words = ["unshare", "--net", *(["--map-root-user"] if os.getuid() else []), "--mount"]
    if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no network namespace can be had here")
        sys.exit(SKIP)
    os.execvpe("unshare", [*words, sys.executable, "-B", *sys.argv], {**os.environ, "HOLM_TEST_NAMESPACE": "1"})

DATAGRAMS, SEEN, SERVE, SPOOF = (sys.argv.pop() for _ in range(4))
HOST4, HOST6 = "169.254.1.2", "fec0::a9fe:102"
SUBNET, SUBNET6 = "10.99.0.0/24", "fd12:3456:789a::/64"
BACK = ("network", "create", "back", "--driver", "bridge", "--subnet", SUBNET, "--subnet-v6", SUBNET6)
OUTSIDE, OUTSIDE6 = "192.0.2.", "2001:db8::"


def do(*words, **more):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def start(name, network, *command, options=(), environment=None):
    world.run("run", "-d", "--name", name, "--privileged", "--network", network, "-c", "1", "-m", "128m", *options, "busybox",
              *(command or ("sleep", "1000"))) if not environment else subprocess.run(
        [world.holm, "run", "-d", "--name", name, "--network", network, "-c", "1", "-m", "128m", *options, "busybox",
         *(command or ("sleep", "1000"))], env=environment, check=True, stdout=subprocess.DEVNULL)
    return places(name)[0]


def give(name, path, program):
    with open(path, "rb") as file:
        subprocess.run([world.holm, "exec", "-i", name, "sh", "-c", f"cat >/bin/{program}; chmod +x /bin/{program}"],
                       stdin=file, env=world.environment, check=True)


def reach(address, port=80, wait=60):
    """From the host. A program that does not listen yet refuses."""
    while True:
        try:
            return socket.create_connection((address, port), timeout=wait)
        except ConnectionRefusedError:
            continue


def hear(address, port=80, wait=60):
    try:
        with reach(address, port, wait) as connection:
            return connection.recv(100)
    except OSError:  # too late, or there is no such network right now
        return None


def tables():
    return [line.split()[1:] for line in do("nft", "list", "tables").splitlines()]


def rules(name):
    """In any order: members may have come in another one. None: there are not both of its tables."""
    done = [subprocess.run(["nft", "list", "table", family, name], capture_output=True, text=True) for family in ("bridge", "inet")]
    return None if any(one.returncode for one in done) else sorted((done[0].stdout + done[1].stdout).splitlines())


def cards(bridge=None):
    """Bridges and taps of holm; or what is on that bridge, "" on none."""
    return [link["ifname"] for link in json.loads(do("ip", "-j", "link")) if link["ifname"].startswith("holm")
            and bridge in (None, link.get("master", ""))]


def bridge_of(gateway):
    links = json.loads(do("ip", "-j", "addr"))
    return next(link["ifname"] for link in links if any(one["local"] == gateway for one in link["addr_info"]))


def ended(connection):
    """What it says until then."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while came := connection.recv(100):
            said += came
    connection.close()
    return said


def networks():
    return [pid for pid, name in world.processes() if name == "holm-net"]


def network_of(name):
    def words(process):
        with open(f"/proc/{process}/cmdline") as file:
            return file.read().split("\0")
    return next(process for process in networks() if words(process)[1] == name)


def counted(network):
    """What its process has counted of each member: {name: (bytes to it, from it)}. Asked by an independent client."""
    import grpc
    made = f"{world.folder.name}/proto"
    if not os.path.isdir(made):
        os.mkdir(made)
        do("/usr/bin/python3", "-m", "grpc_tools.protoc", "-I", f"{os.environ['HOLM_SOURCE']}/core/network", f"--python_out={made}",
           f"--grpc_python_out={made}", "network.proto")
        sys.path.insert(0, made)
    import network_pb2
    import network_pb2_grpc
    path, = glob.glob(f"{world.folder.name}/r/holm/n/{network}-*/net.sock")
    with grpc.insecure_channel(f"unix:{path}", options=[("grpc.http2.bdp_probe", 0)]) as channel:
        answer = network_pb2_grpc.NetworkStub(channel).Members(network_pb2.Empty(), timeout=60)
    for member in answer.members:
        place, = places(member.names[0])
        assert list(member.addresses) == [place["address"], place["addressV6"]], member
    return {member.names[0]: (member.rx_bytes, member.tx_bytes) for member in answer.members}


def wait_end(process, kill=False):
    gone = os.pidfd_open(process)
    if kill:
        os.kill(process, signal.SIGKILL)
    select.select([gone], [], [])
    os.close(gone)


CLIENT = """import select, socket, sys
address, port, own, kind = sys.argv[1:]
one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind(("", int(own)))
one.connect((address, int(port)))
print(one.getsockname()[1])
while kind == "udp":
    try:
        one.send(b"who")  # until there is somebody
        if select.select([one], [], [], 1)[0]:
            print(one.recv(100).decode(), end="")
            sys.stdin.readline()
    except ConnectionRefusedError:
        continue
while True:
    try:
        came = one.recv(100)
    except ConnectionResetError:
        came = b""
    print(came.decode(), end="")
    if not came:
        break
    try:
        one.sendall(sys.stdin.readline().encode())
    except (BrokenPipeError, ConnectionResetError):
        break
"""


class Client(subprocess.Popen):
    def __init__(self, words):
        super().__init__(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.stdout.readline())

    def hear(self):
        return self.stdout.readline().strip()

    def say(self, text):
        self.stdin.write(text + "\n")
        self.stdin.flush()

    def __exit__(self, *problem):
        self.kill()
        super().__exit__(*problem)


class Outside:
    """Another machine, behind the host: a namespace that is joined to ours by a cable."""

    def __enter__(self):
        self.life = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        self.life.stdout.readline()
        do("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(self.life.pid))
        for number, words in ((1, ()), (2, self.within())):
            do(*words, "ip", "link", "set", "cable", "up")
            do(*words, "ip", "addr", "add", f"{OUTSIDE}{number}/24", "dev", "cable")
            do(*words, "ip", "addr", "add", f"{OUTSIDE6}{number}/64", "dev", "cable", "nodad")
        do(*self.within(), "ip", "route", "add", SUBNET, "via", f"{OUTSIDE}1")
        do(*self.within(), "ip", "route", "add", SUBNET6, "via", f"{OUTSIDE6}1")
        return self

    def __exit__(self, *_):
        self.life.communicate()
        subprocess.run(["ip", "link", "del", "cable"], stderr=subprocess.DEVNULL)

    def within(self):
        return ("nsenter", "--net", "--target", str(self.life.pid))

    def hear(self, address, port=80, wait=60):
        code = ("import socket, sys\n"
                "try: print(socket.create_connection(sys.argv[1:3], int(sys.argv[3])).recv(100).decode(), end='')\n"
                "except TimeoutError: pass")
        return do(*self.within(), sys.executable, "-c", code, address, str(port), str(wait))

    def client(self, address, port, own=0, udp=False):
        """A socket there that is connected to here, by a process of its own; what it says comes by lines, b"" is its end."""
        return Client([*self.within(), sys.executable, "-uc", CLIENT, address, str(port), str(own), "udp" if udp else "tcp"])

    def serve(self, address):
        """Says to each client where it comes from."""
        code = ("import socket, sys\n"
                "server = socket.create_server((sys.argv[1], 80), family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
                "print(flush=True)\n"
                "while True:\n"
                "    client, address = server.accept()\n"
                "    client.sendall(address[0].encode() + b'\\n')\n"
                "    client.close()")
        server = subprocess.Popen([*self.within(), sys.executable, "-c", code, address], stdout=subprocess.PIPE)
        server.stdout.readline()
        return server


class Loopback:
    """What listens on the host: on each of its loopbacks, at a port of its own, and notes who comes."""

    def __enter__(self):
        self.came, self.ports = [], {}
        self.held = socket.create_server(("127.0.0.1", 0))
        self.sockets = [self.held]
        for address, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            self.sockets.append(socket.create_server((address, 0), family=family))
            self.ports[address] = self.sockets[-1].getsockname()[1]
            threading.Thread(target=self.serve, args=(self.sockets[-1],), daemon=True).start()
        return self

    def serve(self, server):
        with contextlib.suppress(OSError):
            while True:
                client, address = server.accept()
                self.came.append(address)
                client.sendall(b"caught\n")
                client.close()

    def __exit__(self, *_):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Echo:
    """Five datagrams, sent back."""

    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(60)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        for _ in range(5):
            self.socket.sendto(*self.socket.recvfrom(2000))

    def __exit__(self, *_):
        self.thread.join()
        self.socket.close()


class Bridge(unittest.TestCase):
    def setUp(self):
        world.run(*BACK)

    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)
        world.run("network", "prune")

    @classmethod
    def tearDownClass(cls):
        """Each process of a network ends when it has had no members for a while, and takes with it what it has made."""
        for process in networks():
            wait_end(process)
        assert (tables(), cards()) == ([], []), (tables(), cards())

    def test_what_is_said(self):
        self.assertIn(" bridge ", world.run("network", "ls"))
        kinds = {name: json.loads(world.run("network", "inspect", name))[0]["configuration"]["driver"]
                 for name in ("back", "default")}
        self.assertEqual(kinds, {"back": "bridge", "default": "user"})
        self.assertIn("user or bridge", world.refused("network", "create", "other", "--driver", "nat"))
        without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", world.holm, "network", "create",
                   "other", "--driver", "bridge"]
        done = subprocess.run(without, env=world.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 125)
        self.assertIn("CAP_NET_ADMIN", done.stderr)
        hidden = ["unshare", "--mount", "sh", "-c", 'for at in /usr/sbin/nft /sbin/nft; do mount --bind /dev/null $at; done; '
                  'exec "$@"', "sh", *without[5:]]
        done = subprocess.run(hidden, env=world.environment, capture_output=True, text=True)
        self.assertIn("install nftables", done.stderr)
        self.assertNotIn("other", world.run("network", "ls"))

    def test_who_reaches_whom(self):
        server = start("server", "back,alias=store", "sh", "-c", SERVER)
        start("near", "back")
        world.run("network", "create", "side", "--driver", "bridge", "--internal")
        world.run("network", "create", "front")
        far, other = start("far", "side", "sh", "-c", SERVER), start("other", "front")
        for address in (server["address"], server["addressV6"]):
            self.assertEqual(hear(address), b"word\n")  # the host, by address
            self.assertEqual(heard("near", address), "word\n")
            self.assertEqual(heard("other", address, 2), "")
            self.assertEqual(heard("far", address, 2), "")
        self.assertEqual(heard("near", far["address"], 2), "")
        self.assertEqual(hear(far["address"]), b"word\n")  # an internal one, too
        for name in ("server", "STORE.back"):
            self.assertEqual(heard("near", name), "word\n")
        self.assertIn("server.back", inside("near", f"nslookup {server['addressV6']}"))
        self.assertIn("NXDOMAIN", inside("far", "nslookup nobody.side"))
        # Of the host there are echo and the resolver.
        self.assertIn("1 packets received", inside("near", f"ping -c 1 -W 20 {server['gateway']}"))
        self.assertIn("1 packets received", inside("near", f"ping -c 1 -W 20 {server['gatewayV6']}"))
        with socket.create_server(("0.0.0.0", 0)) as own:
            port = own.getsockname()[1]
            for address in (server["gateway"], "127.0.0.1", far["gateway"]):
                inside("near", f"nc -w 2 {address} {port}")
            self.assertEqual(select.select([own], [], [], 0)[0], [])
        # A second card while it runs, and the first one gone.
        world.run("network", "connect", "side", "near")
        self.assertEqual(heard("near", far["address"]), "word\n")
        world.run("network", "disconnect", "back", "near")
        self.assertEqual(heard("near", far["address"]), "word\n")
        self.assertEqual(heard("near", server["address"], 2), "")

    def test_outside(self):
        server = start("server", "back", "sh", "-c", SERVER, options=("-p", "80:80", "-p", "[::1]:81:80", "-p", "9:9/udp"))
        inner = start("inner", "back")
        give("server", SERVE, "serve")
        world.run("exec", "-d", "server", "serve")
        with Outside() as outside:
            for own, answer in ((f"{OUTSIDE}2", f"{OUTSIDE}1"), (f"{OUTSIDE6}2", f"{OUTSIDE6}1")):
                other = outside.serve(own)
                self.assertEqual(heard("inner", own), f"{answer}\n")
                other.kill()
                other.wait()
                other.stdout.close()
            # From there to here only by what is published.
            for address in (server["address"], server["addressV6"], inner["address"]):
                self.assertEqual(outside.hear(address, wait=2), "")
            self.assertEqual(outside.hear(f"{OUTSIDE}1"), "word\n")
            self.assertEqual(hear("127.0.0.1"), b"word\n")
            self.assertEqual(hear("::1", 81), b"word\n")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(("127.0.0.1", 9))
                client.send(b"me")  # what comes before there is a server is lost
                while not select.select([client], [], [], 1)[0]:
                    client.send(b"me")
                self.assertEqual(client.recv(100).decode(), f"from {server['gateway']} me")
            world.run("port", "rm", "server", "80:80")
            self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", 80))

    def test_clients_of_published_ports(self):
        """A container sees who they are, also of IPv6 where it listens there; else it sees the gateway."""
        ports = ("-p", "70:70", "-p", "90:90/udp", "-p", "[::]:70:70", "-p", "[::]:90:90/udp")
        both = start("both", "back", options=ports)
        give("both", SEEN, "seen")
        world.run("exec", "-d", "both", "seen", "6")
        with Outside() as outside:
            self.meet(outside, f"{OUTSIDE}1", f"::ffff:{OUTSIDE}2")
            self.meet(outside, f"{OUTSIDE6}1", f"{OUTSIDE6}2")
            # From the host itself, by its loopback and by the address that others take.
            for address, seen in (("127.0.0.1", f"::ffff:{both['gateway']}"), (f"{OUTSIDE}1", f"::ffff:{OUTSIDE}1"),
                                  ("::1", both["gatewayV6"])):
                self.assertEqual(hear(address, 70).decode().rpartition(":")[0], f"from {seen}")
            # The same client as of two ports at once is two clients, whom nobody takes for one.
            world.run("port", "add", "both", "71:70")
            with outside.client(f"{OUTSIDE}1", 70, own=5000) as one, outside.client(f"{OUTSIDE}1", 71, own=5000) as other:
                self.assertEqual(one.hear(), f"from ::ffff:{OUTSIDE}2:5000")
                self.assertRegex(other.hear(), f"^from ::ffff:{OUTSIDE}2:(?!5000$)")
                world.run("port", "rm", "both", "71:70")  # ends what came by it, and nothing else
                other.say("still")
                self.assertEqual(other.hear(), "")
                one.say("still")
                self.assertEqual(one.hear(), "still")
            world.run("rm", "-f", "both")
            alone = start("alone", "back", options=ports)
            give("alone", SEEN, "seen")
            world.run("exec", "-d", "alone", "seen")
            self.meet(outside, f"{OUTSIDE}1", f"{OUTSIDE}2")
            self.meet(outside, f"{OUTSIDE6}1", alone["gateway"], keeps_port=False)

    def meet(self, outside, address, seen, keeps_port=True):
        for port, udp in ((70, False), (90, True)):
            while True:  # until the server listens
                with outside.client(address, port, udp=udp) as client:
                    said = client.hear()
                    if said:
                        break
            self.assertEqual(said.rpartition(":")[0], f"from {seen}", (address, udp))
            if keeps_port:
                self.assertEqual(said.rpartition(":")[2], str(client.port))

    def test_host_gateway(self):
        """Who is given the host's loopback reaches it by its name; by nothing else, and no other does."""
        granted = start("granted", "back", options=("--add-host", "here:host-gateway", "-p", "127.0.0.1:90:90"))
        start("other", "back")
        give("granted", DATAGRAMS, "datagrams")
        with Loopback() as host:
            self.assertEqual(inside("granted", "grep -c here /etc/hosts"), "2\n")
            # Of the two loopbacks the one that listens.
            for address in ("here", HOST4, HOST6):
                for port in host.ports.values():
                    self.assertEqual(inside("granted", f"nc -w 20 {address} {port}"), "caught\n", address)
                self.assertEqual(inside("granted", f"nc -w 20 {address} 9 2>/dev/null; echo over"), "over\n")
            self.assertEqual(len(host.came), 6)
            for address in (HOST4, HOST6):
                self.assertIn("1 packets received", inside("granted", f"ping -c 1 -W 20 {address}"))
            for family, loopback, address in ((socket.AF_INET, "127.0.0.1", HOST4), (socket.AF_INET6, "::1", HOST6)):
                with Echo(family, loopback) as echo:
                    self.assertEqual(inside("granted", f"datagrams {address} {echo.port} 1400 5"), "5\n")
            # Nobody else, nothing else, and not by the ways in that are behind the rules.
            doors = re.findall(r"dnat ip6? to (?:\[.*\]|[0-9.]*):([0-9]+)", "\n".join(rules(bridge_of(granted["gateway"]))))
            self.assertEqual(len(doors), 4)
            addresses = ("127.0.0.1", "0.0.0.0", granted["gateway"], granted["gatewayV6"], "169.254.1.1", "fec0::2", "::1")
            tries = [f"nc -w 1 {address} {port}" for address in addresses for port in host.ports.values()]
            tries += [f"nc -w 1 {address} {port}" for address in (granted["gateway"], granted["gatewayV6"]) for port in doors]
            for name, more in (("granted", []), ("other", [f"nc -w 1 {address} {port}" for address in (HOST4, HOST6)
                                                           for port in host.ports.values()])):
                self.assertNotIn("caught", inside(name, " & ".join(tries + more) + " & wait"))
            for address in (granted["gateway"], granted["gatewayV6"]):
                for port in doors:
                    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=20) as own:
                        self.assertEqual(own.recv(100), b"")
            self.assertEqual(len(host.came), 6)
            # Round by the host, to itself.
            self.assertEqual(inside("granted", "nc -l -p 90 -e echo round & "
                                                       "while ! nc -w 2 here 90 2>/dev/null | grep round; do :; done"), "round\n")
            # Its connections end with it, and who has its address next has no claim.
            world.run("exec", "-d", "granted", "nc", HOST4, str(host.held.getsockname()[1]))
            held = host.held.accept()[0]
            world.run("rm", "-f", "granted")
            self.assertEqual(ended(held), b"")
            start("granted", f"back,ip={granted['address']},ip6={granted['addressV6']}")
            self.assertNotIn("caught", inside("granted", f"nc -w 2 {HOST4} {host.ports['127.0.0.1']}"))
            self.assertEqual(len(host.came), 6)
        # An internal network leads there as little as to anywhere else.
        world.run("network", "create", "side", "--driver", "bridge", "--internal")
        start("inner", "side", options=("--add-host", "here:host-gateway"))
        self.assertEqual(inside("inner", "grep -c here /etc/hosts"), "0\n")

    def test_counters(self):
        server = start("server", "back", "sh", "-c", "exec nc -ll -p 80 -e wc -c")
        start("near", "back")
        sent = 3_000_000
        with reach(server["address"]) as client:
            client.sendall(bytes(sent))
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(100), f"{sent}\n".encode())
        received, told = counted("back")["server"]
        self.assertTrue(sent < received < 1.1 * sent, received)
        self.assertTrue(0 < told < sent / 10, told)
        card = [int(inside("server", f"cat /sys/class/net/eth0/statistics/{way}_bytes")) for way in ("rx", "tx")]
        self.assertLess(abs(card[0] - received) + abs(card[1] - told), sent / 50)
        self.assertLess(sum(counted("back")["near"]), sent / 10)

    def echoes(self, name, family=""):
        text = inside(name, f"cat /proc/net/snmp{family}")
        if family:
            return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Icmp6InEchos ")))
        titles, values = [line.split() for line in text.splitlines() if line.startswith("Icmp:")]
        return int(values[titles.index("InEchos")])

    def test_nobody_speaks_for_another(self):
        victim = start("victim", "back", "sh", "-c", SERVER)
        other, rogue = start("other", "back"), start("rogue", "back")
        give("rogue", SPOOF, "spoof")
        own = inside("rogue", "ip -6 addr show dev eth0 scope link").split("inet6 ")[1].split("/")[0]
        lies = [("route", own, "fd99::"), ("route", rogue["addressV6"], "fd99::"), ("route", other["gatewayV6"], "fd99::"),
                ("redirect", other["gatewayV6"], "2001:db8::1"), ("redirect", own, "2001:db8::1"),
                ("advertise", own, victim["addressV6"]), ("advertise", victim["addressV6"], victim["addressV6"]),
                ("advertise", own, other["gatewayV6"]), ("echo", victim["addressV6"], "::"), ("echo", "fe80::1", "::")]
        self.assertEqual(heard("other", victim["addressV6"]) + heard("other", victim["address"]), "word\nword\n")
        before = self.echoes("other"), self.echoes("other", "6")
        for kind, source, about in lies:
            self.assertEqual(inside("rogue", f"spoof eth0 {kind} {source} {about}"), "")
        self.assertEqual(inside("rogue", f"spoof eth0 echo {rogue['addressV6']} ::"), "")
        # The same in IPv4, and with another card's MAC; what it may say comes behind.
        inside("rogue", f"ip addr add {victim['address']}/32 dev eth0; arping -U -c 2 -I eth0 {victim['address']}; "
               f"ping -c 1 -W 1 -I {victim['address']} {other['address']}; ip addr del {victim['address']}/32 dev eth0")
        self.assertIn("1 packets received", inside("rogue", f"ping -c 1 -W 20 {other['address']}"))
        self.assertEqual((self.echoes("other"), self.echoes("other", "6")), (before[0] + 1, before[1] + 1))
        inside("rogue", f"ip link set eth0 down; ip link set eth0 address {victim['mac']}; ip link set eth0 up")
        self.assertIn(" 0 packets received", inside("rogue", f"ping -c 1 -W 1 {other['address']}"))
        counts = inside("other", "grep -E 'InRouterAdv|InRedirects' /proc/net/snmp6").split()[1::2]
        self.assertEqual(counts, ["0", "0"])
        self.assertNotIn("fd99:", inside("other", "ip -6 addr; ip -6 route"))
        self.assertEqual(heard("other", victim["addressV6"]) + heard("other", victim["address"]), "word\nword\n")
        self.assertEqual(hear(victim["address"]), b"word\n")
        world.run("rm", "-f", "victim")  # its addresses with another card are found at once
        start("again", f"back,ip={victim['address']},ip6={victim['addressV6']}", "sh", "-c", SERVER)
        self.assertEqual(hear(victim["address"], wait=10), b"word\n")
        self.assertEqual(heard("other", victim["address"], 10), "word\n")

    def test_lost(self):
        """holm-net killed: its members are there again. Killed without members: what it left goes with the network."""
        server = start("server", "back", "sh", "-c", "exec nc -ll -p 80 -e cat", options=("-p", "127.0.0.1:80:80"))
        start("near", "back", "sh", "-c", "exec nc -ll -p 80 -e echo word", options=("--add-host", "here:host-gateway"))
        with socket.create_connection((server["address"], 80), timeout=60) as held, Loopback() as host:
            wait_end(network_of("back"), kill=True)
            while hear(places("near")[0]["address"], wait=1) != b"word\n":
                continue
            held.sendall(b"still\n")
            self.assertEqual(held.recv(100), b"still\n")
            # The rules of all are gone: they are there again, those of the members too.
            name, = {link["master"] for link in json.loads(do("ip", "-j", "link")) if "master" in link}
            before = rules(name)
            do("nft", "flush", "ruleset")
            deadline = time.monotonic() + 60
            while rules(name) != before:
                self.assertLess(time.monotonic(), deadline, "the rules are not there again")
            held.sendall(b"on\n")
            self.assertEqual(held.recv(100), b"on\n")
            self.assertEqual(inside("near", f"nc -w 20 here {host.ports['127.0.0.1']}"), "caught\n")
        pid = next(pid for pid, name in world.processes() if name == "holm-shim")
        taps = [card for card in cards() if "-" not in card]
        self.assertEqual(len(taps), 2)
        wait_end(pid, kill=True)
        deadline = time.monotonic() + 60  # its machine and its helper end a moment after it
        while len([card for card in cards() if card in taps]) != 1:
            self.assertLess(time.monotonic(), deadline, "the tap of a shim that is gone is still there")
        world.run("rm", "-f", "server", "near")
        wait_end(network_of("back"), kill=True)
        self.assertIn(["inet", name], tables())
        world.run("network", "rm", "back")
        self.assertNotIn(name, str(tables()) + str(cards()))

    def test_clone_and_spare(self):
        start("first", "back")
        world.wait_templates()
        second = start("second", "back", "sh", "-c", SERVER)
        with open(f"{world.folder.name}/d/holm/containers/{json.loads(world.run('inspect', 'second'))[0]['id']}/log/shim.log") as file:
            self.assertNotIn("boots", file.read())
        self.assertEqual(hear(second["address"]), b"word\n")
        start("third", "back", environment=world.pooled)
        world.wait_spare()
        waiting = cards("")
        fourth = start("fourth", "back", "sh", "-c", SERVER, environment=world.pooled)
        self.assertEqual(hear(fourth["address"]), b"word\n")
        self.assertEqual(heard("first", "fourth"), "word\n")
        bridge = next(card for card in waiting if "-" in card)
        self.assertTrue(set(waiting) & set(cards(bridge)), "no card of the spare is on the bridge")


if __name__ == "__main__":
    do("ip", "link", "set", "lo", "up")
    with world:
        refused = world.refused(*BACK)
        if refused:
            print("skipped: this machine has no networks with the driver bridge:", refused)
            sys.exit(SKIP)
        world.run("network", "rm", "back")
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
