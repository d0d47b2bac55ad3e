"""Random kills and a crowd: whatever dies when, and however many come at once, the state stays whole."""
import concurrent.futures
import os
import random
import signal
import subprocess
import threading
import unittest

from world import Container, DATA, ENVIRONMENT, LAB, RUNTIME, create, lab, processes_of, rows, wait_until

KILLS = int(os.environ.get("HOLM_TEST_KILLS", 200))
CROWD = int(os.environ.get("HOLM_TEST_CROWD", 200))
SEED = int(os.environ.get("HOLM_TEST_SEED", random.randrange(1 << 30)))


def folders():
    return sorted(name for name in os.listdir(f"{DATA}/containers") if name != ".locks")


def end_shims(container):
    """True when the container has no process any more. A helper's death alone ends nothing, and a launcher that was
    killed may leave a shim that only now becomes one: shims are ended here, all others have to follow them."""
    left = processes_of(container)
    for pid, line in left:
        if "holm-shim" in line:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return not left


class Whole(unittest.TestCase):
    def expect_whole(self):
        lab("reconcile")
        known = rows()
        self.assertEqual(sorted(known), folders())
        for container, row in known.items():
            self.expect_rest(container, row)

    def expect_rest(self, container, row):
        """What does not run has no socket."""
        if row["status"]["state"] in ("created", "exited"):
            self.assertFalse(os.path.exists(f"{RUNTIME}/c/{container[:12]}"), row)

    def kill_at_random(self, container, choose, kills):
        """Again and again: starts it, kills any one of its processes at any moment, and looks at what is left."""
        for _ in range(kills):
            launcher = subprocess.Popen([LAB, "launch", "-s", container], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
            threading.Event().wait(choose.uniform(0, 3))  # any moment: that is what is tested
            victims = [pid for pid, _ in processes_of(container)]
            if victims:
                try:
                    os.kill(choose.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            launcher.wait(timeout=60)
            wait_until(lambda: end_shims(container), f"the end of all processes of {container}")
            lab("reconcile")
            self.expect_rest(container, rows()[container])

    def test_random_kills(self):
        """Three containers side by side: what befalls one is nothing to the others."""
        print(f"seed {SEED}")
        script = "echo x >> /root/runs; sync; sleep 1000"
        containers = [create("sh", "-c", script, options=["-n"]) for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(len(containers)) as pool:
            for done in [pool.submit(self.kill_at_random, container, random.Random(SEED + i), -(-KILLS // len(containers)))
                         for i, container in enumerate(containers)]:
                done.result()
        self.expect_whole()
        for container in containers:
            again = Container.__new__(Container)
            again.id = container
            again.start()
            wait_until(lambda: again.exec("test", "-s", "/root/runs")[0] == 0, "the data")
            code, output = again.exec("cat", "/root/runs")
            self.assertEqual((code, set(output.split())), (0, {b"x"}))
            again.stop(signal=signal.SIGKILL)
            lab("remove", container)
        self.expect_whole()

    def test_a_crowd(self):
        names = [create("true") for _ in range(4)]

        def command(index):
            kind = index % 5
            if kind == 0:
                return lab("reconcile", check=False).returncode
            if kind == 1:
                return lab("list", check=False).returncode
            if kind == 2:
                made = create("true")
                return lab("remove", made, check=False).returncode
            if kind == 3:
                return lab("remove", names[index % 4], check=False).returncode & 0 if index % 20 == 3 else 0
            return lab("launch", names[index % 4], check=False, stdin=subprocess.DEVNULL).returncode & 0

        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            results = list(pool.map(command, range(CROWD)))
        self.assertEqual(set(results), {0})
        for container in names:
            wait_until(lambda: not processes_of(container), "the end of all processes")
        self.expect_whole()


if __name__ == "__main__":
    unittest.main(verbosity=2)
