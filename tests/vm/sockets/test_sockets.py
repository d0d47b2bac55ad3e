"""A socket of the host that leads into a container, and the SSH agent that a container reaches."""
import os
import signal
import socket
import stat
import sys
import threading
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, wait_until  # noqa: E402

TOOL = sys.argv.pop(1)
MEBIBYTE = 1 << 20


def setUpModule():
    global house
    house = House()


def tearDownModule():
    house.__exit__(None)


def ask(path, data):
    """What the other end sends back of all that it was sent."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(120)
        client.connect(path)

        def feed():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        feeder = threading.Thread(target=feed)
        feeder.start()
        got = bytearray()
        while piece := client.recv(65536):
            got += piece
        feeder.join()
        return bytes(got)


class Published(unittest.TestCase):
    def setUp(self):
        self.path = f"{house.folder}/echo.sock"
        self.options = ["-v", f"{TOOL}:/tool:ro", "--publish-socket", f"{self.path}:/tmp/inner.sock"]

    def tearDown(self):
        for name in house.do("ls", "-aq").split():
            house.do("rm", "-f", name)
        self.assertFalse(os.path.exists(self.path), "a socket is left")

    def run_echo(self, name):
        house.do("run", "-d", "--name", name, *self.options, "busybox", "/tool", "echo", "/tmp/inner.sock")
        wait_until(lambda: "listening" in house.do("logs", name), "the server listens")

    def test_both_ways_whole_and_many(self):
        self.run_echo("one")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(ask(self.path, b"hello"), b"hello")
        big = os.urandom(4 * MEBIBYTE)
        self.assertEqual(ask(self.path, big), big)
        answers = [None] * 30

        def one(number):
            answers[number] = ask(self.path, b"%d" % number * 1000)
        threads = [threading.Thread(target=one, args=(number,)) for number in range(len(answers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [b"%d" % number * 1000 for number in range(len(answers))])
        self.assertIn(self.path, house.do("inspect", "one"))

    def test_nobody_inside_listens(self):
        house.do("run", "-d", "--name", "deaf", *self.options, "busybox", "sleep", "1000")
        self.assertEqual(ask(self.path, b""), b"")

    def test_paths_that_are_taken(self):
        self.run_echo("one")
        done = house.holm("run", "--rm", "--name", "two", *self.options, "busybox", "true", code=125)
        self.assertIn(f"somebody listens at {self.path} already", done.stderr)
        self.assertEqual(ask(self.path, b"still"), b"still")
        with open(f"{house.folder}/file", "w", encoding="utf-8"):
            pass
        done = house.holm("run", "--rm", "--publish-socket", f"{house.folder}/file:/x", "busybox", "true", code=125)
        self.assertIn(f"there is something else at {house.folder}/file", done.stderr)
        done = house.holm("run", "--rm", "--publish-socket", f"{'/long' * 30}:/x", "busybox", "true", code=125)
        self.assertIn("107 bytes", done.stderr)

    def test_a_killed_shim_leaves_room(self):
        self.run_echo("one")
        os.kill(house.shim(), signal.SIGKILL)
        wait_until(lambda: "exited" in house.do("ls", "-a") or "lost" in house.do("ls", "-a"), "the end is known")
        self.assertTrue(os.path.exists(self.path))
        house.do("start", "one")
        self.assertEqual(wait_until(lambda: ask(self.path, b"again"), "the server listens again"), b"again")


class Ssh(unittest.TestCase):
    def test_the_agent_is_reached(self):
        path = f"{house.folder}/agent.sock"
        with socket.socket(socket.AF_UNIX) as agent:
            agent.bind(path)
            agent.listen()
            agent.settimeout(120)

            def serve():
                for _ in range(2):
                    client, _ = agent.accept()
                    with client:
                        while piece := client.recv(65536):
                            client.sendall(piece.upper())
            server = threading.Thread(target=serve)
            server.start()
            script = "echo $SSH_AUTH_SOCK; echo first | /tool ask $SSH_AUTH_SOCK; echo second | /tool ask $SSH_AUTH_SOCK"
            before, house.environment["SSH_AUTH_SOCK"] = house.environment.get("SSH_AUTH_SOCK"), path
            try:
                done = house.holm("run", "--rm", "--ssh", "-u", "1000", "-v", f"{TOOL}:/tool:ro", "busybox", "sh", "-c", script,
                                  code=0)
            finally:
                del house.environment["SSH_AUTH_SOCK"]
                if before:
                    house.environment["SSH_AUTH_SOCK"] = before
            server.join()
        self.assertEqual(done.stdout, "/run/host-services/ssh-auth.sock\nFIRST\nSECOND\n")

    def test_there_is_none(self):
        house.environment.pop("SSH_AUTH_SOCK", None)
        done = house.holm("run", "--rm", "--ssh", "busybox", "true", code=125)
        self.assertIn("SSH_AUTH_SOCK is not set", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
