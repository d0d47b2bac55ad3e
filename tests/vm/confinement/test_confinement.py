"""From inside every confined process: system calls are made as one of its own threads, each of its threads in turn, and must
be refused. That each of them can succeed is shown by the same calls in a process that is not confined, and that the way in
works by a file that the process does hold."""
import ctypes
import glob
import http.server
import os
import socket
import subprocess
import sys
import threading
import unittest

SOURCE = os.environ["HOLM_SOURCE"]
sys.path.insert(0, f"{SOURCE}/tests/vm/cli")
from house import BUILD, QEMU, House, read, read_link, wait_until  # noqa: E402
from user import User, reason_without  # noqa: E402

INJECT = f"{BUILD}/tests/vm/confinement/inject"
SECRET = "a marker that nobody confined may see"
LANDLOCK_SIGNALS = 6  # the version of Landlock from which on signals are confined
CREATE_RULESET = 444
REFUSALS = ("refused EACCES", "refused EPERM", "refused EXDEV")
NOT_THERE = "refused ENOENT"  # for who has a root of its own


OS = "/usr/lib/os-release"  # what QEMU may read, as all of /usr
OS_NAME = read(OS).splitlines()[0]


NEW_NETWORK = 0x40000000  # CLONE_NEWNET
libc = ctypes.CDLL(None, use_errno=True)


def landlock_version():
    return max(0, libc.syscall(CREATE_RULESET, None, 0, 1))


def inject(thread, attempts):
    """[(operation, argument)] inside the thread: what came of each."""
    words = [word for attempt in attempts for word in attempt]
    done = subprocess.run([INJECT, str(thread), *words], capture_output=True, text=True, timeout=120)
    if done.returncode == 2:
        raise AssertionError(f"{thread}: {done.stderr}")
    return done.stdout.splitlines()


class Silent(http.server.BaseHTTPRequestHandler):
    """A registry that never answers keeps the image worker at work."""
    def do_GET(self):
        self.server.over.wait()

    def log_message(self, *_):
        pass


class Confinement:
    user, network = None, ("--network", "default")

    @classmethod
    def setUpClass(cls):
        cls.house = House(user=cls.user)
        cls.started, cls.sockets = [], []
        cls.house.do("network", "create", "--internal", "other")
        cls.prepare()
        quiet = dict(cls.house.environment, HOLM_TEMPLATE_MAKER="/bin/false")
        first = cls.house.start("run", "-d", "--name", "one", *cls.network, "-m", "128m", "busybox", "sleep", "1000", environment=quiet)
        assert first.wait(120) == 0, first.communicate()
        first.communicate()
        cls.house.do("volume", "create", "kept")
        cls.put_markers()
        cls.listen()

    @classmethod
    def prepare(cls):
        """What comes before the first container."""

    @classmethod
    def tearDownClass(cls):
        cls.registry.over.set()
        cls.registry.shutdown()
        cls.registry.server_close()
        for process in cls.started:
            process.kill()
            process.communicate()
        for one in cls.sockets:
            one.close()
        cls.house.__exit__(None)

    @classmethod
    def own(cls, path):
        if cls.user:
            os.chown(path, cls.user.uid, cls.user.gid)
        return path

    @classmethod
    def put_markers(cls):
        """In the home that holm runs with, beside it, and in the home that the passwd file names."""
        home = cls.house.environment["HOME"]
        folders = [f"{home}/.ssh", f"{cls.house.folder}/beside"] + ([f"{cls.user.home}/.ssh"] if cls.user else [])
        cls.markers = []
        for folder in folders:
            os.mkdir(folder, 0o700)
            cls.own(folder)
            cls.markers.append(f"{folder}/id_ed25519")
            with open(cls.markers[-1], "w") as file:
                file.write(SECRET + "\n")
            os.chmod(cls.own(cls.markers[-1]), 0o600)

    @classmethod
    def listen(cls):
        """What a process of the user's could talk to: a datagram socket, a stream socket, a port on the loopback."""
        cls.registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
        cls.registry.daemon_threads = True
        cls.registry.over = threading.Event()
        threading.Thread(target=cls.registry.serve_forever, daemon=True).start()
        cls.mailbox, cls.door = f"{cls.house.folder}/mailbox", f"{cls.house.folder}/door"
        for path, kind in ((cls.mailbox, socket.SOCK_DGRAM), (cls.door, socket.SOCK_STREAM)):
            one = socket.socket(socket.AF_UNIX, kind)
            one.bind(path)
            cls.own(path)
            cls.sockets.append(one)
        cls.sockets[-1].listen(1000)

    # ---- what is tried ----

    def folder_of(self, name):
        return f"{self.house.data}/containers/{self.house.containers()[name]['id']}"

    def sockets_of_holm(self):
        return [path for path in glob.glob(f"{self.house.runtime}/**", recursive=True)
                if not os.path.islink(path) and os.path.exists(path) and os.stat(path).st_mode & 0o170000 == 0o140000]

    def attempts(self, target, link_to):
        """On the user's files, on the container `target` and on the host; and what comes last, as nothing comes after it."""
        folder, shim = self.folder_of(target), self.shim_of(target)
        tries = [("read", path) for path in (*self.markers, f"{folder}/rw.ext4", f"{folder}/config.json",
                                             f"{self.house.data}/volumes/{os.listdir(self.house.data + '/volumes')[0]}",
                                             f"/proc/{shim}/environ", f"/proc/{shim}/root{self.markers[0]}")]
        tries += [("list", path) for path in (os.path.dirname(self.markers[0]), self.house.folder, folder)]
        tries += [("write", path) for path in (*self.markers, f"{folder}/rw.ext4")]
        tries += [("link", f"{self.markers[0]} {link_to}/stolen"), ("create", f"{os.path.dirname(self.markers[1])}/made")]
        tries += [("connect", path) for path in (self.door, *self.sockets_of_holm())]
        return tries + [("send", self.mailbox), ("examine", str(shim)), ("signal", str(shim)),
                        ("dial", str(self.registry.server_port)), ("execute", "/bin/true")]

    def shim_of(self, name):
        return self.house.shim(self.house.containers()[name]["id"])

    def expect_refused(self, pid, program, target, own_folder, control, allowed=(), refusals=REFUSALS, more=()):
        """In every thread. `control` must succeed: (operation, argument, what is read)."""
        if landlock_version() < LANDLOCK_SIGNALS:
            allowed = (*allowed, "signal")
        attempts = [*more, *(one for one in self.attempts(target, own_folder) if one[0] not in allowed)]
        threads = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        for thread in threads:
            results = inject(thread, [control[:2], *attempts])
            self.assertEqual(results[:1], [f"{control[2]} done".strip()], f"{program}: the control")
            self.assertEqual(len(results), len(attempts) + 1, f"{program} ended: {results}")
            for attempt, result in zip(attempts, results[1:]):
                self.assertIn(result, refusals, f"{program}: {attempt}")
        self.assertEqual(read_link(f"/proc/{pid}/exe").rsplit("/", 1)[-1], program)
        print(f"{program}: {len(attempts)} attempts in each of {len(threads)} threads, all refused", flush=True)

    def expect_can(self, target):
        """The same attempts, by a process of the same user that is not confined."""
        free = subprocess.Popen([*self.house.program[:-1], "sleep", "1000"], env=self.house.environment)
        self.started.append(free)
        wait_until(lambda: read_link(f"/proc/{free.pid}/exe").endswith("/sleep"), "the unconfined process")
        attempts = self.attempts(target, self.house.data)
        results = inject(free.pid, attempts)
        os.unlink(f"{self.house.data}/stolen")
        os.unlink(f"{os.path.dirname(self.markers[1])}/made")
        self.assertEqual(len(results), len(attempts))
        for attempt, result in zip(attempts, results):
            self.assertRegex(result, r"(^| )done$", attempt)
            if attempt[1] in self.markers and attempt[0] == "read":
                self.assertEqual(result, f"{SECRET} done")

    # ---- who is confined ----

    def expect_network(self, network, more=()):
        switch = next(pid for pid in self.house.processes("holm-net") if f"\0{network}\0" in read(f"/proc/{pid}/cmdline"))
        folder, = glob.glob(f"{self.house.runtime}/n/{network}*")
        self.expect_refused(switch, "holm-net", "two", folder, ("read", "/etc/passwd", read("/etc/passwd").splitlines()[0]),
                            ("dial",), more=more)


class Processes(Confinement):
    def test_every_process(self):
        house = self.house
        house.do("run", "-d", "--name", "two", "-m", "128m", "busybox", "sleep", "1000")  # its maker makes a template
        maker = wait_until(self.maker_at_work, "a template that is made")
        self.expect_refused(maker, "holm-template", "two", house.environment["XDG_CACHE_HOME"] + "/holm",
                            ("read", OS, OS_NAME))
        self.started.append(house.start("pull", f"127.0.0.1:{self.registry.server_port}/never:1"))
        worker = wait_until(lambda: self.confined("holm-image"), "the image worker")
        self.expect_can("two")
        passwd = read("/etc/passwd").splitlines()[0]
        self.expect_refused(worker, "holm-image", "two", f"{house.data}/images", ("read", "/etc/passwd", passwd), ("dial",))
        self.expect_network("default")
        shim = self.shim_of("one")
        name = read(f"{self.folder_of('one')}/config.json").splitlines()[0][:256]
        # It may signal: that is how it ends the VMM.
        self.expect_refused(shim, "holm-shim", "two", self.folder_of("one"),
                            ("read", f"{self.folder_of('one')}/config.json", name), ("signal",))
        machine = next(pid for pid in house.processes(QEMU) if self.has_open(pid, self.folder_of("one")))
        self.expect_refused(machine, QEMU, "two", self.folder_of("one"),
                            ("read", OS, OS_NAME), ("execute",))
        self.expect_disk_reader()
        self.expect_watcher()
        self.assertEqual(house.do("exec", "one", "echo", "well"), "well")  # all of it goes on as if nothing had been
        self.assertEqual(house.do("exec", "two", "echo", "well"), "well")
        self.assertEqual(inject(machine, [("execute", "/bin/true")]), ["killed SYS"])  # by its own sandbox, for good

    def maker_at_work(self):
        for pid in self.house.processes("holm-template"):
            children = read(f"/proc/{pid}/task/{pid}/children").split()
            if any(read_link(f"/proc/{child}/exe").endswith(QEMU) for child in children):
                return pid
        return None

    def confined(self, program):
        """The process of a program that runs under a filter: those it was forked from, or forks before, do not."""
        return next((pid for pid in self.house.processes(program) if "Seccomp:\t2" in read(f"/proc/{pid}/status")), None)

    def has_open(self, pid, folder):
        return any(read_link(f"/proc/{pid}/fd/{fd}").startswith(folder) for fd in os.listdir(f"/proc/{pid}/fd"))

    def expect_watcher(self):
        """Of the folders that a container mounts. All it has to see is these, in a root of their own."""
        folder = f"{self.house.folder}/shared"
        os.mkdir(folder)
        with open(f"{folder}/file", "w") as file:
            file.write("shared\n")
        for path in (folder, f"{folder}/file"):
            self.own(path)
        self.house.do("run", "-d", "--name", "three", "-m", "128m", "-v", f"{folder}:/shared", "busybox", "sleep", "1000")
        (watcher,) = (pid for pid in self.house.processes("holm-share") if read(f"/proc/{pid}/comm").strip() == "holm-watch")
        self.expect_refused(watcher, "holm-share", "two", "/share", ("read", "/share/0/file", "shared"),
                            refusals=(*REFUSALS, NOT_THERE))

    def expect_disk_reader(self):
        """It has nowhere to write to, as nobody reads, and waits. What it holds is the disk, known by ext4's magic number."""
        self.started.append(self.house.start("export", "one"))
        reader = wait_until(lambda: self.confined("holm-disk"), "holm-disk")
        results = inject(reader, [("read", "/etc/passwd"), ("held", "3 1080")])
        self.assertEqual(results[0], "refused EACCES")
        self.expect_refused(reader, "holm-disk", "two", self.folder_of("one"), ("held", "3 1080", results[1][:-5]))
        self.assertTrue(results[1].startswith("S."), results)


@unittest.skipIf(landlock_version() == 0, "this kernel has no Landlock: files are not confined here, and holm's log says so")
class Own(Processes, unittest.TestCase):
    """As who runs the test."""


@unittest.skipIf(landlock_version() == 0, "this kernel has no Landlock: files are not confined here, and holm's log says so")
@unittest.skipIf(reason_without(), reason_without())
class Normal(Processes, unittest.TestCase):
    """As a normal user."""

    @classmethod
    def setUpClass(cls):
        cls.user = cls.enterClassContext(User())
        super().setUpClass()


class NetworkNamespace:
    """Of this process, until its end: what it starts meanwhile is in there, too."""

    def __enter__(self):
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY)
        if libc.unshare(NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def __exit__(self, *_):
        libc.setns(self.before, NEW_NETWORK)
        os.close(self.before)


@unittest.skipIf(landlock_version() == 0, "this kernel has no Landlock: files are not confined here, and holm's log says so")
@unittest.skipIf(os.geteuid() or not all(map(os.path.exists, ("/usr/sbin/nft", "/dev/net/tun"))),
                 "not root, no nft or no /dev/net/tun: no network with the driver bridge")
class Bridge(Confinement, unittest.TestCase):
    """A network's process that has a bridge of the host: more rights, and nft to be started."""
    network = ("--network", "back")

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(NetworkNamespace())
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.house.do("network", "create", "--driver", "bridge", "back")

    def test_network(self):
        self.house.do("run", "-d", "--name", "two", "-m", "128m", "busybox", "sleep", "1000")
        self.expect_can("two")
        more = [("write", path) for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/core_pattern", "/dev/net/tun",
                                             "/etc/resolv.conf", "/etc/nftables.conf")]
        self.expect_network("back", [one for one in more if os.path.exists(one[1])])
        self.house.do("run", "--rm", "--network", "back", "-m", "128m", "busybox", "true")  # it goes on making rules


if __name__ == "__main__":
    unittest.main(verbosity=2)
