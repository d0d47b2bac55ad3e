"""Between the end of a shim's socket and that of its lock: whoever comes then waits for the lock, and goes on."""
import contextlib
import os
import select
import signal
import subprocess
import sys

from house import House, need_busybox, read, read_link, run_steps, wait_until

SECONDS = 60


@contextlib.contextmanager
def held(path):
    """Its lock, as another process has it, whose end is that of the lock."""
    hold = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield path
        finally:
            process.stdin.close()
            process.wait()


def waiters(path):
    """The processes that wait for its lock."""
    inode = os.stat(path).st_ino
    lines = [line.split() for line in read("/proc/locks").splitlines() if f":{inode} " in line and "-> FLOCK" in line]
    return [int(words[5]) for words in lines]


def waits_for_a_process(pid):
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(FileNotFoundError):
        return any(read_link(f"{folder}/{name}") == "anon_inode:[pidfd]" for name in os.listdir(folder))


def end(pid):
    ended = os.pidfd_open(pid)
    signal.pidfd_send_signal(ended, signal.SIGKILL)
    select.select([ended], [], [])
    os.close(ended)


class Moments:
    def __init__(self, house):
        self.house = house

    def locks(self, name):
        identity = self.house.json("inspect", name)[0]["id"]
        return identity, f"{self.house.data}/containers/{identity}/lock", f"{self.house.data}/containers/.locks/{identity[:2]}"

    def in_the_moment(self, name, *command):
        """What a command says that comes when the shim has been killed and its lock is not free yet."""
        identity, life, _ = self.locks(name)
        end(self.house.shim(identity))
        with held(life):
            process = self.house.start(*command, text=True)
            wait_until(lambda: waits_for_a_process(process.pid) or process.poll() is not None, f"{command} waits", SECONDS)
        out, error = process.communicate(timeout=SECONDS)
        return process.returncode, out.strip(), error.strip()

    def killed(self):
        house, gone = self.house, "is not running"
        house.do("run", "-d", "--name", "one", "busybox", "sleep", "1000")
        for command, code, said in (("start", 0, ""), ("restart", 0, ""), ("stop", 0, ""), ("kill", 1, gone), ("wait", 0, "137"),
                                    ("top", 1, gone), ("exec", 1, gone), ("stats", 1, gone), ("rm", 0, "")):
            arguments = {"exec": ["one", "true"], "stats": ["--no-stream", "one"], "rm": ["--force", "one"]}.get(command, ["one"])
            if house.status("one")["state"] != "running":
                house.do("start", "one")
            result, out, error = self.in_the_moment("one", command, *arguments)
            assert (result != 0) == (code != 0) and said in out + error, (command, result, out, error)
            assert command not in ("start", "restart") or house.status("one")["state"] == "running", command
        assert "one" not in house.containers()

    def cut_off(self):
        """Its sockets are gone, and it lives: nobody waits for ever, and it is said."""
        house = self.house
        house.do("run", "-d", "--name", "alone", "busybox", "sleep", "1000")
        identity, _, _ = self.locks("alone")
        shim = house.shim(identity)
        os.unlink(f"{house.runtime}/c/{identity[:12]}/shim.sock")
        said = house.holm("stop", "alone", code=125, timeout=SECONDS).stderr
        assert "does not answer" in said and "No such file" in said, said
        end(shim)
        house.do("start", "alone")
        house.do("rm", "--force", "alone")

    def killed_and_removed(self):
        """It is said to be at rest only when nobody who waits for that can be in the way of its removal."""
        house = self.house
        house.do("run", "-d", "--rm", "--name", "brief", "busybox", "sleep", "1000")
        _, _, short = self.locks("brief")
        with held(short):
            kill = house.start("kill", "brief")
            wait_until(lambda: waiters(short), "the end of the container", SECONDS)
            names = [read(f"/proc/{pid}/comm").strip() for pid in waiters(short)]
            assert "holm-shim-help" in names, names
            assert house.status("brief")["state"] != "exited"
        kill.communicate(timeout=SECONDS)
        wait_until(lambda: not house.folders(), "its removal", SECONDS)

    def on_its_way(self):
        """A start whose holm was killed: the shim has the short lock until it listens."""
        house = self.house
        house.do("create", "--name", "late", "busybox", "sleep", "1000")
        identity, _, short = self.locks("late")
        house.start("start", "late", environment=house.environment | {"HOLM_FAULT": "start.shim-spawned"}).communicate(timeout=SECONDS)
        with held(short):
            socket = f"{house.runtime}/c/{identity[:12]}/shim.sock"
            assert os.path.exists(socket), os.listdir(os.path.dirname(socket))
        wait_until(lambda: house.status("late")["state"] == "running", "its start", SECONDS)
        house.do("rm", "--force", "late")


def main():
    need_busybox()
    with House() as house:
        test = Moments(house)
        run_steps(test.killed, test.cut_off, test.killed_and_removed, test.on_its_way)


main()
