"""Bare machines that run the benchmarks' load: holm's kernel under a plain QEMU, and the load as its only process."""
import io, os, pwd, shutil, socket, subprocess, tarfile, tempfile, time

import bare

MEMORY_MB = 256
HERE = os.path.dirname(os.path.abspath(__file__))
LOAD = os.path.join(HERE, "../../build/release/tests/bench/bench_load")
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"


def clock_arguments(load):
    """What holm tells its kernels of the clock: without it an emulated one never sleeps longer than a tick."""
    khz = int(subprocess.run([load, "clock"], stdout=subprocess.PIPE, check=True).stdout)
    return f" tsc=reliable tsc_early_khz={khz} lpj={khz}" if khz else ""


class Machine(bare.Machine):
    """One that waits for its devices: begin() lets it run, do() gives it a command of the load."""

    def __init__(self, folder, kernel, load, cpus):
        initramfs = f"{folder}/load.initramfs"
        if not os.path.exists(initramfs):
            with open(load, "rb") as file, open(initramfs, "wb") as out:
                out.write(bare.cpio_with_init(file.read()))
        memory = bare.memory_file(MEMORY_MB)
        self.processes, self.folders = [], []
        super().__init__(folder, {"kernel": kernel, "cpus": cpus, "memory_mb": MEMORY_MB, "initramfs": initramfs,
                                  "arguments": clock_arguments(load)}, memory, clone=False)
        os.close(memory)

    def begin(self):
        self.call("cont")
        self.lines = self.console.makefile("r", errors="replace")
        while self.lines.readline().strip() != "= ready":
            if self.process.poll() is not None:
                raise RuntimeError("the bare machine ended")

    def do(self, *words):
        """What the command has printed."""
        self.console.sendall(" ".join(map(str, words)).encode() + b"\n")
        said = []
        while line := self.lines.readline():
            if line.startswith("= done"):
                if line.split()[-1] != "0":
                    raise RuntimeError(f"bare machine: {' '.join(map(str, words))}: {''.join(said)}")
                return "".join(said).strip()
            if line.startswith("= "):
                said.append(line[2:])
        raise RuntimeError("the bare machine ended: " + "".join(said))

    def plug_card(self, **backend):
        self.call("netdev_add", id="net", **backend)
        self.call("device_add", driver="virtio-net-pci", netdev="net", id="nic", romfile="")

    def plug_user(self, port):
        """QEMU's own user network, with a port of the host's loopback that leads to 7."""
        self.plug_card(type="user", hostfwd=[{"str": f"tcp:127.0.0.1:{port}-:7"}])

    def plug_passt(self, port):
        """The same by passt, which speaks with QEMU over a stream socket. (QEMU 7.2 reads nothing from such a socket where it is
        given as a descriptor.)"""
        folder = tempfile.mkdtemp(prefix="passt-", dir="/tmp")
        if os.geteuid() == 0:  # it becomes nobody before it makes its socket
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        self.folders.append(folder)
        place = f"{folder}/socket"
        passt = subprocess.Popen(
            ["passt", "-f", "-q", "-1", "-s", place, "-4", "-a", "10.0.2.15", "-n", "24", "-g", "10.0.2.2",
             "-t", f"127.0.0.1/{port}:7", "-u", "none", "--no-dhcp"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self.processes.append(passt)
        # QEMU says nothing of a socket that nobody listens at, and who asks by connecting is taken for QEMU.
        while not listens(place):
            if passt.poll() is not None:
                raise RuntimeError("passt does not start")
            time.sleep(0.01)
        self.plug_card(type="stream", server=False, addr={"type": "unix", "path": place})

    def plug_pair(self, fd, mac):
        """One end of a socket pair, whose other end is another machine's card."""
        self.call("getfd", fd=fd, fdname="card")
        self.call("netdev_add", type="dgram", id="net", local={"type": "fd", "str": "card"})
        self.call("device_add", driver="virtio-net-pci", netdev="net", id="nic", romfile="", mac=mac)

    def plug_disk(self, path):
        self.call("blockdev-add", driver="raw", node_name="disk", file={"driver": "file", "filename": path})
        self.call("device_add", driver="virtio-blk-pci", drive="disk", id="blk")

    def plug_share(self, path):
        """A folder by virtiofsd as it comes, with nothing but its source said."""
        place = f"{self.folder}/share.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place)
            listener.listen(1)
            listener.set_inheritable(True)
            self.processes.append(subprocess.Popen(
                [*share_rights(), VIRTIOFSD, "-f", f"--fd={listener.fileno()}", "-o", f"source={path}"],
                pass_fds=(listener.fileno(),), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))
            with socket.socket(socket.AF_UNIX) as ours:
                ours.connect(place)
                self.call("getfd", fd=ours.fileno(), fdname="share")
        os.unlink(place)
        self.call("chardev-add", id="share", backend={"type": "socket", "data": {
            "addr": {"type": "fd", "data": {"str": "share"}}, "server": False}})
        self.call("device_add", driver="vhost-user-fs-pci", chardev="share", id="fs", tag="share")

    def quit(self):
        super().quit()
        for process in self.processes:
            process.kill()
            process.wait()
        for folder in self.folders:
            shutil.rmtree(folder)


def listens(path):
    with open("/proc/net/unix") as file:
        return any(line.rstrip().endswith(f" {path}") and line.split()[3] == "00010000" for line in file)


def share_rights():
    """In front of virtiofsd: a normal user runs it as root of a user namespace."""
    return [] if os.geteuid() == 0 else ["unshare", "--user", "--map-auto", "--map-root-user", "--mount", "--"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def import_load(world, load):
    """The image `load`: the program, and folders to mount at."""
    path = f"{world.folder.name}/load.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(load, "load")
        for name in ("tmp", "work"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(entry, io.BytesIO())
    world.run("image", "import", "--change", 'CMD ["/load", "serve", "7"]', path, "load:latest")
