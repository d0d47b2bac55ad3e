"""A holm of its own in a temporary folder, used as a person uses it: through the command line."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE = os.environ["HOLM_BUILD"], os.environ["HOLM_SOURCE"]
HOLM = f"{BUILD}/bin/holm"
MARK = "HOLM_TEST_HOUSE"
QEMU = f"qemu-system-{os.uname().machine}"
KERNELS = os.path.realpath(os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "holm/kernel"))
FOLDERS = (("XDG_DATA_HOME", "d"), ("XDG_CACHE_HOME", "c"), ("XDG_CONFIG_HOME", "f"), ("XDG_RUNTIME_DIR", "r"))


def wait_until(condition, what, seconds=60):
    """For what only another process knows: looks again, with a deadline. Returns what the condition gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def need_busybox():
    """Ends the test with its reason where there is no image to be made of it."""
    if not os.path.exists("/bin/busybox"):
        print("busybox is not installed")
        sys.exit(77)


def need_virtiofsd():
    """Ends the test with its reason where no folder of the host can be shared."""
    if not os.access("/usr/lib/qemu/virtiofsd", os.X_OK):
        print("virtiofsd is not installed")
        sys.exit(77)


def share_daemons(folder):
    """The daemons that share something in this folder, by what they have mounted."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # A process in a user namespace of its own keeps its links to itself; its mounts say whose it is.
        if read(f"/proc/{pid}/comm").strip() == "virtiofsd" and folder in read(f"/proc/{pid}/mountinfo"):
            found.append(int(pid))
    return found


def run_steps(*steps):
    """One after the other, each on what those before have left."""
    for step in steps:
        print(step.__name__, flush=True)
        step()


def read(path, mode="r"):
    """What a file holds; nothing where it has gone."""
    try:
        with open(path, mode) as file:
            return file.read()
    except OSError:
        return "" if mode == "r" else b""


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


class House:
    """with House() as house: …  Its processes are known by a mark in their environment, and must all be gone when
    it closes."""

    def __init__(self, image=True, user=None, **environment):
        self.folder = tempfile.mkdtemp(prefix="hh-", dir="/tmp")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("HOLM_")}
        self.environment |= {MARK: self.folder, "HOME": f"{self.folder}/h", "LC_ALL": "C.UTF-8"}
        os.mkdir(f"{self.folder}/h", 0o700)
        for variable, name in FOLDERS:
            os.makedirs(f"{self.folder}/{name}/holm", 0o700)
            os.chmod(f"{self.folder}/{name}", 0o700)
            self.environment[variable] = f"{self.folder}/{name}"
        self.program, self.directory = [HOLM], None
        if user:
            self.belong_to(user)
        else:
            os.symlink(KERNELS, f"{self.folder}/c/holm/kernel")
        self.environment |= environment
        self.data, self.runtime = f"{self.folder}/d/holm", f"{self.folder}/r/holm"
        if image:
            self.make_busybox()

    def belong_to(self, user):
        """The folders are the user's, and so is who runs in it; holm is installed where the user can read it."""
        subprocess.run(["cmake", "--install", BUILD, "--prefix", f"{self.folder}/i"], check=True, stdout=subprocess.DEVNULL)
        os.mkdir(f"{self.folder}/c/holm/kernel")
        subprocess.run(["cp", "-rL", f"{KERNELS}/{os.uname().machine}", f"{self.folder}/c/holm/kernel"], check=True)
        for folder, _, files in os.walk(self.folder):
            if not folder.startswith(f"{self.folder}/i"):
                for path in (folder, *(f"{folder}/{name}" for name in files)):
                    os.chown(path, user.uid, user.gid)
        self.environment |= {"USER": user.name, "LOGNAME": user.name}
        self.program, self.directory = [*user.prefix, f"{self.folder}/i/bin/holm"], self.folder

    def make_busybox(self):
        *prefix, holm = self.program
        subprocess.run(["bash", "-c", '. "$0/tui/setup.sh"; run="$(declare -f); setup_busybox $1"; shift;'
                        ' "$@" bash -ec "$run"', SOURCE, holm, *(prefix or ["env"])], check=True, env=self.environment,
                       cwd=self.directory)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            names = self.holm("ls", "-aq").stdout.split()
            if names:
                self.holm("rm", "-f", *names)
            left = self.wait_alone(check=kind is None)
        finally:
            for pid in self.processes():
                self.kill(pid)
            if os.path.ismount(f"{self.folder}/d"):
                subprocess.run(["umount", f"{self.folder}/d"], check=False)
            subprocess.run(["rm", "-rf", self.folder], check=False)
        assert kind or not left, left

    # ---- commands ----

    def holm(self, *arguments, timeout=180, code=None, **more):
        """Runs a command to its end. Its streams are bytes with text=False."""
        more = {"text": True, "stdin": subprocess.DEVNULL} | more
        if "input" in more:
            del more["stdin"]
        done = subprocess.run([*self.program, *arguments], env=self.environment, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, **more)
        if code is not None and done.returncode != code:
            raise AssertionError(f"holm {' '.join(arguments)}: {done.returncode}, not {code}: {done.stdout}{done.stderr}")
        return done

    def do(self, *arguments, **more):
        """What a command that must succeed has printed."""
        return self.holm(*arguments, code=0, **more).stdout.strip()

    def start(self, *arguments, environment=None, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen([*self.program, *arguments], env=environment or self.environment, cwd=self.directory, **more)

    def json(self, *arguments):
        return json.loads(self.do(*arguments, "--format", "json"))

    def status(self, container):
        return self.json("inspect", container)[0]["status"]

    def containers(self):
        return {row["configuration"]["name"]: row for row in self.json("ls", "-a")}

    # ---- what is there ----

    def processes(self, *names):
        """{pid: name} of this house, of these programs or all. Zombies do not count."""
        found = {}
        mark = f"{MARK}={self.folder}".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            program = read_link(f"/proc/{pid}/exe").rsplit("/", 1)[-1]
            if int(pid) == os.getpid() or (names and program not in names):
                continue
            # These are given an environment of their own: they are known by their disks.
            ours = self.has_open(pid) if program in (QEMU, "holm-disk") else mark in read(f"/proc/{pid}/environ", "rb").split(b"\0")
            if ours:
                found[int(pid)] = program
        return found

    def shim(self, identity=""):
        """The shim whose command line has this: its parent is none of them, as its helper's is."""
        shims = [pid for pid in self.processes("holm-shim") if identity in read(f"/proc/{pid}/cmdline")]
        return next(pid for pid in shims if int(read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[1]) not in shims)

    def has_open(self, pid):
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            return False
        return any(read_link(f"/proc/{pid}/fd/{name}").startswith(self.folder) for name in names)

    def kill(self, pid, number=signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def wait_alone(self, check=True, seconds=60):
        """Until no process of the house is left: the image worker ends by itself when it is idle."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and check and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def folders(self):
        path = f"{self.data}/containers"
        return sorted(name for name in os.listdir(path) if not name.startswith(".")) if os.path.isdir(path) else []

    def expect_whole(self):
        """Rows and folders are the same containers, and what is at rest has no process and no socket."""
        rows = self.containers()
        ids = sorted(row["id"] for row in rows.values())
        assert ids == self.folders(), (ids, self.folders())
        resting = {row["id"] for row in rows.values() if row["status"]["state"] in ("created", "exited")}
        for container in resting:
            socket = f"{self.runtime}/c/{container[:12]}"
            wait_until(lambda: not os.path.exists(socket), f"the end of {socket}", 20)
        if len(resting) == len(rows):
            wait_until(lambda: not self.processes("holm-shim", QEMU), "the end of all machines", 30)
        return rows
