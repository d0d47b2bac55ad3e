"""kill -9 of anything at any moment, and a crowd: the next command tells the truth, nothing leaks, the data is there.

HOLM_TEST_KILLS (200), HOLM_TEST_CROWD (200) and HOLM_TEST_SEED are numbers.
"""
import collections
import concurrent.futures
import glob
import os
import random
import sys
import threading
import time
import unittest

from house import QEMU, House, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../registry"))
from hostile import Image, Server  # noqa: E402

KILLS = int(os.environ.get("HOLM_TEST_KILLS", 200))
CROWD = int(os.environ.get("HOLM_TEST_CROWD", 200))
SEED = int(os.environ.get("HOLM_TEST_SEED", random.randrange(1 << 30)))
ACTORS = 3
KINDS = ("holm", "holm-shim", QEMU, "holm-net", "holm-image")
# Leaves a line for each start, so that it is seen whether a writable layer is kept.
SCRIPT = "echo x >>/root/starts; sync; sleep 1000"


class Actor(threading.Thread):
    """Gives one command after the other, on containers and an image of its own, until it is told to rest."""

    def __init__(self, house, number, host, seed):
        super().__init__()
        self.house, self.number = house, number
        self.chance = random.Random(seed)
        self.image = f"{host}/slow{number}:v1"
        self.rest, self.problems = threading.Event(), []

    def run(self):
        while not self.rest.is_set():
            name = f"box{self.number}{self.chance.choice('ab')}"
            command = self.chance.choice((
                ("create", "--name", name, "-m", "64m", "busybox", "sh", "-c", SCRIPT),
                ("run", "-d", "--name", name, "-m", "64m", "busybox", "sh", "-c", SCRIPT),
                ("run", "--rm", "-m", "64m", "busybox", "true"), ("start", name), ("start", name), ("restart", "-t", "1", name),
                ("stop", "-t", "1", name), ("rm", "-f", name), ("exec", name, "true"), ("pull", "-q", self.image),
                ("pull", "-q", self.image), ("rmi", self.image)))
            try:
                self.judge(command, self.house.holm(*command, timeout=150))
            except Exception as problem:  # a thread has nobody to raise it to
                self.problems.append(f"{command}: {problem}")

    def judge(self, command, done):
        """It has done its work, or was killed, or says what was in the way. It never crashes and never says nothing."""
        said = done.stderr.startswith("holm: ")
        if done.returncode not in (0, -9, 1, 125, 137) or (done.returncode in (1, 125) and not said):
            self.problems.append(f"{command}: {done.returncode}: {done.stdout}{done.stderr}")


class Kills(unittest.TestCase):
    def setUp(self):
        self.house = House()
        self.server = Server({f"slow{number}": {"image": Image(1 << 20, seed=10 * number, count=3), "blob":
                                                lambda h, b: h.send_range(b, delay=0.005)} for number in range(ACTORS)})

    def tearDown(self):
        self.house.__exit__(None)

    def kill_one(self, chance):
        """One process of a kind that is there, each kind as likely as the other. The kind, or nothing."""
        alive = self.house.processes(*KINDS)
        kinds = sorted(set(alive.values()))
        if not kinds:
            return None
        kind = chance.choice(kinds)
        self.house.kill(chance.choice([pid for pid, name in alive.items() if name == kind]))
        return kind

    def expect_truth(self):
        """What `ls` says is so, for what runs and for what does not; and nothing is on its way for ever."""
        wait_until(lambda: not {"starting", "stopping"} & {row["status"]["state"] for row in self.house.containers().values()},
                   "the end of what was on its way")
        for name, row in self.house.expect_whole().items():
            state = row["status"]["state"]
            self.assertIn(state, ("created", "exited", "running"), (name, row["status"]))
            if state == "running":
                self.expect_running(name)
            elif state == "exited":
                self.assertTrue(row["status"]["reason"], (name, row["status"]))

    def expect_running(self, name):
        """It answers; or it was the `true` of a `run` that was killed, and has ended since it was seen."""
        done = self.house.holm("exec", name, "true")
        if name.startswith("box"):
            self.assertEqual(done.returncode, 0, done)
        elif done.returncode:
            self.assertIn(done.returncode, (125, 137), done)
            wait_until(lambda: self.house.containers().get(name, {}).get("status", {}).get("state") != "running", f"the end of {name}")

    def test_random_kills(self):
        print(f"seed {SEED}")
        chance, killed = random.Random(SEED), collections.Counter()
        while sum(killed.values()) < KILLS:
            actors = [Actor(self.house, number, self.server.host, chance.random()) for number in range(ACTORS)]
            for actor in actors:
                actor.start()
            for _ in range(min(50, KILLS - sum(killed.values()))):
                time.sleep(chance.uniform(0, 0.8))  # any moment: that is what is tested
                killed[self.kill_one(chance)] += 1
            for actor in actors:
                actor.rest.set()
            for actor in actors:
                actor.join()
                self.assertEqual(actor.problems, [])
            del killed[None]
            self.expect_truth()
        print(dict(killed))
        for number in range(ACTORS):  # what a killed pull has left is kept for the next one, which takes it
            self.house.do("pull", "-q", f"{self.server.host}/slow{number}:v1")
        for name in self.house.containers():
            if name.startswith("box"):  # the others are those of `run --rm` that was killed before it had started one
                self.house.do("start", name)
                starts = wait_until(lambda: self.house.holm("exec", name, "cat", "/root/starts").stdout, "the data")
                self.assertEqual(set(starts.split()), {"x"})
            self.house.do("rm", "-f", name)
        self.expect_nothing()

    def expect_nothing(self):
        house = self.house
        self.assertEqual(house.expect_whole(), {})
        for image in house.json("images"):
            house.do("rmi", "-f", image["id"])
        wait_until(lambda: not house.processes(), "the end of every process")
        left = [path for folder in ("layers", "images/blobs/sha256", "images/partial", "containers")
                for path in glob.glob(f"{house.data}/{folder}/*") + glob.glob(f"{house.data}/{folder}/.*")
                if not path.endswith(".locks")]
        self.assertEqual(left, [])
        # A holm-net that was killed leaves its socket; the next one takes its place.
        sockets = [path for path in glob.glob(f"{house.runtime}/**", recursive=True)
                   if not os.path.isfile(path) and not os.path.isdir(path) and "/n/" not in path]
        self.assertEqual(sockets, [])

    def test_a_crowd(self):
        house, host = self.house, self.server.host
        house.do("run", "-d", "--name", "open", "busybox", "sleep", "1000")
        for number in range(CROWD // 5):
            house.do("create", "--name", f"old{number}", "busybox", "true")

        def command(number):
            kind, index = number % 10, number // 10
            if kind in (0, 1, 2):
                return house.holm("create", "--name", f"new{number}", "busybox", "true", timeout=400)
            if kind in (3, 4):
                return house.holm("rm", f"old{index * 2 + kind - 3}", timeout=400)
            if kind in (5, 6):
                return house.holm("pull", "-q", f"{host}/slow{number % ACTORS}:v1", timeout=400)
            if kind == 7:
                return house.holm("run", "--rm", "-m", "64m", "busybox", "echo", f"run {number}", timeout=400)
            return house.holm("exec", "open", "echo", f"exec {number}", timeout=400)

        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            results = list(pool.map(command, range(CROWD)))
        failed = {number: done.stderr for number, done in enumerate(results) if done.returncode}
        self.assertEqual(failed, {})
        for number, done in enumerate(results):
            if number % 10 in (7, 8, 9):
                self.assertEqual(done.stdout, f"{'run' if number % 10 == 7 else 'exec'} {number}\n")
        rows = house.expect_whole()
        self.assertEqual(set(rows), {"open"} | {f"new{number}" for number in range(CROWD) if number % 10 < 3})
        self.assertEqual(len(house.json("images")), 1 + ACTORS)
        house.do("rm", "-f", *rows)
        self.expect_nothing()


if __name__ == "__main__":
    unittest.main(verbosity=2)
