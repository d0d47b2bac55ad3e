"""Starts holm-image as a front end does (core/image/image_client.h) and speaks to it with grpcio, which is not ours."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time

try:
    import grpc
except ImportError:
    sys.exit(77)

SOURCE = os.environ.get("HOLM_SOURCE", os.path.abspath(os.path.join(os.path.dirname(__file__), "../../..")))
BUILD = os.environ.get("HOLM_BUILD", os.path.join(SOURCE, "build/release"))


def load_messages(folder):
    subprocess.run(["protoc", "-I", SOURCE, "--python_out", folder, "core/image/image.proto"], check=True)
    sys.path.insert(0, folder)
    from core.image import image_pb2

    return image_pb2


class Worker:
    def __init__(self, folder, messages, home=None, **environment):
        self.folder, self.pb = folder, messages
        self.environment = dict(os.environ, HOME=home or folder, **environment)
        for name in ("DATA", "CACHE", "CONFIG"):
            self.environment[f"XDG_{name}_HOME"] = os.path.join(folder, name.lower())
        self.environment["XDG_RUNTIME_DIR"] = os.path.join(folder, "run")
        self.environment.pop("REGISTRY_AUTH_FILE", None)
        self.environment.pop("DOCKER_CONFIG", None)
        self.environment.update(environment)
        self.runtime = os.path.join(folder, "run", "holm")
        self.data = os.path.join(folder, "data", "holm")
        os.makedirs(self.runtime, 0o700, exist_ok=True)
        os.chmod(os.path.join(folder, "run"), 0o700)
        self.channel = None

    def start(self):
        path = os.path.join(self.runtime, "image.sock")
        lock = os.open(os.path.join(self.runtime, "image.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
        except OSError:
            # The shell arranges the descriptors: Python code after a fork beside grpc's threads would hang or abort.
            read, write = os.pipe()
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (write, lock)]
            program = os.path.join(BUILD, "libexec/holm/holm-image")
            line = f'exec "$0" 3>&{high[0]} 4>&{high[1]} {high[0]}>&- {high[1]}>&-'
            subprocess.run(["setsid", "-w", "bash", "-c", line, program], env=self.environment, pass_fds=high, check=True)
            for fd in high:
                os.close(fd)
            os.close(write)
            answer = os.read(read, 4096)
            os.close(read)
            assert answer == b"R", answer
        os.close(lock)
        self.channel = grpc.insecure_channel("unix:" + path)
        return self

    def pid(self):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(os.path.join(self.runtime, "image.sock"))
            return int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")

    def is_running(self):
        try:
            return self.pid() > 0
        except OSError:
            return False

    def kill(self):
        pid = self.pid()
        process = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        import select

        select.select([process], [], [], 10)
        os.close(process)
        self.channel.close()

    def stop(self):
        if not os.path.exists(os.path.join(self.runtime, "image.sock")):
            return
        try:
            pid = self.pid()
        except OSError:
            return
        process = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
        import select

        assert select.select([process], [], [], 20)[0], "holm-image does not end"
        os.close(process)

    def stream(self, method, request, answer=None, timeout=100):
        answer = answer or self.pb.Progress
        kind = self.channel.stream_stream if hasattr(request, "__next__") else self.channel.unary_stream
        call = kind("/holm.image.v1.Image/" + method, lambda m: m.SerializeToString(), answer.FromString)
        return call(request, timeout=timeout)

    def call(self, method, request, answer, timeout=100):
        call = self.channel.unary_unary("/holm.image.v1.Image/" + method, lambda m: m.SerializeToString(),
                                        answer.FromString)
        return call(request, timeout=timeout)

    def pull(self, reference, scheme="", platform="", concurrency=0):
        """The last progress, and every phase a layer has shown."""
        seen = set()
        request = self.pb.PullRequest(reference=reference, scheme=scheme, platform=platform,
                                      concurrency=concurrency)
        for progress in self.stream("Pull", request):
            seen.update(layer.phase for layer in progress.layers)
            last = progress
        assert last.done
        return last, seen

    def pulled(self, reference, **options):
        last, seen = self.pull(reference, **options)
        assert not last.error, last.error
        return last.digest, seen

    def refused(self, reference, code, **options):
        started = time.monotonic()
        last, _ = self.pull(reference, **options)
        assert last.error and last.error_code == code, (reference, last.error_code, last.error)
        assert time.monotonic() - started < 60, reference
        return last

    def remove(self, reference, force=False):
        return self.call("Remove", self.pb.RemoveRequest(reference=reference, force=force), self.pb.RemoveResponse)

    def files(self, *below):
        folder = os.path.join(self.data, *below)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
