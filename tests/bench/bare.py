"""The bare reference: a QEMU of the same shape as holm's, driven by events, with no holm code in it.

It has the same processors, memory, balloon, random device, two disks and a card; it has no vsock, whose other end would
be holm's own. A cold boot ends when PID 1 has read its disk. A clone starts from a template of such a machine: memory
copied sparse from a file, state loaded, devices plugged, and it ends at the same point.
"""
import json, os, socket, struct, subprocess, tempfile, time

ARGUMENTS = "console=ttyS0 quiet panic=-1 acpi=off pci=conf1 no_timer_check"


def cpio_with_init(program):
    def entry(name, mode, data=b"", rdev=(0, 0)):
        head = "070701" + "".join("%08x" % v for v in (
            0, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name) + 1, 0))
        raw = head.encode() + name.encode() + b"\0"
        raw += b"\0" * (-len(raw) % 4) + data
        return raw + b"\0" * (-len(raw) % 4)
    return (entry("dev", 0o40755) + entry("dev/console", 0o20600, rdev=(5, 1)) +
            entry("init", 0o100755, program) + entry("TRAILER!!!", 0))


class Machine:
    """One QEMU with its QMP and console as socket pairs."""

    def __init__(self, folder, shape, memory, clone):
        kernel, cpus, memory_mb = shape["kernel"], shape["cpus"], shape["memory_mb"]
        self.qmp_ours, qmp = socket.socketpair()
        self.console, console = socket.socketpair()
        self.card, self.card_far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        most = max(cpus, 2)  # as in vm/qemu_command.c
        arguments = [
            "qemu-system-x86_64", "-M", "pc,memory-backend=ram,usb=off,vmport=off", "-accel", "tcg,thread=multi",
            "-cpu", "max,-erms,-fsrm,-smap", "-smp", f"{cpus},maxcpus={most},sockets={most},cores=1,threads=1", "-m", f"{memory_mb}M",
            "-object", f"memory-backend-file,id=ram,size={memory_mb}M,mem-path=/proc/self/fd/{memory},share=on",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-nodefaults", "-no-user-config", "-no-reboot", "-S", "-display", "none",
            "-device", "virtio-balloon-pci,free-page-reporting=on", "-object", "rng-builtin,id=random",
            "-device", "virtio-rng-pci,rng=random",
            "-chardev", f"socket,id=control,fd={qmp.fileno()}", "-mon", "chardev=control,mode=control",
            "-chardev", f"socket,id=console,fd={console.fileno()}", "-serial", "chardev:console",
            "-kernel", kernel, "-initrd", shape["initramfs"],
            "-append", ARGUMENTS + shape.get("arguments", "") + (" clone" if clone or shape.get("template") else "")]
        if clone:
            arguments += ["-incoming", "defer"]
        # A session of its own, as holm's machines have: by sessions the scheduler shares a busy host out.
        self.process = subprocess.Popen(
            arguments, pass_fds=(qmp.fileno(), console.fileno(), memory), stderr=subprocess.DEVNULL, start_new_session=True)
        qmp.close(), console.close()
        self.stream = self.qmp_ours.makefile("r")
        self.events = []
        self.stream.readline()
        self.call("qmp_capabilities")
        self.folder, self.memory = folder, memory

    def call(self, name, fd=None, **arguments):
        message = json.dumps({"execute": name, "arguments": {
            k.replace("_", "-"): v for k, v in arguments.items()}}).encode() + b"\n"
        if fd is None:
            self.qmp_ours.sendall(message)
        else:
            socket.send_fds(self.qmp_ours, [message], [fd])
        while True:
            reply = json.loads(self.stream.readline())
            if "event" in reply:
                self.events.append(reply)
            elif "error" in reply:
                raise RuntimeError(f"{name}: {reply['error']['desc']}")
            else:
                return reply["return"]

    def wait_migration(self):
        while True:
            for event in self.events:
                if event["event"] == "MIGRATION" and event["data"]["status"] in ("completed", "failed"):
                    if event["data"]["status"] == "failed":
                        raise RuntimeError("migration failed")
                    self.events.clear()
                    return
            self.events = [json.loads(self.stream.readline())]

    def capabilities(self):
        self.call("migrate-set-capabilities", capabilities=[
            {"capability": "x-ignore-shared", "state": True}, {"capability": "events", "state": True}])

    def plug(self):
        for n in (0, 1):
            self.call("blockdev-add", driver="raw", node_name=f"disk{n}",
                      file={"driver": "file", "filename": f"{self.folder}/disk{n}"})
            self.call("device_add", driver="virtio-blk-pci", drive=f"disk{n}", id=f"blk{n}")
        self.call("getfd", fd=self.card_far.fileno(), fdname="card")
        self.call("netdev_add", type="dgram", id="net", local={"type": "fd", "str": "card"})
        self.call("device_add", driver="virtio-net-pci", netdev="net", id="nic", romfile="")

    def read_until(self, word):
        seen = b""
        while word not in seen:
            got = self.console.recv(4096)
            if not got:
                raise RuntimeError("the bare machine ended: " + seen.decode(errors="replace"))
            seen += got
        while not seen.endswith(b"\n"):
            seen += self.console.recv(4096)
        return seen

    def host_mib(self):
        """What the host pays: QEMU's own share of its pages, and all blocks of the memory file."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in f if line.startswith("Pss")}
        return (sizes["Pss"] - sizes["Pss_Shmem"]) / 1024 + os.fstat(self.memory).st_blocks / 2048

    def quit(self):
        self.process.kill()
        self.process.wait()
        for s in (self.qmp_ours, self.console, self.card, self.card_far):
            s.close()


def memory_file(size_mb):
    fd = os.memfd_create("bare")
    os.ftruncate(fd, size_mb << 20)
    return fd


def copy_sparse(source, target, size):
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(source, offset, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(source, offset, os.SEEK_HOLE)
        os.lseek(target, offset, os.SEEK_SET)
        while offset < end:
            offset += os.sendfile(target, source, offset, end - offset)


class Bare:
    """Boots and clones bare machines of one shape: {"kernel", "cpus", "memory_mb"}."""

    def __init__(self, kernel, cpus, memory_mb):
        self.folder = tempfile.TemporaryDirectory()
        here = os.path.dirname(os.path.abspath(__file__))
        program = f"{self.folder.name}/init"
        subprocess.run(["gcc", "-O2", "-static", "-o", program, f"{here}/bare_init.c"], check=True)
        initramfs = f"{self.folder.name}/initramfs"
        with open(program, "rb") as f, open(initramfs, "wb") as out:
            out.write(cpio_with_init(f.read()))
        for n in (0, 1):
            with open(f"{self.folder.name}/disk{n}", "wb") as f:
                f.truncate(64 << 20)
        self.shape = {"kernel": kernel, "cpus": cpus, "memory_mb": memory_mb, "initramfs": initramfs}
        self.template_memory = None

    def boot(self):
        """Milliseconds from nothing to a PID 1 that has read its disk, and the MiB it then costs."""
        memory = memory_file(self.shape["memory_mb"])
        begin = time.monotonic()
        machine = Machine(self.folder.name, self.shape, memory, clone=False)
        machine.plug()
        machine.call("cont")
        machine.read_until(b"DONE")
        taken = (time.monotonic() - begin) * 1e3
        paid = machine.host_mib()
        machine.quit()
        os.close(memory)
        return taken, paid

    def make_template(self):
        self.template_memory = memory_file(self.shape["memory_mb"])
        machine = Machine(self.folder.name, {**self.shape, "template": True}, self.template_memory, clone=False)
        machine.call("cont")
        machine.read_until(b"READY")
        machine.call("stop")
        machine.capabilities()
        self.state = f"{self.folder.name}/state"
        with open(self.state, "wb") as f:
            machine.call("getfd", fd=f.fileno(), fdname="state")
            machine.call("migrate", uri="fd:state")
            machine.wait_migration()
        machine.quit()

    def clone(self):
        if self.template_memory is None:
            self.make_template()
        begin = time.monotonic()
        memory = memory_file(self.shape["memory_mb"])
        machine = Machine(self.folder.name, self.shape, memory, clone=True)
        copy_sparse(self.template_memory, memory, self.shape["memory_mb"] << 20)
        machine.capabilities()
        with open(self.state, "rb") as f:
            machine.call("getfd", fd=f.fileno(), fdname="state")
            machine.call("migrate-incoming", uri="fd:state")
            machine.wait_migration()
        machine.plug()
        machine.call("cont")
        machine.console.sendall(b"go\n")
        machine.read_until(b"DONE")
        taken = (time.monotonic() - begin) * 1e3
        paid = machine.host_mib()
        machine.quit()
        os.close(memory)
        return taken, paid
