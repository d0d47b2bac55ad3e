"""kill -9 at every named step: the next command shows what happened, nothing leaks, the container starts again."""
import os
import subprocess
import unittest

from world import Container, DATA, ENVIRONMENT, LAB, RUNTIME, SOURCE, create, lab, pb, processes_of, rows, status, wait_until

with open(f"{SOURCE}/tests/vm/faults.list") as f:
    NAMES = f.read().split()


# Steps of the image room, which its own tests go through.
OTHERS = ("remove.blob-removed", "remove.layer-removed", "remove.row-removed", "remove.started")


def named(*verbs):
    return [name for name in NAMES if name.split(".")[0] in verbs and name not in OTHERS]


def folders():
    path = f"{DATA}/containers"
    return [name for name in os.listdir(path) if name != ".locks"] if os.path.isdir(path) else []


class Faults(unittest.TestCase):
    def expect_whole(self):
        """Rows and folders are the same containers, and none of those at rest has a process or a socket."""
        lab("reconcile")
        known = rows()
        self.assertEqual(sorted(known), sorted(folders()))
        for container, row in known.items():
            if row["status"]["state"] in ("created", "exited"):
                self.assertFalse(os.path.exists(f"{RUNTIME}/c/{container[:12]}"), row)
                self.assertEqual([line for _, line in processes_of(container) if line], [])

    def expect_runs(self, container, code):
        """It starts again and ends as it should, then it goes."""
        process = subprocess.run([LAB, "attach", container], env=ENVIRONMENT, capture_output=True, timeout=180)
        self.assertEqual(process.returncode, code, process.stderr)
        self.assertEqual(status(container)["exitCode"], code)
        lab("remove", container)
        self.assertNotIn(container, rows())
        self.expect_whole()

    def test_create(self):
        for name in named("create"):
            with self.subTest(name):
                before = set(rows())
                self.assertEqual(lab_killed("create", name), True)
                self.expect_whole()
                added = set(rows()) - before
                self.assertEqual(len(added), 1 if name == "create.row-written" else 0)
                for container in added:
                    self.expect_runs(container, 3)

    def test_remove(self):
        for name in named("remove"):
            with self.subTest(name):
                container = create("true")
                self.assertEqual(lab("remove", container, fault=name, check=False).returncode, -9)
                self.expect_whole()
                self.assertEqual(container in rows(), name == "remove.locked")
                if container in rows():
                    lab("remove", container)
                self.expect_whole()

    def test_remove_by_the_shim(self):
        for name in named("remove"):
            with self.subTest(name):
                container = create("true", options=["-r"])
                lab("launch", "-s", container, fault=name)
                wait_until(lambda: not processes_of(container), "the end", 120)
                self.expect_whole()
                self.assertEqual(container in rows(), name == "remove.locked")
                if container in rows():
                    self.assertEqual(status(container)["exitCode"], 0)
                    lab("remove", container)

    def test_start(self):
        for name in named("start"):
            with self.subTest(name):
                container = create("sh", "-c", "exit 3")
                self.assertEqual(lab("launch", "-s", container, fault=name, check=False).returncode, -9)
                # Whoever was about to start a shim may have got as far as fork: its last child is not known by its name yet.
                wait_until(lambda: not processes_of(container) and status(container)["state"] in ("created", "exited"),
                           "the end", 120)
                self.expect_whole()
                self.expect_runs(container, 3)

    def test_run_and_stop(self):
        for name in named("run", "stop"):
            with self.subTest(name):
                options = ["-n"] if name == "run.network-joined" else []
                script = "echo out; [ -f /root/again ] && exit 3; > /root/again; sync; "
                waits = name in ("stop.asked", "stop.signalled", "stop.killed")
                script += "trap '' TERM; while :; do sleep 1; done" if waits else "exit 5"
                container = Container("sh", "-c", script, options=options)
                lab("launch", "-s", container.id, fault=name, check=False)
                if waits:
                    container.connect()
                    container.shim.Start(pb.StartRequest(), timeout=120)
                    wait_until(lambda: container.exec("test", "-f", "/root/again")[0] == 0, "the mark")
                    container.shim.Stop.future(pb.StopRequest(grace_ms=500))
                wait_until(lambda: not processes_of(container.id), "the end", 120)
                self.expect_whole()
                found = status(container.id)
                self.assertEqual(found["state"] if found["state"] == "created" else found["reason"],
                                 "exited" if name in ("stop.row-written", "stop.lock-released")
                                 else "created" if name in ("run.locked", "run.machine-started", "run.listening")
                                 else "shim-lost")
                code = 3
                if name.startswith("run.") and name not in ("run.init-runs", "run.output"):
                    code = None  # its first run has not begun: it does now
                process = subprocess.Popen([LAB, "attach", container.id], env=ENVIRONMENT, stdout=subprocess.PIPE)
                self.assertEqual(process.stdout.readline(), b"out\n")
                process.stdout.close()
                self.assertIn(process.wait(timeout=180), (3, 5) if code is None or name.startswith("run.") else (3,))
                lab("remove", container.id)
                self.expect_whole()


def lab_killed(verb, fault):
    try:
        create("sh", "-c", "exit 3", fault=fault)
    except AssertionError as error:
        return ": -9:" in str(error)
    return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
