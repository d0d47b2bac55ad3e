"""What volumes hold after any sequence of commands, some of them killed, against what was put into them."""
import io
import os
import random
import sys
import tarfile

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, need_busybox, wait_until  # noqa: E402

STEPS = 60
SIZES = ("32m", "64m", "500m", "1g", "4g")


def files_of(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


class Sequence:
    def __init__(self, house, seed):
        self.house, self.choose, self.seed = house, random.Random(seed), seed
        self.volumes = {}  # what is in each, by name
        self.containers = {}  # one that stays, by volume
        self.made = 0
        self.done = []

    def export(self, volume):
        return self.house.holm("volume", "export", volume, text=False, code=0).stdout

    def bring(self, volume, archive, **more):
        return self.house.holm("volume", "import", volume, input=archive, text=False, **more)

    def new_name(self):
        self.made += 1
        return f"volume{self.made}"

    # ---- steps ----

    def create(self, _):
        name = self.new_name()
        self.house.do("volume", "create", "--size", self.choose.choice(SIZES), name)
        self.volumes[name] = {}

    def write(self, volume):
        name, data = f"file{self.choose.randrange(8)}", os.urandom(self.choose.choice((3, 5000, 400_000)))
        options = self.choose.choice(("", ":nocopy"))
        self.house.holm("run", "--rm", "-i", "-v", f"{volume}:/data{options}", "busybox", "sh", "-c", f"cat >/data/{name}",
                        input=data, text=False, code=0)
        self.volumes[volume][name] = data

    def look(self, volume):
        names = self.house.do("run", "--rm", "-v", f"{volume}:/data:ro", "busybox", "ls", "/data").split()
        assert sorted(names) == sorted(self.volumes[volume]), names

    def resize(self, volume):
        self.house.do("volume", "resize", volume, self.choose.choice(SIZES))

    def resize_killed(self, volume):
        before = len(self.files())
        command = self.house.start("volume", "resize", volume, self.choose.choice(SIZES))
        if self.choose.random() < 0.5:
            wait_until(lambda: len(self.files()) > before or command.poll() is not None, "the new file")
        command.kill()
        command.communicate()
        wait_until(lambda: not self.house.processes("holm-disk"), "the end of the helpers")

    def copy(self, volume):
        name, archive = self.new_name(), self.export(volume)
        self.bring(name, archive, code=0)
        self.volumes[name] = dict(self.volumes[volume])

    def bring_over(self, volume):
        other = self.choose.choice(list(self.volumes))
        if self.bring(other, self.export(volume)).returncode == 0:
            assert not self.volumes[other], f"{other} was not empty"
            self.volumes[other] = dict(self.volumes[volume])

    def start(self, volume):
        """A container that stays finds its volume again, whatever became of the file behind it."""
        if volume not in self.containers:
            self.containers[volume] = self.house.do("create", "-v", f"{volume}:/data", "busybox", "sh", "-c", "echo x >>/data/log")
        self.house.do("start", self.containers[volume])
        self.house.do("wait", self.containers[volume])
        self.volumes[volume]["log"] = self.volumes[volume].get("log", b"") + b"x\n"

    def remove(self, volume):
        if volume in self.containers:
            self.house.do("rm", self.containers.pop(volume))
        self.house.do("volume", "rm", volume)
        del self.volumes[volume]

    def prune(self, _):
        self.house.do("volume", "prune", "-f")
        assert len(self.files()) == len(self.volumes), self.files()

    # ---- all of them ----

    def files(self):
        return [name for name in os.listdir(f"{self.house.data}/volumes") if name.endswith(".ext4")]

    def step(self):
        steps = {self.create: 1, self.write: 3, self.look: 2, self.resize: 4, self.resize_killed: 2, self.copy: 2,
                 self.bring_over: 2, self.start: 3, self.remove: 1, self.prune: 1}
        step = self.choose.choices(list(steps), list(steps.values()))[0] if self.volumes else self.create
        volume = self.choose.choice(list(self.volumes)) if self.volumes else None
        self.done.append((step.__name__, volume))
        step(volume)
        for each, files in self.volumes.items():
            if each == volume or self.choose.random() < 0.3:
                assert files_of(self.export(each)) == files, each

    def run(self):
        try:
            for _ in range(STEPS):
                self.step()
        except AssertionError:
            print(f"seed {self.seed}:", *(f"{name}({volume or ''})" for name, volume in self.done), flush=True)
            raise


def main():
    need_busybox()
    with House() as house:
        Sequence(house, int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)).run()


main()
