"""A holm of its own in a temporary folder, and containers in it as an independent gRPC client sees them."""
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import grpc

LIBEXEC = os.environ["HOLM_TEST_LIBEXEC"]
SOURCE = os.environ["HOLM_TEST_SOURCE"]
KERNELS = os.path.expanduser("~/.cache/holm/kernel")
LAB = f"{LIBEXEC}/container_lab"
PF_EXITING = 4  # of linux/sched.h
WORK = tempfile.mkdtemp(prefix="holm-")

subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", f"{SOURCE}/core/container", "-I", SOURCE,
                f"--python_out={WORK}", f"--grpc_python_out={WORK}", f"{SOURCE}/core/container/shim.proto",
                f"{SOURCE}/guest/agent.proto"], check=True)
sys.path.insert(0, WORK)
import shim_pb2 as pb  # noqa: E402
import shim_pb2_grpc as rpc  # noqa: E402

ENVIRONMENT = dict(os.environ, XDG_DATA_HOME=f"{WORK}/d", XDG_CACHE_HOME=f"{WORK}/c", XDG_CONFIG_HOME=f"{WORK}/cfg",
                   XDG_RUNTIME_DIR=f"{WORK}/r", HOLM_LOG="debug")
ENVIRONMENT.pop("HOLM_FAULT", None)
DATA, RUNTIME = f"{WORK}/d/holm", f"{WORK}/r/holm"
for folder in ("d", "c/holm", "cfg", "r"):
    os.makedirs(f"{WORK}/{folder}")
os.symlink(KERNELS, f"{WORK}/c/holm/kernel")


def make_disks():
    root = f"{WORK}/root"
    for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "root"):
        os.makedirs(f"{root}/{folder}")
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    for name in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
        if name != "busybox":
            os.symlink("busybox", f"{root}/bin/{name}")
    with open(f"{root}/etc/passwd", "w") as f:
        f.write("root:x:0:0:root:/root:/bin/sh\n")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", root,
                    f"{WORK}/layer.img", "16M"], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", f"{WORK}/empty.img", "1G"], check=True)


make_disks()


def lab(*arguments, fault=None, check=True, **more):
    environment = dict(ENVIRONMENT, HOLM_FAULT=fault) if fault else ENVIRONMENT
    result = subprocess.run([LAB, *arguments], env=environment, capture_output=True, timeout=180, **more)
    if check and result.returncode:
        raise AssertionError(f"lab {arguments}: {result.returncode}: {result.stderr.decode()}")
    return result


def create(*command, options=(), fault=None, check=True):
    return lab("create", *options, f"{WORK}/layer.img", f"{WORK}/empty.img", *command, fault=fault,
               check=check).stdout.decode().strip()


def rows():
    return {row["id"]: row for row in json.loads(lab("list").stdout)}


def status(container):
    return rows()[container]["status"]


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def speaks_of(pid, container):
    """The command line of a process where it is one of the container's, or of those that are just ending: these have no
    command line any more, but their locks still. None: it is another one."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            line = f.read()
        with open(f"/proc/{pid}/stat") as f:
            name, fields = f.read().split("(", 1)[1].rsplit(")", 1)
    except OSError:
        return None
    state, flags = fields.split()[0], int(fields.split()[6])
    ending = not line and flags & PF_EXITING and name.startswith(("holm-shim", "qemu"))
    if state == "Z" or not (ending or container.encode() in line or container[:12].encode() in line):
        return None
    return line.replace(b"\0", b" ").decode(errors="replace")


def processes_of(container):
    """Every process of this world that speaks of the container: its shim, the helper, its VMM. One that has forked and is
    gone leaves a child that came after the list was read: it is read until nobody has come."""
    found, seen = [], {str(os.getpid())}
    while new := {pid for pid in os.listdir("/proc") if pid.isdigit()} - seen:
        seen |= new
        lines = [(int(pid), speaks_of(pid, container)) for pid in new]
        found += [(pid, line) for pid, line in lines if line is not None]
    return found


def shim_of(container):
    """The one whose parent is none of them: its helper is its child. (Process ids begin anew some time.)"""
    shims = [pid for pid, line in processes_of(container) if "holm-shim" in line]
    return next(pid for pid in shims if parent_of(pid) not in shims)


def wait_until(condition, what, seconds=60):
    """For what only another process knows: looks again, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class Container:
    """A container with its shim's stub."""

    def __init__(self, *command, options=()):
        self.id = create(*command, options=options)

    def launch(self):
        lab("launch", "-s", self.id)
        return self.connect()

    def connect(self):
        self.channel = grpc.insecure_channel(f"unix:{RUNTIME}/c/{self.id[:12]}/shim.sock",
                                             options=[("grpc.max_receive_message_length", 1 << 26),
                                                      ("grpc.http2.bdp_probe", 0)])
        self.shim = rpc.ShimStub(self.channel)
        return self

    def start(self):
        self.launch()
        self.shim.Start(pb.StartRequest(), timeout=120)
        return self

    def wait(self):
        return self.shim.Wait(pb.Empty(), timeout=120)

    def stop(self, **more):
        return self.shim.Stop(pb.StopRequest(**more), timeout=120)

    def exec(self, *arguments, **more):
        """Runs a command in it: (exit code, output)."""
        process = pb.ProcessConfiguration(arguments=arguments, **more)
        header = pb.AttachHeader(exec=process)
        output, code = b"", None
        for message in self.shim.Attach(iter([pb.AttachInput(header=header)]), timeout=120):
            output += message.stdout + message.stderr
            if message.WhichOneof("part") == "exit":
                code = message.exit.exit_code
        return code, output

    def log(self):
        with open(f"{DATA}/containers/{self.id}/log/shim.log") as f:
            return f.read()

    @property
    def folder(self):
        return f"{DATA}/containers/{self.id}"

    def vmm(self):
        return self.shim.Status(pb.Empty(), timeout=30).vm_pid


def end_all():
    for container in rows():
        for pid, line in processes_of(container):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    if not os.environ.get("HOLM_TEST_KEEP"):
        shutil.rmtree(WORK, ignore_errors=True)


atexit.register(end_all)
