"""A machine with the agent in it, and the agent as an independent gRPC client sees it."""
import os
import shutil
import subprocess
import sys
import tempfile

import grpc

KERNEL = os.environ.get("HOLM_TEST_KERNEL") or os.path.expanduser("~/.cache/holm/kernel/x86_64/vmlinux")
MACHINE = os.environ["HOLM_TEST_MACHINE"]
INITRAMFS = os.environ["HOLM_TEST_INITRAMFS"]
PROTO = os.environ["HOLM_TEST_PROTO"]
MAC = "52:54:00:12:34:56"


def load_messages(folder):
    """The messages and the stub, generated from the .proto by grpc_tools."""
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", os.path.dirname(PROTO),
                    f"--python_out={folder}", f"--grpc_python_out={folder}", PROTO], check=True)
    sys.path.insert(0, folder)
    import agent_pb2
    import agent_pb2_grpc
    return agent_pb2, agent_pb2_grpc


WORK = tempfile.mkdtemp(prefix="holm-agent-")
pb, rpc = load_messages(WORK)

PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n"
GROUP = "root:x:0:\nalice:x:1000:\nstaff:x:50:alice\naudio:x:29:bob,alice\ntty:x:5:\n"


def make_layers():
    """Two layers: busybox with its names, and a second one that covers a file of the first."""
    first, second = f"{WORK}/first", f"{WORK}/second"
    for path in ("bin", "etc", "tmp", "root", "proc", "sys", "dev", "usr/bin", "home/alice", "var"):
        os.makedirs(f"{first}/{path}")
    shutil.copy("/usr/bin/busybox", f"{first}/bin/busybox")
    for name in subprocess.check_output(["/usr/bin/busybox", "--list"], text=True).split():
        if name != "busybox":
            os.symlink("busybox", f"{first}/bin/{name}")
    files = {"etc/passwd": PASSWD, "etc/group": GROUP, "etc/layer": "first\n", "etc/machine-id": "",
             "bin/not-executable": "x", "bin/wrong-format": "no program\n"}
    for name, text in files.items():
        with open(f"{first}/{name}", "w") as f:
            f.write(text)
    os.chmod(f"{first}/bin/wrong-format", 0o755)
    os.makedirs(f"{second}/etc")
    with open(f"{second}/etc/layer", "w") as f:
        f.write("second\n")
    for name, size in (("first", "16M"), ("second", "4M")):
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d",
                        f"{WORK}/{name}", f"{WORK}/{name}.img", size], check=True)
    return [f"{WORK}/first.img", f"{WORK}/second.img"]


LAYERS = make_layers()


class Guest:
    """One running machine. `agent` is the stub; `prepare` must come before the first process."""

    def __init__(self, memory_mib=256):
        self.folder = tempfile.mkdtemp(prefix="m", dir=WORK)
        self.writable = f"{self.folder}/writable.img"
        subprocess.run(["mke2fs", "-q", "-t", "ext4", self.writable, "256M"], check=True)
        self.process = subprocess.Popen([MACHINE, self.folder, KERNEL, INITRAMFS, str(memory_mib), self.writable, *LAYERS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the machine did not come up:\n" + self.log())
        # Without the probe the window stays as it is: on a busy machine it grew beyond what a reader is to leave unread.
        options = [("grpc.max_receive_message_length", 1 << 26), ("grpc.http2.bdp_probe", 0)]
        self.channel = grpc.insecure_channel(f"unix:{self.folder}/agent.sock", options=options)
        self.agent = rpc.AgentStub(self.channel)

    def log(self):
        with open(f"{self.folder}/boot.log", errors="replace") as f:
            return f.read()

    def prepare(self, **more):
        request = pb.PrepareRequest(
            entropy=os.urandom(64), hostname="island", unix_ns=1_800_000_000_000_000_000,
            root=pb.RootFilesystem(layers_device="/dev/vda", layer_count=len(LAYERS), writable_device="/dev/vdb"))
        request.MergeFrom(pb.PrepareRequest(**more))
        return self.agent.Prepare(request)

    def start(self, name, arguments, **process):
        process.setdefault("arguments", arguments)
        return self.agent.CreateProcess(pb.CreateProcessRequest(name=name, process=pb.Process(**process), start=True)).pid

    def attach(self, name, inputs=()):
        def requests():
            yield pb.AttachInput(header=pb.AttachHeader(process=name))
            yield from inputs
        return self.agent.Attach(requests())

    def collect(self, name, inputs=()):
        """Everything the process says: (standard output, standard error, its exit)."""
        out, err, end = b"", b"", None
        for message in self.attach(name, inputs):
            part = message.WhichOneof("part")
            if part == "stdout":
                out += message.stdout
            elif part == "stderr":
                err += message.stderr
            elif part == "exit":
                end = message.exit
        return out, err, end

    def run(self, command, name="x", **process):
        """A shell command to its end, as `exec` does it."""
        self.start(name, ["sh", "-c", command], **process)
        out, err, end = self.collect(name)
        self.agent.DeleteProcess(pb.ProcessRequest(name=name))
        return out.decode(), err.decode(), end.exit_code

    def stop(self):
        self.channel.close()
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def clean_up():
    shutil.rmtree(WORK, ignore_errors=True)
