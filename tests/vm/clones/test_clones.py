"""Clones of one template are machines of their own before their first program runs, and a fresh boot can be had."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/policies")
from cli import status, world  # noqa: E402
from pool import PoolCase, ask_traced, folders, ready, spares, wait_for  # noqa: E402

# One line each: what must differ, and last whether this is a clone.
QUESTIONS = """
cat /proc/sys/kernel/random/boot_id
cat /proc/sys/kernel/random/uuid
head -c 64 /dev/urandom | sha256sum
hostname
cat /sys/class/net/eth0/address
grep '\\[stack\\]' /proc/self/maps
grep -c holm.template=1 /proc/cmdline || true
"""


def ask(*options):
    return world.run("run", "--rm", *options, "busybox", "sh", "-c", QUESTIONS).splitlines()


class Clones(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ask()  # the first start of a shape makes its template
        world.wait_templates()

    def test_nothing_is_shared(self):
        answers = [ask() for _ in range(4)]
        self.assertEqual([answer.pop() for answer in answers], ["1"] * 4)
        for kind in zip(*answers):
            self.assertEqual(len(set(kind)), len(kind), kind)

    def test_a_template_that_does_not_work(self):
        """QEMU cannot load the one, the guest of the other never wakes: both are booted instead, and made anew."""
        for file in ("state", "memory"):
            [path] = glob.glob(os.path.join(world.environment["XDG_CACHE_HOME"], "holm/templates/*", file))
            size = os.path.getsize(path)
            os.truncate(path, 0)
            os.truncate(path, size)
            self.assertEqual(ask()[-1], "0", file)
            world.wait_templates()
            self.assertEqual(ask()[-1], "1", file)

    def test_a_fresh_boot(self):
        self.assertEqual(ask("--no-template")[-1], "0")
        path = os.path.join(world.environment["XDG_CONFIG_HOME"], "holm", "config.toml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("[start]\ntemplate = false\n")
        self.addCleanup(os.remove, path)
        self.assertEqual(ask()[-1], "0")


def ask_spare(*options):
    return ask_traced(*options, program=("sh", "-c", QUESTIONS))


class Pool(PoolCase):
    """Machines that wait: start.pool."""

    def test_taken(self):
        self.fill(1)
        kinds = QUESTIONS + "ip -4 addr show eth0 | grep inet\nmount | grep -c 198.18 || true\n"
        first, taken = ask_traced(program=("sh", "-c", kinds))
        self.assertTrue(taken)
        self.assertNotIn("198.18", "".join(first))
        answers = [first]
        for _ in range(2):
            wait_for(lambda: ready() > 0)
            more, taken = ask_traced(program=("sh", "-c", kinds))
            self.assertTrue(taken)
            answers.append(more)
        for kind in list(zip(*answers))[:6]:
            self.assertEqual(len(set(kind)), len(kind), kind)
        # One whose folder is gone has no reason to stay; one that was just begun may make its folder later.
        wait_for(lambda: ready() > 0)

        def removed():
            for folder in folders():
                shutil.rmtree(folder, ignore_errors=True)
            return not spares()
        wait_for(removed)
        self.fill(1)
        # Its clock is right though it has stood still, and it ends as any other.
        wait_for(lambda: ready() > 0)
        time.sleep(4)  # until it stands still
        [now], taken = ask_traced(program=("date", "+%s"))
        self.assertTrue(taken)
        self.assertLess(abs(int(now) - time.time()), 5)
        # What it does not fit.
        self.assertFalse(ask_traced("--memory", "300m", program=("true",))[1])
        self.assertFalse(ask_traced("--memory-priority", "low", program=("true",))[1])
        self.assertFalse(ask_traced("--no-template", program=("true",))[1])

    def test_other_parts(self):
        """With another agent none of those that wait is of use: they end."""
        self.fill(1)
        before = spares()
        with tempfile.NamedTemporaryFile() as copy:
            with open(f"{os.environ['HOLM_BUILD']}/share/holm/initramfs-x86_64.cpio", "rb") as file:
                copy.write(file.read())
            copy.flush()
            world.environment["HOLM_INITRAMFS"] = copy.name
            self.addCleanup(world.environment.pop, "HOLM_INITRAMFS", None)
            self.assertFalse(ask_traced(program=("true",))[1])
            wait_for(lambda: not set(before) & set(spares()))
            wait_for(lambda: ready() == len(spares()) > 0)
            self.assertTrue(ask_traced(program=("true",))[1])

    def test_two_at_once(self):
        self.fill(2)
        with tempfile.TemporaryDirectory() as folder:
            runs = [subprocess.Popen([world.holm, "run", "--rm", "--trace", f"{folder}/{i}", "busybox", "sh", "-c",
                                      QUESTIONS], env=world.environment, stdout=subprocess.PIPE, text=True)
                    for i in range(2)]
            answers = [run.communicate()[0].splitlines() for run in runs]
            self.assertEqual([run.returncode for run in runs], [0, 0])
            for i in range(2):
                with open(f"{folder}/{i}", encoding="utf-8") as trace:
                    self.assertIn("take a spare", trace.read())
        for kind in list(zip(*answers))[:6]:
            self.assertEqual(len(set(kind)), 2, kind)

    def test_killed(self):
        """A spare that dies is forgotten; a start that would have had it clones."""
        self.fill(1)
        for pid in spares():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not spares())
        answers, taken = ask_spare()
        self.assertEqual((len(answers), taken), (7, False))
        wait_for(lambda: ready() > 0)
        # Whoever takes one dies right after: the container has a shim that gives up, and can be started again.
        environment = {**world.environment, "HOLM_FAULT": "start.shim-spawned"}
        killed = subprocess.run([world.holm, "run", "--name", "torn", "busybox", "echo", "out"], env=environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        wait_for(lambda: status("torn")["state"] in ("created", "exited"))
        self.assertEqual(world.run("start", "-a", "torn"), "out\n")
        world.run("rm", "torn")
        # Its program died with it, but no other's.
        self.fill(1)
        before = spares()  # the next one may be begun at any time
        name = world.run("run", "-d", "busybox", "sleep", "1000").strip()
        [shim] = [pid for pid, program in world.processes() if program == "holm-shim" and pid in before]
        for path in glob.glob(f"/proc/{shim}/task/*/status"):
            with open(path, encoding="ascii") as file:
                self.assertIn("Seccomp:\t2", file.read(), path)
        self.assertEqual(world.run("exec", name, "echo", "in"), "in\n")
        self.assertEqual(status(name)["state"], "running")
        world.run("rm", "-f", name)


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2)
