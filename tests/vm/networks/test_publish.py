"""Published ports, on the host's loopback: many at once, much at a time, ends and resets, and who has a port."""
import errno
import hashlib
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/bench")
from world import World  # noqa: E402

world = World(f"{os.environ['HOLM_BUILD']}/bin/holm")
SERVE = sys.argv.pop()
MANY, MUCH, FEW = 1000, 100 << 20, 400


def import_server():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(SERVE, "serve")
    path = f"{world.folder.name}/serve.tar"
    with open(path, "wb") as file:
        file.write(archive.getvalue())
    world.run("image", "import", "--change", 'CMD ["/serve"]', "--change", "EXPOSE 7/tcp 9/udp", path, "serve:latest")


def serve(name, *options, **more):
    world.run("run", "-d", "--name", name, "-c", "1", "-m", "256m", *options, "serve", **more)
    with subprocess.Popen([world.holm, "logs", "-f", name], env=world.environment, stdout=subprocess.PIPE) as logs:
        assert logs.stdout.readline() == b"serving\n"
        logs.kill()


def ports(name):
    return [(p["hostAddress"], p["hostPort"], p["containerPort"], p["protocol"])
            for p in json.loads(world.run("inspect", name))[0]["status"]["ports"]]


def connect(port, address="127.0.0.1"):
    return socket.create_connection((address, port), timeout=60)


def hear(connection):
    heard = bytearray()
    while piece := connection.recv(1 << 20):
        heard += piece
    return bytes(heard)


def speak(port, text=b"word", address="127.0.0.1"):
    with connect(port, address) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return hear(connection)


def heard_at_last(port, address="127.0.0.1"):
    """Until its network is there nobody listens, and until its program is there a connection is reset."""
    while True:
        try:
            return speak(port, address=address)
        except OSError as problem:  # what is reset before it is shut down is not connected any more
            if not isinstance(problem, ConnectionError) and problem.errno != errno.ENOTCONN:
                raise


class Publish(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        serve("web", "-p", "127.0.0.1::7", "-p", "[::1]::7", "-p", "127.0.0.1::9/udp", "-p", "[::1]::9/udp")
        cls.v4, cls.v6, cls.udp4, cls.udp6 = (p[1] for p in ports("web"))

    @classmethod
    def tearDownClass(cls):
        world.run("rm", "-f", *world.run("ls", "-a", "-q").split())

    def test_what_is_said(self):
        self.assertIn(f"127.0.0.1:{self.v4}->7", world.run("ls"))
        self.assertEqual(world.run("port", "web", "7").split(), [f"127.0.0.1:{self.v4}", f"[::1]:{self.v6}"])
        self.assertIn("not published", world.refused("port", "web", "8"))

    def test_half_closed_and_reset(self):
        for port, address in ((self.v4, "127.0.0.1"), (self.v6, "::1")):
            self.assertEqual(speak(port, address=address), b"wordend")
            with connect(port, address) as connection:  # reset by the guest
                connection.sendall(b"reset\n")
                self.assertRaises(ConnectionResetError, hear, connection)
            with connect(port, address) as connection:  # and by the client
                connection.sendall(b"wait\n")
                self.assertEqual(connection.recv(100), b"waiting")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            heard = b""
            while heard != b"Connection reset by peerend":  # it takes its way
                heard = speak(port, b"last\n", address)
                self.assertIn(heard, (b"nothingend", b"Connection reset by peerend"))

    def test_datagrams(self):
        gateway = json.loads(world.run("inspect", "web"))[0]["status"]["networks"][0]["gateway"]
        for family, address, port in ((socket.AF_INET, "127.0.0.1", self.udp4), (socket.AF_INET6, "::1", self.udp6)):
            clients = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(3)]
            for number, client in enumerate(clients):
                client.settimeout(60)
                client.connect((address, port))
                client.send(b"%d" % number)
            for number, client in enumerate(clients):
                self.assertEqual(client.recv(100).decode(), f"from {gateway} {number}")
                client.close()

    def test_many_at_once(self):
        clients = [connect(self.v4) for _ in range(MANY)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.recv(100), b"%d" % number)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            self.assertEqual(hear(client), b"end")
            client.close()

    def test_much_both_ways(self):
        block, sent = os.urandom(1 << 20), hashlib.sha256()
        with connect(self.v4) as connection:
            def send():
                for number in range(MUCH >> 20):
                    piece = struct.pack("<I", number) + block[4:]
                    sent.update(piece)
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            heard = hear(connection)
            sender.join()
        self.assertEqual((len(heard), heard[-3:]), (MUCH + 3, b"end"))
        self.assertEqual(hashlib.sha256(heard[:-3]).digest(), sent.digest())


class Life(unittest.TestCase):
    def tearDown(self):
        names = world.run("ls", "-a", "-q").split()
        if names:
            world.run("rm", "-f", *names)

    def test_who_has_it(self):
        serve("first", "-P")
        ((address, port, inner, protocol), (_, udp, _, _)) = ports("first")
        self.assertEqual((address, inner, protocol), ("0.0.0.0", 7, "tcp"))
        world.run("create", "--name", "second", "-c", "1", "-m", "128m", "-p", f"{port}:7", "serve")
        self.assertIn("in use by the container first", world.refused("start", "second"))
        with socket.create_server(("127.0.0.1", 0)) as other:
            mine = other.getsockname()[1]
            error = world.refused("run", "-c", "1", "-m", "128m", "-p", f"127.0.0.1:{mine}:7", "serve")
            self.assertIn(f"(process {os.getpid()})", error)
        world.run("stop", "first")  # its ports are free with its end
        world.run("start", "second")
        self.assertEqual(ports("second")[0][1], port)

    def test_ports_stay(self):
        serve("web", "-p", "127.0.0.1::7", "-p", "[::1]:0:7")
        before = ports("web")
        process = next(pid for pid, name in world.processes() if name == "holm-net")
        gone = os.pidfd_open(process)
        os.kill(process, signal.SIGKILL)
        select.select([gone], [], [])
        os.close(gone)
        # The shim is told of the loss by the kernel, and takes its place again.
        self.assertEqual(heard_at_last(before[0][1]), b"wordend")
        self.assertEqual(ports("web"), before)
        world.run("restart", "web")
        self.assertEqual(ports("web"), before)
        world.run("stop", "web")
        self.assertRaises(ConnectionRefusedError, connect, before[0][1])

    def test_live(self):
        """Ports of a running container come and go, and no other connection notices; then of one at rest."""
        serve("web")
        first = int(world.run("port", "add", "web", "127.0.0.1::7").removeprefix("7/tcp -> 127.0.0.1:"))
        self.assertEqual(speak(first), b"wordend")
        with connect(first) as held:
            lines = world.run("port", "add", "web", "[::1]::7", "127.0.0.1::9/udp").splitlines()
            self.assertEqual([line.rsplit(":", 1)[0] for line in lines], ["7/tcp -> [::1]", "9/udp -> 127.0.0.1"])
            before = ports("web")
            self.assertEqual([p[:1] + p[2:] for p in before],
                             [("127.0.0.1", 7, "tcp"), ("::1", 7, "tcp"), ("127.0.0.1", 9, "udp")])
            self.assertEqual(speak(before[1][1], address="::1"), b"wordend")
            with socket.create_server(("127.0.0.1", 0)) as other:
                mine = other.getsockname()[1]
                self.assertIn(f"the port {mine} of 127.0.0.1 is in use by ",
                              world.refused("port", "add", "web", "127.0.0.1::7", f"127.0.0.1:{mine}:7"))
            self.assertIn("published twice", world.refused("port", "add", "web", f"127.0.0.1:{first}:7", f"127.0.0.1:{first}:8"))
            if os.getuid():
                self.assertIn("ip_unprivileged_port_start", world.refused("port", "add", "web", "127.0.0.1:80:7"))
            self.assertIn("not published", world.refused("port", "rm", "web", "8"))
            self.assertIn("not published so", world.refused("port", "rm", "web", "1:7"))
            self.assertEqual(ports("web"), before)  # nothing of what failed
            self.assertEqual(world.run("port", "add", "web", "127.0.0.1::1000-1999/udp").count("\n"), 1000)
            self.assertIn("can publish 1024 ports", world.refused("port", "add", "web", "1-100"))
            world.run("port", "rm", "web", "1000-1999/udp")
            self.assertEqual(ports("web"), before)
            world.run("port", "rm", "web", f"[::1]:{before[1][1]}:7")
            self.assertRaises(ConnectionRefusedError, connect, before[1][1], "::1")
            held.sendall(b"still")
            self.assertEqual(held.recv(100), b"still")
            world.run("port", "rm", "web", "7")
            self.assertEqual(held.recv(100), b"")  # its connections end with it
        self.assertRaises(ConnectionRefusedError, connect, first)
        self.assertEqual(ports("web"), before[2:])
        world.run("restart", "web")
        self.assertEqual(ports("web"), before[2:])
        world.run("stop", "web")
        self.assertEqual(world.run("port", "add", "web", f"127.0.0.1:{first}:7"), "")
        world.run("port", "rm", "web", "9/udp")
        with open(f"{os.environ['HOLM_SOURCE']}/tests/vm/faults.list") as file:
            faults = [name for name in file.read().split() if name.startswith("publish.")]
        self.assertEqual(len(faults), 2)
        for number, fault in enumerate(faults, 1):  # the shim is killed at a step: the next start knows
            subprocess.run([world.holm, "start", "web"], env={**world.environment, "HOLM_FAULT": fault}, check=True,
                           stdout=subprocess.DEVNULL)
            self.assertEqual(world.run("port", "add", "web", "127.0.0.1::7"), "")
            world.run("start", "web")
            self.assertEqual([p[:1] + p[2:] for p in ports("web")], [("127.0.0.1", 7, "tcp")] * (number + 1))
            self.assertEqual(heard_at_last(ports("web")[-1][1]), b"wordend")
            world.run("stop", "web")
        actions = [json.loads(line)["action"] for line in
                   world.run("events", "--since", "10m", "--until", "0s", "--format", "json").splitlines()]
        self.assertEqual([actions.count(a) for a in ("publish", "unpublish")], [4, 4])

    def test_few_descriptors(self):
        """Who comes when holm-net has hardly any left is refused at once, and what it has goes on."""
        world.run("network", "create", "few")
        serve("web", "--network", "few", "-p", "[::1]::7",
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW)))
        port, clients, refused = ports("web")[0][1], [], 0
        for _ in range(FEW):
            clients.append(connect(port, "::1"))
            try:
                clients[-1].sendall(b"word")
                refused += clients[-1].recv(100) != b"word"
            except OSError as problem:
                self.assertIn(problem.errno, (errno.ECONNRESET, errno.EPIPE))
                refused += 1
        self.assertGreater(refused, 100)
        clients[0].sendall(b"still")
        self.assertEqual(clients[0].recv(100), b"still")
        for client in clients:
            client.close()
        while heard_at_last(port, "::1") != b"wordend":
            continue  # they have not all ended yet
        world.run("rm", "-f", "web")
        world.run("network", "rm", "few")

    def test_what_cannot_be(self):
        world.run("network", "create", "inside", "--internal")
        for word, options in (("same length", ["-p", "1-2:3"]), ("it needs [ADDRESS", ["-p", "a:1"]), ("it needs [ADDRESS", ["-p", "0"]),
                              ("it needs [ADDRESS", ["-p", "1:2/sctp"]), ("no address", ["-p", "300.1.1.1:1:2"]),
                              ("twice", ["-p", "81:1", "-p", "81:2"]),
                              ("without a network", ["--network", "none", "-p", "1"]),
                              ("internal", ["--network", "inside", "-p", "1"])):
            self.assertIn(word, world.refused("run", "-c", "1", "-m", "128m", *options, "serve") or "", options)


if __name__ == "__main__":
    with world:
        import_server()
        unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
