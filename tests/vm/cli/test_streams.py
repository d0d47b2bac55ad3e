"""The streams and the end of a container, through the command line: nothing is lost, nothing grows, and the end is told.

HOLM_TEST_BYTES (default 32 MiB; 1 GiB in the full form) goes through each way.
"""
import hashlib
import os
import re
import threading
import unittest

from house import BUILD, QEMU, House, read, wait_until

MEBIBYTE = 1 << 20
BYTES = int(os.environ.get("HOLM_TEST_BYTES", 32 * MEBIBYTE))
PATIENCE = 120 + BYTES // (1 * MEBIBYTE)
REST_SECONDS = 10
ORPHANS = int(os.environ.get("HOLM_TEST_ORPHANS", 10000))


def setUpModule():
    global house
    house = House()


def tearDownModule():
    house.__exit__(None)


def own_memory(pid):
    """Kilobytes of a process that are nobody else's: the guest's memory, which a shim maps, is a file."""
    found = re.search(r"RssAnon:\s+(\d+)", read(f"/proc/{pid}/status"))
    return int(found[1]) if found else 0


class Streams(unittest.TestCase):
    def test_exit_codes(self):
        for script, code in (("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("true", 0)):
            done = house.holm("run", "--rm", "--init", "busybox", "sh", "-c", script)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (code, "", ""), script)
        self.assertEqual(house.containers(), {})

    def test_codes_of_what_cannot_be_run(self):
        for arguments, code, words in ((["busybox", "/no/such/program"], 127, "/no/such/program"),
                                       (["busybox", "/etc/passwd"], 126, "/etc/passwd"),
                                       (["busybox", "/etc"], 126, "/etc"),
                                       (["--nonsense", "busybox"], 125, "nonsense"),
                                       (["-w", "relative", "busybox"], 125, "relative")):
            done = house.holm("run", "--rm", *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual(house.containers(), {})

    def test_streams_apart(self):
        done = house.holm("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; cat; exit 3", code=3)
        self.assertEqual((done.stdout, done.stderr), ("out\n", "err\n"))
        done = house.holm("run", "--rm", "-i", "busybox", "sh", "-c", "cat; cat >&2", input="in\n", code=0)
        self.assertEqual((done.stdout, done.stderr), ("in\n", ""))

    def test_input_arrives_whole(self):
        digest, piece = hashlib.sha256(), os.urandom(MEBIBYTE)
        process = house.start("run", "--rm", "-i", "busybox", "sha256sum", stdin=-1)

        def feed():
            for _ in range(BYTES // MEBIBYTE):
                digest.update(piece)
                process.stdin.write(piece)
            process.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        output = process.stdout.read()
        self.assertEqual(process.wait(timeout=PATIENCE), 0, process.stderr.read())
        feeder.join()
        self.assertEqual(output.split()[0].decode(), digest.hexdigest())

    def test_a_resting_reader_costs_nothing(self):
        """Everything on the way is full after a moment, and then nothing grows while the reader rests."""
        process = house.start("run", "--rm", "--name", "writer", "busybox", "sh", "-c",
                              f"head -c {BYTES} /dev/zero | tee /dev/null")
        length = len(process.stdout.read(65536))
        threading.Event().wait(2)
        watched = {pid: own_memory(pid) for pid in house.processes("holm", "holm-shim")}
        self.assertGreaterEqual(len(watched), 2)
        threading.Event().wait(REST_SECONDS)
        grown = {pid: own_memory(pid) - before for pid, before in watched.items()}
        self.assertLess(max(grown.values()), 1024, f"kilobytes grown while the reader rested: {grown}")
        self.assertLess(max(own_memory(pid) for pid in watched), 32 * 1024)
        while piece := process.stdout.read(MEBIBYTE):
            self.assertFalse(piece.strip(b"\0"))
            length += len(piece)
        self.assertEqual((process.wait(timeout=PATIENCE), length), (0, BYTES), process.stderr.read())

    def test_a_reader_that_goes_away(self):
        process = house.start("run", "--rm", "--name", "broken", "busybox", "yes")
        process.stdout.read(1000)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=60), 141)
        wait_until(lambda: "broken" not in house.containers(), "the end of the container")


    def test_output_that_cannot_be_written(self):
        """A full disk behind standard output: holm's error, and said; not a reader that has gone."""
        house.do("run", "--name", "said", "busybox", "echo", "hi")
        self.addCleanup(house.do, "rm", "-f", "said")
        for words in (["logs", "said"], ["inspect", "said"], ["ls", "-a"], ["start", "-a", "said"]):
            with self.subTest(words), open("/dev/full", "wb") as full:
                process = house.start(*words, stdout=full)
                errors = process.communicate(timeout=60)[1].decode()
                self.assertEqual(process.returncode, 125, errors)
                self.assertIn("standard output: No space left", errors)


class Ends(unittest.TestCase):
    def test_does_not_end_before_it_began(self):
        """Its end is told by the guest, whose clock is not quite ours, or anything at all."""
        for back in ("", "date -s 1990-01-01; ", "date -s 2035-01-01; "):
            house.do("run", "--name", "brief", "--cap-add", "SYS_TIME", "busybox", "sh", "-c", f"{back}true")
            status = house.status("brief")
            self.assertLessEqual(status["startedAt"], status["finishedAt"], back)
            self.assertLess(status["finishedAt"], "2034", back)
            house.do("rm", "brief")

    def test_orphans_leave_no_zombie(self):
        """Each is left by its parent while it lives; the container's first process is an init that buries them."""
        process = house.start("run", "-i", "--init", "--name", "orphans", "busybox", "sh", "-c",
                              f"cat >/orphans; chmod +x /orphans; exec /orphans {ORPHANS}", stdin=-1)
        with open(f"{BUILD}/tests/vm/cli/orphans", "rb") as program:
            process.stdin.write(program.read())
        process.stdin.close()
        self.assertEqual(process.stdout.readline(), b"done\n")
        zombies = ("exec", "orphans", "sh", "-c", "ps -o stat= | grep -c ^Z; true")
        wait_until(lambda: house.do(*zombies) == "0", "the end of the last zombie", 30)
        self.assertLess(len(house.json("top", "orphans")), 10)
        # So do those of a process that exec has brought in, which has no init above it.
        other = house.start("exec", "orphans", "/orphans", "200")
        self.assertEqual(other.stdout.readline(), b"done\n")
        wait_until(lambda: house.do(*zombies) == "0", "the end of the last zombie", 30)
        house.do("rm", "-f", "orphans")
        for each in (process, other):
            self.assertNotEqual(each.wait(timeout=60), 0)
            each.stdout.close()
            each.stderr.close()

    def test_out_of_memory_says_so(self):
        self.addCleanup(house.holm, "rm", "-f", "greedy")
        done = house.holm("run", "--name", "greedy", "-m", "64m", "busybox", "tail", "/dev/zero", code=137)
        self.assertIn("memory", done.stderr)
        status = house.status("greedy")
        self.assertEqual((status["exitCode"], status["reason"]), (137, "out-of-memory"))
        self.assertIn("memory", house.do("ls", "-a"))
        self.assertIn("oom", house.do("events", "--since", "1h", "--until", "0s"))

    def test_a_lost_machine_says_so(self):
        self.addCleanup(house.holm, "rm", "-f", "lost")
        process = house.start("run", "--name", "lost", "busybox", "sleep", "1000")
        wait_until(lambda: house.containers().get("lost", {}).get("status", {}).get("state") == "running", "the start")
        for pid in house.processes(QEMU):
            house.kill(pid)
        _, errors = process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(b"lost", errors)
        self.assertEqual(house.status("lost")["reason"], "vm-lost")
        self.assertIn("VM", house.do("ls", "-a"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
