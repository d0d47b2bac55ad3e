"""What save and export write for the user: files that are whole or not there, and pipes and links that stay what they are."""
import os
import select
import signal
import stat
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from house import House, need_busybox, read_link, run_steps, wait_until  # noqa: E402


class Output:
    def __init__(self, house):
        self.house = house
        self.folder = f"{house.folder}/out"
        os.mkdir(self.folder)
        self.place = f"{self.folder}/tar"
        self.commands = (("save", "full:1"), ("export", "web"), ("volume", "export", "data"))

    def make(self):
        self.house.do("run", "--name", "web", "-v", "data:/data", "busybox", "sh", "-c",
                      "dd if=/dev/urandom of=/big bs=1M count=24 2>/dev/null; cp /big /data/")
        self.house.do("commit", "web", "full:1")

    def check(self, file, command):
        with tarfile.open(fileobj=file, mode="r|") as tar:
            assert sum(entry.size for entry in tar) > 20 << 20, command

    def pipes(self):
        for command in self.commands:
            os.mkfifo(self.place)
            # open at both ends until the writer is there: one that replaces it would leave us waiting
            keep = os.open(self.place, os.O_RDWR)
            writer = self.house.start(*command, "-o", self.place)
            wait_until(lambda: writer.poll() is not None or self.has_open(writer.pid), "the pipe's writer")
            assert stat.S_ISFIFO(os.stat(self.place).st_mode), command
            reader = os.fdopen(os.open(self.place, os.O_RDONLY), "rb")
            os.close(keep)
            with reader:
                self.check(reader, command)
            assert writer.wait(60) == 0 and stat.S_ISFIFO(os.stat(self.place).st_mode), command
            os.unlink(self.place)

    def links(self):
        for command in self.commands:
            with open(f"{self.folder}/there", "wb"):
                os.symlink("there", self.place)
            self.house.do(*command, "-o", self.place)
            assert os.readlink(self.place) == "there"
            with open(f"{self.folder}/there", "rb") as file:
                self.check(file, command)
            os.unlink(self.place)
            os.unlink(f"{self.folder}/there")

    def has_open(self, pid):
        try:
            return any(read_link(f"/proc/{pid}/fd/{name}").startswith(self.folder) for name in os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            return False

    def killed(self):
        try:
            os.close(os.open(self.folder, os.O_TMPFILE | os.O_WRONLY))
        except OSError:
            print("here every file has a name")
            return
        for command in self.commands:
            writer = self.house.start(*command, "-o", self.place)
            wait_until(lambda: writer.poll() is not None or self.has_open(writer.pid), "the file")
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
            assert writer.returncode == 0 or os.listdir(self.folder) == [], (command, os.listdir(self.folder))
            self.house.do(*command, "-o", self.place)
            assert os.listdir(self.folder) == ["tar"], (command, os.listdir(self.folder))
            os.unlink(self.place)

    def started_meanwhile(self):
        """A disk that its machine writes to again is not what it was."""
        for command in (("export", "web", "-o", self.place), ("cp", "web:/", "-")):
            os.mkfifo(self.place)
            keep = os.open(self.place, os.O_RDWR)
            with open(self.place, "wb") as pipe:
                reads = self.house.start(*command, stdout=pipe)
            # as full as it gets: what reads the disk waits for us
            wait_until(lambda: select.select([], [keep], [], 0)[1] == [] or reads.poll() is not None, "the first bytes")
            self.house.do("start", "web")
            self.house.do("wait", "web")
            with open(self.place, "rb") as rest:
                os.close(keep)
                while rest.read(1 << 20):
                    pass
            why = reads.communicate(timeout=60)[1]
            assert reads.returncode == 125 and b"was started while" in why, (command, why)
            os.unlink(self.place)

    def reader_gone(self):
        line = '"$0" export web | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}'
        done = subprocess.run(["bash", "-c", line, *self.house.program], env=self.house.environment, stderr=subprocess.PIPE,
                              text=True)
        assert done.returncode and "Broken pipe" in done.stderr, done


def main():
    need_busybox()
    with House() as house:
        test = Output(house)
        run_steps(test.make, test.pipes, test.links, test.killed, test.started_meanwhile, test.reader_gone)


main()
