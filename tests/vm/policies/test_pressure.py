"""When the host is short of memory, containers give their page cache back, though they are busy: the low ones first."""
import os
import time
import unittest
import json

from cli import world

MEBIBYTE = 1 << 20
CACHE = 40 * MEBIBYTE
GONE = 16 * MEBIBYTE


def cache(name):
    return json.loads(world.run("stats", "--no-stream", "--format", "json", name))[0]["memoryCacheBytes"]


class Pressure(unittest.TestCase):
    def say(self, available_percent):
        path = f"{self.host}/meminfo"
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write(f"MemTotal:       {1 << 20} kB\nMemFree:        1 kB\nMemAvailable:   {(1 << 20) * available_percent // 100} kB\n")
        # in place: the shim has it open
        with open(path, "w" if not os.path.exists(path) else "r+", encoding="ascii") as file, open(f"{path}.new", encoding="ascii") as new:
            file.write(new.read())
            file.truncate()

    def setUp(self):
        self.host = os.path.join(world.folder.name, "host")
        os.mkdir(self.host)
        self.say(50)
        world.environment["HOLM_HOST_PROC"] = self.host  # without pressure/memory: as on a kernel that keeps it to root
        for name in ("low", "normal", "high"):
            world.run("run", "-d", "--name", name, "--memory", "256m", "--memory-priority", name, "busybox", "sh", "-c",
                      "dd if=/dev/zero of=/big bs=1M count=40 2>/dev/null; sync; cat /big >/dev/null; echo filled;"
                      " while :; do :; done")

    def tearDown(self):
        del world.environment["HOLM_HOST_PROC"]
        world.run("rm", "-f", *world.run("ls", "-a", "-q").split())

    def wait(self, condition, what):
        deadline = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.5)

    def test_in_their_order(self):
        for name in ("low", "normal", "high"):
            self.wait(lambda: "filled" in world.run("logs", name), f"{name} fills its cache")
            self.assertGreaterEqual(cache(name), CACHE, name)
        self.say(12)
        self.wait(lambda: cache("low") < GONE, "the low one gives back")
        self.assertGreaterEqual(cache("normal"), CACHE)
        self.assertGreaterEqual(cache("high"), CACHE)
        self.say(3)
        self.wait(lambda: cache("normal") < GONE and cache("high") < GONE, "all give back")


if __name__ == "__main__":
    with world:
        unittest.main(verbosity=2)
