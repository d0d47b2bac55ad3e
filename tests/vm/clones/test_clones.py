"""Clones of one template are machines of their own before their first program runs, and a fresh boot can be had."""
import glob
import os
import sys
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/policies")
from cli import world  # noqa: E402

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


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2)
