"""A guest that has turned against its host, one attack after the other. Its shim lives on or ends its own container, says
why, and takes neither memory nor time nor disk without bound. A neighbour notices nothing."""
import glob
import os
import re
import sys
import threading
import time
import unittest

SOURCE = os.environ["HOLM_SOURCE"]
sys.path[:0] = [f"{SOURCE}/tests/vm/cli", f"{SOURCE}/tests/bench"]
from bare import cpio_with_init  # noqa: E402
from house import BUILD, House, read, wait_until  # noqa: E402

# Those that break the protocol end at once, and what the shim says of each. The others may go on for ever, and are watched
# for a while: their states after that.
LOST = "the connection is lost"
ENDS = {"garbage": LOST, "hang-up": LOST, "pings": LOST, "settings": LOST, "window": LOST, "promise": LOST, "strangers": LOST,
        "headers": "call Prepare: internal error", "length": "over the bound of 4 MiB",
        "compressed": "compressed messages are not supported", "answers": "more than one answer",
        "protobuf": "a message that cannot be decoded"}
GO_ON = {"log": "running", "output": "exited", "dial": "exited", "console": "starting", "rings": "starting"}
OVER = {"output": ("vm-lost", "was stopped"), "dial": ("start-failed", LOST)}
# What holm says of each archive that it is sent as a copy.
COPIES = ("the name leads out", "a symbolic link on the way", "more than was asked for", "a symbolic link on the way",
          "more than was asked for", "left out: 2 devices or pipes", "the archive is damaged")
WATCH_SECONDS = 6
SHIM_MEMORY = 48 * 1024  # kilobytes of its own


def cpio_with_attack(name):
    """The hostile agent as PID 1, and the file that tells it what to do."""
    with open(f"{BUILD}/tests/vm/hostile/hostile_agent", "rb") as program:
        archive = cpio_with_init(program.read())
    head = "070701" + "".join("%08x" % value for value in (1, 0o100644, 0, 0, 1, 0, len(name), 0, 0, 0, 0, 7, 0))
    entry = head.encode() + b"attack\0" + b"\0" * (-(110 + 7) % 4) + name.encode() + b"\0" * (-len(name) % 4)
    return entry + archive


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House(HOLM_TEMPLATE_MAKER="/bin/false")
        cls.house.do("run", "-d", "--name", "neighbour", "busybox", "sleep", "1000")
        cls.before = cls.outside()

    @classmethod
    def tearDownClass(cls):
        cls.house.__exit__(None)

    @classmethod
    def outside(cls):
        """What a container's shim has no business with."""
        return {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{cls.house.data}/images/**", recursive=True) +
                glob.glob(f"{cls.house.data}/layers/*") + glob.glob(f"{cls.house.folder}/h/*")}

    def begin(self, attack):
        path = f"{self.house.folder}/{attack}.cpio"
        with open(path, "wb") as file:
            file.write(cpio_with_attack(attack))
        self.house.do("create", "--name", attack, "-m", "64m", "busybox", "true")
        environment = dict(self.house.environment, HOLM_INITRAMFS=path)
        process = self.house.start("start", "-a", attack, environment=environment)
        self.addCleanup(self.house.holm, "rm", "-f", attack)
        return process

    def shim_of(self, attack):
        identity = self.house.containers()[attack]["id"]
        return [pid for pid in self.house.processes("holm-shim") if identity in read(f"/proc/{pid}/cmdline")]

    def own_memory(self, pids):
        return max([int(found[1]) for pid in pids
                    if (found := re.search(r"RssAnon:\s+(\d+)", read(f"/proc/{pid}/status")))], default=0)

    def boot_log(self, attack):
        return self.house.holm("logs", "--boot", attack, errors="replace").stdout

    def expect_bounds(self, attack, memory):
        self.assertLess(memory, SHIM_MEMORY, f"{attack}: the shim has grown to {memory} kB")
        folder = f"{self.house.data}/containers/{self.house.containers()[attack]['id']}/log"
        used = sum(os.stat(path).st_blocks * 512 for path in glob.glob(f"{folder}/*"))
        self.assertLess(used, 48 << 20, f"{attack}: the logs have grown to {used} bytes")
        self.assertEqual(self.house.do("exec", "neighbour", "echo", "well"), "well")
        self.assertEqual(self.outside(), self.before)

    def watch(self, attack, process, seconds):
        """Until it ends or the time is over: (whether it has ended, the most memory that the shim had)."""
        deadline, most = time.monotonic() + seconds, 0
        while process.poll() is None and time.monotonic() < deadline:
            most = max(most, self.own_memory(self.shim_of(attack)))
            threading.Event().wait(0.1)
        return process.poll() is not None, most

    def test_attacks_that_end(self):
        for attack, words in ENDS.items():
            with self.subTest(attack):
                process, status = self.until_its_end(attack)
                output, errors = process.communicate()
                self.assertNotEqual(process.returncode, 0, errors)
                self.assertEqual(output, b"")
                lines = errors.decode().splitlines()
                self.assertTrue(lines and lines[0].startswith("holm: ") and all(line.isprintable() for line in lines), errors)
                self.assertEqual(status["reason"], "start-failed")
                self.assertIn(words, status["error"])

    def test_an_end_that_does_not_end(self):
        """It says that its process has ended, with a code that is none, and goes on talking."""
        process, status = self.until_its_end("exit")
        self.assertEqual(process.communicate(), (b"", b""))
        self.assertEqual((process.returncode, status["exitCode"], status["reason"]), (255, 255, "signal"))

    def until_its_end(self, attack):
        """The attack has happened, and the shim has ended its container within bounds."""
        process = self.begin(attack)
        ended, memory = self.watch(attack, process, 60)
        self.assertTrue(ended, f"{attack} goes on for ever: {self.boot_log(attack)[-300:]}")
        self.assertIn(f"attack: {attack}", self.boot_log(attack))
        self.assertNotIn("Kernel panic", self.boot_log(attack))
        status = wait_until(lambda: self.at_rest(attack), f"the end of {attack}")
        self.expect_bounds(attack, memory)
        wait_until(lambda: not self.shim_of(attack), f"the end of the shim of {attack}", 60)
        return process, status

    def at_rest(self, attack):
        status = self.house.status(attack)
        return status if status["state"] == "exited" else None

    def test_attacks_that_go_on(self):
        for attack, state in GO_ON.items():
            with self.subTest(attack):
                process = self.begin(attack)
                wait_until(lambda: f"attack: {attack}" in self.boot_log(attack), attack)
                _, memory = self.watch(attack, process, WATCH_SECONDS)
                if attack == "rings":
                    self.assertIn("rings: all rounds done", wait_until(lambda: self.rounds_done(), "every round", 60))
                if attack == "dial":
                    wait_until(lambda: "dialled: " in self.boot_log("dial"), "every port", 60)
                    self.assertIn("dialled: 1 ports answered", self.boot_log("dial"))  # the agent's own sign
                self.expect_state(attack, state, memory)
                self.expect_bounds(attack, memory)
                started = time.monotonic()
                self.house.holm("rm", "-f", attack, timeout=60)
                process.communicate(timeout=30)
                self.assertLess(time.monotonic() - started, 30)
                self.assertNotIn(attack, self.house.containers())

    def expect_state(self, attack, state, memory):
        """Its shim is there yet, or has ended for the reason that it should."""
        self.assertNotIn("Kernel panic", self.boot_log(attack))
        if attack in OVER:
            status = wait_until(lambda: self.at_rest(attack), f"the end of {attack}")
            self.assertEqual(status["reason"], OVER[attack][0])
            self.assertIn(OVER[attack][1], status["error"])
        else:
            self.assertGreater(memory, 0)
            self.assertTrue(self.shim_of(attack), f"{attack}: the shim is gone")
            self.assertEqual(self.house.status(attack)["state"], state)
        if attack == "log":
            said = read(f"{self.house.data}/containers/{self.house.containers()[attack]['id']}/log/shim.log")
            self.assertIn("agent: \n", said)
            self.assertIn("agent: ?????", said)
            self.assertLess(len(said), 2 << 20)
            self.assertIn("oom", self.house.do("events", "--since", "1h", "--until", "0s"))

    def test_copies(self):
        """What it sends as a copy: nothing lands outside, with a set-user-id bit, or as a device."""
        process = self.begin("copies")
        wait_until(lambda: self.house.status("copies")["state"] == "running", "its start")
        top = f"{self.house.folder}/copies.d"
        os.makedirs(f"{top}/in")
        with open(f"{top}/victim", "w", encoding="utf-8") as file:
            file.write("as it was")
        for attack, words in enumerate(COPIES):
            done = self.house.holm("cp", "copies:/x", f"{top}/in/{attack}", timeout=60)
            with self.subTest(attack=attack):
                self.assertEqual(done.returncode, 0 if attack == 5 else 125, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(sorted(os.listdir(top)), ["in", "victim"])
                self.assertEqual(read(f"{top}/victim"), "as it was")
                self.assertEqual(os.stat(f"{top}/victim").st_nlink, 1)
                self.assertFalse(os.path.exists("/tmp/holm-gotcha"))
                self.assertTrue(done.stderr.rstrip("\n").isprintable(), done.stderr)
        self.assertEqual(os.listdir(f"{top}/in/5"), ["rights"])
        self.assertEqual(os.stat(f"{top}/in/5/rights").st_mode & 0o7777, 0o777)
        self.house.holm("rm", "-f", "copies", timeout=60)
        process.communicate(timeout=30)

    def rounds_done(self):
        log = self.boot_log("rings")
        return log if "rings: " in log or "cannot be had" in log else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
