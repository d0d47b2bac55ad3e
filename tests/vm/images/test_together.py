"""Export, commit and diff of one container, several at the same time, and after some that were killed: each has all of it."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from house import House, need_busybox, run_steps, wait_until  # noqa: E402

AT_ONCE = 4


class Together:
    def __init__(self, house):
        self.house = house

    def make(self):
        self.house.do("run", "-d", "--name", "web", "busybox", "sleep", "1000")
        self.house.do("exec", "web", "sh", "-c", "for i in $(seq 200); do echo $i >/tmp/$i; done;"
                      "dd if=/dev/urandom of=/big bs=1M count=8 2>/dev/null")
        self.whole = self.house.holm("export", "web", code=0, text=False).stdout

    def all_at_once(self):
        """Nobody is refused, and nobody gets what another one has half written."""
        names = [f"made:{i}" for i in range(AT_ONCE)]
        exports = [self.house.start("export", "web") for _ in range(AT_ONCE)]
        others = [self.house.start("commit", "web", name) for name in names]
        others += [self.house.start("diff", "web") for _ in range(AT_ONCE)]
        for export in exports:
            out, why = export.communicate(timeout=120)
            assert export.returncode == 0 and out == self.whole, (len(out), why)
        for other in others:
            out, why = other.communicate(timeout=120)
            assert other.returncode == 0 and out, why
        layers = {tuple(image["status"]["layers"][-1]["diffId"] for image in self.house.json("image", "inspect", name))
                  for name in names}
        assert len(layers) == 1, layers
        self.house.do("rmi", *names)

    def killed(self):
        """What a killed commit leaves is gone with the next one, or with the container."""
        folder = f"{self.house.data}/commits"
        commit = self.house.start("commit", "web", "made:half")
        wait_until(lambda: os.listdir(folder) or commit.poll() is not None, "the commit's layer")
        commit.send_signal(signal.SIGKILL)
        commit.communicate()
        self.house.do("commit", "web", "made:whole")
        assert os.listdir(folder) == [], os.listdir(folder)

    def stop(self):
        self.house.do("stop", "-t", "1", "web")


def main():
    need_busybox()
    with House() as house:
        test = Together(house)
        run_steps(test.make, test.all_at_once, test.killed, test.stop, test.all_at_once, test.killed)


main()
