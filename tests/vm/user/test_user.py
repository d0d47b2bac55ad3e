"""holm as an ordinary user has it: an account without any right, a home that all may look into, the usual umask. The
main things work, nobody else reads what they leave, and nothing of the user's stays behind."""
import glob
import os
import stat
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, read, read_link, wait_until  # noqa: E402
from user import User, reason_without  # noqa: E402

# Prints those paths of its input that whoever runs it can read, list or connect to.
PROBE = """
import os, socket, stat, sys
for path in sys.stdin.read().split("\\0"):
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISSOCK(mode):
            socket.socket(socket.AF_UNIX).connect(path)
        elif stat.S_ISDIR(mode):
            os.listdir(path)
        else:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        continue
    print(path)
"""
ANOTHER = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--"]
SERVE = """trap 'echo bye; exit 3' TERM
mkdir /srv; echo an island >/srv/index.html; httpd -p 8000 -h /srv && echo serving
while :; do sleep 1000 & wait; done"""


def identities(pid):
    """The real, effective, saved and file system user of a process. One that has ended has none."""
    lines = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    return {int(word) for word in lines["Uid"].split()} if lines and lines["State"][0] not in "ZX" else set()


class OrdinaryUser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.umask(0o022)
        cls.user = cls.enterClassContext(User())
        cls.addClassCleanup(cls.expect_nothing_left)
        cls.house = cls.enterClassContext(House(image=False, user=cls.user))
        cls.home = f"{cls.house.folder}/h"
        cls.open_what_is_not_holms()
        cls.house.make_busybox()
        cls.serve("web", "-p", "127.0.0.1::8000")

    @classmethod
    def serve(cls, name, *options):
        cls.house.do("run", "-d", "--name", name, *options, "busybox", "sh", "-c", SERVE)
        with cls.house.start("logs", "-f", name) as logs:
            first = logs.stdout.readline()
            logs.kill()
        assert first == b"serving\n", first

    @classmethod
    def open_what_is_not_holms(cls):
        """All may look into every folder above holm's own, but for the runtime folder. Data and configuration are
        where they are without any variable."""
        for path in (f"{cls.home}/.local", f"{cls.home}/.local/share", f"{cls.home}/.config"):
            os.mkdir(path)
            os.chown(path, cls.user.uid, cls.user.gid)
        for path in (cls.house.folder, cls.home, f"{cls.house.folder}/c"):
            os.chmod(path, 0o755)
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            del cls.house.environment[variable]
        cls.house.data = f"{cls.home}/.local/share/holm"
        cls.control = f"{cls.home}/for-all"
        cls.write(cls.control, "look", 0o644)

    @classmethod
    def write(cls, path, text, mode):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(path, cls.user.uid, cls.user.gid)
        os.chmod(path, mode)

    @classmethod
    def expect_nothing_left(cls):
        wait_until(lambda: not cls.processes(), "the end of the user's last process")
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            with os.scandir(folder) as entries:
                files = [entry.path for entry in entries if entry.stat(follow_symlinks=False).st_uid == cls.user.uid]
            assert not files, files

    @classmethod
    def processes(cls):
        return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if cls.user.uid in identities(pid)]

    def paths(self):
        """All that holm has made. The kernel was put there by the test."""
        for top in (self.house.data, self.house.runtime, f"{self.house.folder}/c/holm", f"{self.home}/.config/holm"):
            for folder, folders, files in os.walk(top):
                if folder == f"{self.house.folder}/c/holm":
                    folders.remove("kernel")
                yield from (folder, *(f"{folder}/{name}" for name in files))

    # ---- what the user does ----

    def test_exit_codes(self):
        command = ["sh", "-c", "id -u; cat; exit 7"]
        echo = self.house.holm("run", "--rm", "-i", "busybox", *command, input="in and out", code=7)
        self.assertEqual(echo.stdout, "0\nin and out")
        self.house.holm("run", "--rm", "busybox", "no-such-program", code=127)
        self.assertEqual(list(self.house.containers()), ["web"])

    def test_exec(self):
        self.assertEqual(self.house.do("exec", "web", "cat", "/srv/index.html"), "an island")
        self.assertEqual(self.house.do("exec", "-u", "nobody", "web", "id", "-u"), "65534")
        for code, command in ((9, ["sh", "-c", "exit 9"]), (126, ["/etc"]), (127, ["no-such-program"])):
            self.house.holm("exec", "web", *command, code=code)
        self.assertEqual(self.house.do("logs", "web"), "serving")

    def test_copies(self):
        self.write(f"{self.home}/in", "there and back", 0o640)
        self.house.do("cp", f"{self.home}/in", "web:/tmp/in")
        self.assertEqual(self.house.do("exec", "web", "cat", "/tmp/in"), "there and back")
        self.house.do("cp", "web:/tmp/in", f"{self.home}/out")
        self.assertEqual(read(f"{self.home}/out"), "there and back")
        status = os.stat(f"{self.home}/out")
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (self.user.uid, self.user.gid, 0o640))

    def test_copies_of_others(self):
        self.house.holm("cp", "/etc/shadow", "web:/tmp/shadow", code=125)
        self.house.holm("exec", "web", "test", "-e", "/tmp/shadow", code=1)
        self.house.holm("cp", "web:/srv/index.html", "/etc/holm-was-here", code=125)
        self.assertFalse(os.path.exists("/etc/holm-was-here"))

    def test_published_port(self):
        (port,) = self.house.status("web")["ports"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port['hostPort']}/index.html", timeout=60) as page:
            self.assertEqual(page.read(), b"an island\n")
        self.assertEqual(self.listening(), [port["hostPort"]])
        # Another one, live; and those below 1024 are not for a user.
        added = int(self.house.do("port", "add", "web", f"127.0.0.1::{port['containerPort']}").rsplit(":", 1)[1])
        self.assertEqual(sorted(self.listening()), sorted([port["hostPort"], added]))
        refused = self.house.holm("port", "add", "web", "127.0.0.1:80:80", code=125).stderr
        self.assertIn("net.ipv4.ip_unprivileged_port_start=80", refused)
        self.house.do("port", "rm", "web", f"{added}:{port['containerPort']}")
        self.assertEqual(self.listening(), [port["hostPort"]])

    def listening(self):
        """The user's ports, by the kernel's tables: of TCP those that listen, of UDP those without a peer."""
        found = []
        for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
            for line in read(f"/proc/net/{table}").splitlines()[1:]:
                words = line.split()
                if words[3] == state and int(words[7]) == self.user.uid:
                    found.append(int(words[1].rpartition(":")[2], 16))
        return found

    def test_stop(self):
        self.serve("ends")
        self.house.do("stop", "ends")
        self.assertEqual(self.house.status("ends")["exitCode"], 3)
        self.assertEqual(self.house.do("logs", "ends"), "serving\nbye")
        self.house.do("rm", "ends")
        self.house.holm("inspect", "ends", code=125)
        self.house.expect_whole()

    # ---- what others see of it ----

    def test_modes(self):
        seen = {"-": 0, "d": 0, "s": 0}
        for path in self.paths():
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue  # of a process that has just ended
            kind = stat.filemode(status.st_mode)[0]
            seen[kind] = seen.get(kind, 0) + 1
            if kind != "l":
                self.assertEqual(status.st_mode & 0o077, 0, f"{path}: {stat.filemode(status.st_mode)}")
            self.assertEqual((status.st_uid, status.st_gid), (self.user.uid, self.user.gid), path)
        self.assertTrue(seen["-"] > 10 and seen["d"] > 10 and seen["s"] >= 3, seen)

    def test_another_user(self):
        tried = [self.home, self.control, f"{self.home}/.local/share", f"{self.house.folder}/r", *self.paths()]
        done = subprocess.run([*ANOTHER, "/usr/bin/python3", "-c", PROBE], input="\0".join(tried), text=True,
                              stdout=subprocess.PIPE, check=True, cwd="/", timeout=60)
        self.assertEqual(done.stdout.splitlines(), tried[:3])
        self.house.program, own = [*ANOTHER, *self.house.program[-1:]], self.house.program
        try:
            self.assertEqual(self.house.holm("exec", "web", "true").returncode, 125)
        finally:
            self.house.program = own

    def test_processes(self):
        """They are the user's alone, and have no name that any user of the host could dial."""
        pids = self.house.processes()
        self.assertLessEqual({"holm-shim", "holm-net"}, set(pids.values()))
        sockets = {read_link(path) for pid in pids for path in glob.glob(f"/proc/{pid}/fd/*")}
        self.assertTrue(any(name.startswith("socket:") for name in sockets))
        for pid, name in pids.items():
            self.assertLessEqual(identities(pid), {self.user.uid}, name)
        abstract = [line for line in read("/proc/net/unix").splitlines()[1:]
                    if line.split()[-1].startswith("@") and f"socket:[{line.split()[6]}]" in sockets]
        self.assertEqual(abstract, [])


if __name__ == "__main__":
    reason = reason_without()
    if reason:
        print(reason)
        sys.exit(77)
    unittest.main(verbosity=2)
