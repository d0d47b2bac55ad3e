"""A holm of its own for a benchmark: folders under /tmp, the image busybox, and everything gone at the end."""
import glob, os, select, statistics, subprocess, tempfile, time

BARS = "▁▂▃▄▅▆▇█"


def row(kind, values, unit):
    """One line: median, spread, and every value as a bar in its order."""
    top = max(values) or 1
    bars = "".join(BARS[min(7, int(v / top * 7.99))] for v in values)
    return (f"  {kind:24} median {statistics.median(values):9.1f} {unit:3}  "
            f"min {min(values):9.1f}  max {max(values):9.1f}  {bars}")


def wait_ends(processes, seconds=None):
    """Until these (descriptors, which are closed) have ended, or that long for each."""
    for process in processes:
        select.select([process], [], [], seconds)
        os.close(process)


class World:
    def __init__(self, holm):
        self.holm = os.path.realpath(holm)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hb-", dir="/tmp")
        cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "holm")
        self.kernel = os.path.realpath(os.environ.get("HOLM_KERNEL", f"{cache}/kernel/{os.uname().machine}/vmlinux"))
        self.environment = {**os.environ, "HOLM_KERNEL": self.kernel}
        for name, short in (("DATA_HOME", "d"), ("CACHE_HOME", "c"), ("CONFIG_HOME", "f"), ("RUNTIME_DIR", "r")):
            path = os.path.join(self.folder.name, short)
            os.mkdir(path, 0o700)
            self.environment["XDG_" + name] = path
        # Without templates: a cache of its own in which none is ever made.
        self.cold = {**self.environment, "XDG_CACHE_HOME": os.path.join(self.folder.name, "cold"),
                     "HOLM_TEMPLATE_MAKER": "/bin/false"}
        # With a pool of one machine that waits.
        self.pooled = {**self.environment, "XDG_CONFIG_HOME": os.path.join(self.folder.name, "pooled")}
        os.makedirs(f"{self.folder.name}/pooled/holm")
        with open(f"{self.folder.name}/pooled/holm/config.toml", "w") as file:
            file.write("[start]\npool = 1\n")
        root = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
        subprocess.run(["bash", "-c", '. "$0/tui/setup.sh" && setup_busybox "$1"', root, self.holm],
                       env=self.environment, check=True)
        return self

    def __exit__(self, *_):
        names = self.run("ls", "-a", "-q").split()
        if names:
            self.run("rm", "-f", *names)
        while cleaners := self.cleaners():
            wait_ends(cleaners)
        # What still writes into the folders; a spare that was just begun is ended by a command without a pool.
        while left := self.open_processes("holm-template", "holm-shim", "holm-spare"):
            wait_ends(left, seconds=0.5)
            subprocess.run([self.holm, "ls"], env={**self.environment, "XDG_CONFIG_HOME": f"{self.folder.name}/none"},
                           stdout=subprocess.DEVNULL, check=True)
        with open("/proc/self/mounts") as file:  # podman of root leaves its store mounted, its cleaner too
            for place in [line.split()[1] for line in file if line.split()[1].startswith(self.folder.name + "/")]:
                subprocess.run(["umount", place], check=True)
        self.folder.cleanup()

    def cleaners(self):
        """podman tidies its store in processes of its own, after it has answered, and one starts the next: descriptors
        of those that are there, readable when they have ended."""
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
                if os.path.basename(words[0]) in (b"podman", b"conmon") and any(
                        word.startswith(self.folder.name.encode()) for word in words):
                    found.append(os.pidfd_open(int(process)))
            except OSError:
                continue  # gone already
        return found

    def run(self, *arguments, **more):
        done = subprocess.run([self.holm, *arguments], env=self.environment, stdout=subprocess.PIPE, text=True, **more)
        if done.returncode:
            raise RuntimeError(f"holm {' '.join(arguments)}: exit code {done.returncode}")
        return done.stdout

    def refused(self, *arguments):
        """What it says where it refuses the command; else None."""
        done = subprocess.run([self.holm, *arguments], env=self.environment, capture_output=True, text=True)
        return done.stderr if done.returncode == 125 else None

    def wait_templates(self):
        """Templates are made in the background, each by a process that is there as soon as the machine is that wants it."""
        while makers := self.open_processes("holm-template"):
            wait_ends(makers)

    def open_processes(self, *names):
        """Descriptors of the processes of this holm with these names, readable when they have ended."""
        found = []
        for pid, name in self.processes():
            try:
                if name in names:
                    found.append(os.pidfd_open(pid))
            except ProcessLookupError:
                continue
        return found

    def wait_spare(self):
        """Until a machine of the pool waits, and stands still."""
        deadline = time.monotonic() + 60
        while not glob.glob(os.path.join(self.folder.name, "r/holm/s/*/spare.sock")):
            if time.monotonic() > deadline:
                raise RuntimeError("no machine of the pool is ready")
            time.sleep(0.02)
        time.sleep(3.5)

    def idle_memory(self, container):
        """What the host pays for a container that does nothing, as `holm stats` counts it, in MiB."""
        import json
        sample = json.loads(self.run("stats", "--no-stream", "--format", "json", container))
        sample = sample[0] if isinstance(sample, list) else sample
        return sample["hostMemoryBytes"] / (1 << 20)

    def processes(self):
        """The shims, networks and VMMs of this holm, as (pid, name)."""
        found, mark = [], f"XDG_DATA_HOME={self.folder.name}/".encode()
        for path in glob.glob("/proc/[0-9]*"):
            pid = int(path[6:])
            try:
                with open(f"{path}/environ", "rb") as file:
                    ours = mark in file.read()
                with open(f"{path}/stat") as file:
                    name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
                found.append((pid, name, int(rest.split()[1]), ours))
            except (OSError, ValueError):
                continue  # it has just ended
        ours = {pid for pid, name, _, own in found if own}
        # A VMM has an environment of its own; its parent is a shim.
        return [(pid, name) for pid, name, parent, own in found if own or (parent in ours and name.startswith("qemu"))]

    def wakeups(self, seconds):
        """How often a second any of their threads went to sleep by itself, and so was woken."""
        def count():
            total = 0
            for pid, _ in self.processes():
                for path in glob.glob(f"/proc/{pid}/task/*/status"):
                    try:
                        with open(path) as file:
                            total += next(int(l.split()[1]) for l in file if l.startswith("voluntary_ctxt"))
                    except (OSError, StopIteration):
                        continue
            return total
        before = count()
        time.sleep(seconds)  # the measured time
        return (count() - before) / seconds

    def memory_file(self):
        """MiB that the host has given to the memory file of the only machine there is."""
        for pid, name in self.processes():
            for path in glob.glob(f"/proc/{pid}/fd/*") if name.startswith("qemu") else []:
                if "guest-memory" in os.readlink(path):
                    return os.stat(path).st_blocks / 2048
        raise RuntimeError("there is no machine")

    def podman_ready(self):
        """Imports the same image into a podman store of its own; False where podman does not run here."""
        self.podman = ["podman", "--root", f"{self.folder.name}/p", "--runroot", f"{self.folder.name}/pr",
                       "--cgroup-manager", "cgroupfs"]
        archive = f"{self.folder.name}/busybox.tar"
        if subprocess.run([self.holm, "image", "save", "-o", archive, "busybox"], env=self.environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            return False
        if subprocess.run([*self.podman, "load", "-i", archive], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            return False
        return subprocess.run([*self.podman, "run", "--rm", "--network", "none", "busybox", "true"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def podman_run(self):
        subprocess.run([*self.podman, "run", "--rm", "--network", "none", "busybox", "echo", "out"], check=True,
                       stdout=subprocess.DEVNULL)
