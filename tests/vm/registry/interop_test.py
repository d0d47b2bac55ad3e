"""Beside other tools, over Debian's docker-registry: what they push we pull and run, what we push they pull, and every digest is
the same. Then what a registry does that wants tokens, that breaks off, and a push that is cancelled."""
import base64
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from command_test import run_tests  # noqa: E402
from house import wait_until  # noqa: E402
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402
from index_image import digest_there, tar_of  # noqa: E402
from registry import Registry  # noqa: E402
from worker import load_messages  # noqa: E402

for tool in ("docker-registry", "skopeo", "umoci", "podman", "buildah", "openssl", "protoc", "busybox"):
    if not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)

TELLING = ["/bin/busybox", "cat", "/told"]


def told_by(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def root_tar(house, text):
    """A root file system that runs and has something to say."""
    path = f"{house.folder}/h/root.tar"
    with open("/bin/busybox", "rb") as file, open(path, "wb") as out:
        out.write(tar_of({"bin": None, "bin/busybox": file.read(), "told": text.encode()}))
    return path


# ---- the others: each makes and pushes an image, and pulls one and reads its /told ----

class Skopeo:
    """With umoci, which makes images and unpacks them."""

    def __init__(self, folder):
        self.layout = f"{folder}/layout"
        told_by("umoci", "init", "--layout", self.layout)

    def push(self, tar, name):
        told_by("umoci", "new", "--image", f"{self.layout}:made")
        told_by("umoci", "raw", "add-layer", "--image", f"{self.layout}:made", tar)
        told_by("umoci", "config", "--image", f"{self.layout}:made", *(f"--config.cmd={word}" for word in TELLING))
        told_by("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{self.layout}:made", f"docker://{name}")

    def pull(self, name):
        folder = self.layout + ".taken"
        told_by("skopeo", "copy", "-q", "--preserve-digests", "--src-tls-verify=false", f"docker://{name}",
                f"oci:{self.layout}:taken")
        told_by("umoci", "unpack", "--image", f"{self.layout}:taken", folder)
        with open(f"{folder}/rootfs/told") as file:
            return json.loads(told_by("skopeo", "inspect", f"oci:{self.layout}:taken"))["Digest"], file.read()


class Podman:
    def __init__(self, folder):
        self.folder = folder
        self.podman = ("podman", "--root", f"{folder}/p", "--runroot", f"{folder}/pr", "--tmpdir", f"{folder}/pt",
                       "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none")

    def push(self, tar, name):
        told_by(*self.podman, "import", "-q", "-c", f"CMD {json.dumps(TELLING)}", tar, name)
        told_by(*self.podman, "push", "-q", "--tls-verify=false", name)

    def pull(self, name):
        told_by(*self.podman, "pull", "-q", "--tls-verify=false", name)
        digest = told_by(*self.podman, "image", "inspect", "--format", "{{.Digest}}", name)
        root = told_by(*self.podman, "image", "mount", name)
        with open(f"{root}/told") as file:
            text = file.read()
        told_by(*self.podman, "image", "umount", name)
        return digest, text

    def push_index(self, name, parts):
        """An index of these images, as its users make one."""
        told_by(*self.podman, "manifest", "create", "together:v1")
        for part in parts:
            told_by(*self.podman, "manifest", "add", "--tls-verify=false", "--all", "together:v1", f"docker://{part}")
        told_by(*self.podman, "manifest", "push", "-q", "--all", "--tls-verify=false", "together:v1", f"docker://{name}")


class Buildah:
    def __init__(self, folder):
        self.buildah = ("buildah", "--root", f"{folder}/b", "--runroot", f"{folder}/br", "--storage-driver", "vfs")

    def push(self, tar, name):
        container = told_by(*self.buildah, "from", "scratch")
        told_by(*self.buildah, "add", "-q", container, tar, "/")
        told_by(*self.buildah, "config", "--cmd", json.dumps(TELLING), container)
        told_by(*self.buildah, "commit", "-q", "--rm", container, name)
        told_by(*self.buildah, "push", "-q", "--tls-verify=false", name)

    def pull(self, name):
        told_by(*self.buildah, "pull", "-q", "--tls-verify=false", name)
        digest = json.loads(told_by(*self.buildah, "images", "--json", name))[0]["digest"]
        container = told_by(*self.buildah, "from", "--pull-never", name)
        root = told_by(*self.buildah, "mount", container)
        with open(f"{root}/told") as file:
            text = file.read()
        told_by(*self.buildah, "rm", container)
        return digest, text


def both_ways(house, kind):
    registry = Registry(house.folder)
    try:
        tool = kind(f"{house.folder}/h")
        theirs, ours = f"{registry.host}/theirs/image:v1", f"{registry.host}/ours/image:v1"
        tool.push(root_tar(house, "made by them"), theirs)
        assert house.do("pull", "-q", theirs) == digest_there(theirs)
        assert house.do("run", "--rm", theirs) == "made by them"
        house.do("import", "-c", f"CMD {json.dumps(TELLING)}", root_tar(house, "made by us"), ours)
        digest = house.do("push", "-q", ours)
        assert digest == digest_there(ours)
        assert tool.pull(ours) == (digest, "made by us")
        # What was pulled goes on as it is.
        copy = f"{registry.host}/copy:v2"
        house.do("tag", theirs, copy)
        assert house.do("push", "-q", copy) == digest_there(theirs) == digest_there(copy)
    finally:
        registry.close()


def test_skopeo_and_umoci(house):
    both_ways(house, Skopeo)


def test_podman(house):
    both_ways(house, Podman)


def test_buildah(house):
    both_ways(house, Buildah)


def test_index_of_podman(house):
    registry = Registry(house.folder)
    try:
        podman, tar = Podman(f"{house.folder}/h"), root_tar(house, "one of two")
        parts = [f"{registry.host}/part:{number}" for number in range(2)]
        name, copy = f"{registry.host}/both:v1", f"{registry.host}/copy:v1"
        podman.push(tar, parts[0])
        house.do("pull", "-q", parts[0])
        # The same root for another machine.
        skopeo = ("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{parts[0]}", f"dir:{house.folder}/h/dir")
        told_by(*skopeo)
        another_machine(f"{house.folder}/h/dir")
        told_by("skopeo", "copy", "-q", "--dest-tls-verify=false", f"dir:{house.folder}/h/dir", f"docker://{parts[1]}")
        podman.push_index(name, parts)
        assert house.do("pull", "-q", "--all-platforms", name) == digest_there(name)
        assert len([row for row in house.json("images") if name in row["configuration"]["references"]]) == 2
        assert house.do("run", "--rm", name) == "one of two"
        house.do("tag", name, copy)
        assert house.do("push", "-q", copy) == digest_there(name) == digest_there(copy)
        assert podman.pull(copy)[1] == "one of two"
    finally:
        registry.close()


def another_machine(folder):
    """Changes the image in a `dir:` to one for another architecture."""
    import hashlib
    with open(f"{folder}/manifest.json") as file:
        manifest = json.load(file)
    with open(f"{folder}/{manifest['config']['digest'][7:]}") as file:
        config = json.load(file)
    config["architecture"] = "riscv64"
    raw = json.dumps(config).encode()
    manifest["config"] |= {"digest": "sha256:" + hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    with open(f"{folder}/{manifest['config']['digest'][7:]}", "wb") as file:
        file.write(raw)
    with open(f"{folder}/manifest.json", "w") as file:
        json.dump(manifest, file)


def test_commit(house):
    """The layer that a container has made goes along, and comes back."""
    registry = Registry(house.folder)
    try:
        base, made = f"{registry.host}/base:v1", f"{registry.host}/made:v1"
        skopeo = Skopeo(f"{house.folder}/h")
        skopeo.push(root_tar(house, "before"), base)
        house.do("pull", "-q", base)
        house.do("run", "--name", "busy", base, "/bin/busybox", "sh", "-c", "echo after >/told")
        house.do("commit", "busy", made)
        digest = house.do("push", "-q", made)
        assert skopeo.pull(made) == (digest, "after\n")
        house.do("rm", "busy")
        house.do("rmi", made, base)
        assert house.do("pull", "-q", made) == digest and house.do("run", "--rm", made) == "after"
    finally:
        registry.close()


# ---- a token service, as the distribution project words it, with Debian's registry believing in it ----

class Tokens(BaseHTTPRequestHandler):
    """Anna may do everything, Ben may pull, nobody else anything."""
    protocol_version = "HTTP/1.1"
    RIGHTS = {"anna": ("pull", "push"), "ben": ("pull",)}

    def log_message(self, *_):
        pass

    def do_GET(self):
        from urllib.parse import parse_qs, urlsplit
        query = parse_qs(urlsplit(self.path).query)
        kind, _, words = self.headers.get("Authorization", "").partition(" ")
        user = base64.b64decode(words).decode().partition(":")[0] if kind == "Basic" else ""
        scopes = [scope for many in query.get("scope", []) for scope in many.split(" ")]
        self.server.asked.append((user, scopes))
        access = []
        for scope in scopes:
            what, name, actions = scope.split(":")
            access.append({"type": what, "name": name,
                           "actions": [action for action in actions.split(",") if action in self.RIGHTS.get(user, ())]})
        body = json.dumps({"token": self.server.sign(user, access), "expires_in": 300}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class TokenService(ThreadingHTTPServer):
    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Tokens)
        self.folder, self.asked = folder, []
        os.makedirs(folder)
        told_by("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests", "-keyout",
                f"{folder}/key", "-out", f"{folder}/ca.crt")
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.certificate = f"{self.folder}/ca.crt"
        self.settings = {"token": {"realm": f"http://127.0.0.1:{self.server_address[1]}/token", "service": "registry",
                                   "issuer": "tests", "rootcertbundle": self.certificate}}

    def sign(self, user, access):
        with open(self.certificate) as file:
            der = "".join(line.strip() for line in file if "-----" not in line)
        now = int(time.time())
        parts = [{"typ": "JWT", "alg": "RS256", "x5c": [der]},
                 {"iss": "tests", "sub": user, "aud": "registry", "exp": now + 300, "nbf": now - 10, "iat": now,
                  "jti": secrets.token_hex(8), "access": access}]
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{self.folder}/key"], input=text.encode(),
                                   capture_output=True, check=True).stdout
        return text + "." + base64.urlsafe_b64encode(signature).decode().rstrip("=")


def be(house, host, user):
    os.makedirs(f"{house.folder}/f/containers", exist_ok=True)
    with open(f"{house.folder}/f/containers/auth.json", "w") as file:
        json.dump({"auths": {host: {"auth": base64.b64encode(f"{user}:x".encode()).decode()}}}, file)


def test_tokens(house):
    service = TokenService(f"{house.folder}/h/service")
    registry = Registry(house.folder, auth=service.settings)
    name, other = f"{registry.host}/private/one:v1", f"{registry.host}/private/two:v1"
    try:
        house.do("import", root_tar(house, "for the few"), name)
        house.holm("push", "-q", name, code=125)
        be(house, registry.host, "ben")
        assert "denies access" in house.holm("push", "-q", name, code=125).stderr
        be(house, registry.host, "anna")
        service.asked.clear()
        digest = house.do("push", "-q", name)
        wanted = {scope for _, scopes in service.asked for scope in scopes}
        assert any(set(scope.split(":")[2].split(",")) == {"pull", "push"} for scope in wanted), wanted
        assert not any("*" in scope for scope in wanted), wanted
        # A blob of another repository is mounted, with the right to read that one.
        house.do("tag", name, other)
        service.asked.clear()
        assert house.do("push", "-q", other) == digest
        wanted = {scope for _, scopes in service.asked for scope in scopes}
        assert any(scope.startswith("repository:private/one:") and "push" not in scope for scope in wanted), wanted
        told_by("skopeo", "copy", "-q", "--src-tls-verify=false", "--src-creds", "ben:x", f"docker://{other}",
                f"dir:{house.folder}/h/copy")
        house.do("rmi", name, other)
        be(house, registry.host, "ben")
        assert house.do("pull", "-q", other) == digest
        assert house.do("registry", "tags", f"{registry.host}/private/one") == "v1"
    finally:
        registry.close()


# ---- between us and the registry ----

class Line:
    """Carries connections to the registry. `cut`: after so many bytes of one direction ("up", "down") it ends them, once;
    `slow`: what goes up waits from there on."""

    def __init__(self, registry):
        self.to = registry.host.split(":")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.cut, self.moved, self.cuts, self.slow = None, {"up": 0, "down": 0}, 0, None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                ours = self.listener.accept()[0]
            except OSError:
                return
            theirs = socket.create_connection((self.to[0], int(self.to[1])))
            for way, source, sink in (("up", ours, theirs), ("down", theirs, ours)):
                threading.Thread(target=self.carry, args=(way, source, sink), daemon=True).start()

    def carry(self, way, source, sink):
        try:
            while data := source.recv(16384):
                self.moved[way] += len(data)
                if self.cut and self.cut[0] == way and self.moved[way] > self.cut[1]:
                    self.cut, self.cuts = None, self.cuts + 1
                    break
                if way == "up" and self.slow is not None and self.moved[way] > 1 << 20:
                    self.slow.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)  # the other direction's thread wakes up
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            end.close()


SIZE = 24 << 20


def random_image(house, name):
    path = f"{house.folder}/h/random.tar"
    with open(path, "wb") as file:
        file.write(tar_of({"random": os.urandom(SIZE)}))
    house.do("import", path, name)


def test_broken_lines(house):
    registry = Registry(house.folder)
    line = Line(registry)
    name = f"{line.host}/big:v1"
    try:
        random_image(house, name)
        line.cut = ("up", SIZE // 2)
        digest = house.do("push", "-q", name)
        assert line.cuts == 1 and digest == digest_there(name)
        house.do("rmi", name)
        wait_until(lambda: not os.listdir(f"{house.data}/images/blobs/sha256"), "the sweep")
        line.cut, line.moved["down"] = ("down", SIZE // 2), 0
        assert house.do("pull", "-q", name) == digest
        assert line.cuts == 2 and line.moved["down"] < SIZE + SIZE // 4, "a pull goes on where it was"
    finally:
        line.listener.close()
        registry.close()


def test_cancelled(house):
    """A push that is cancelled leaves nothing by that name, and the next one goes through."""
    import grpc
    messages = load_messages(house.folder)
    registry = Registry(house.folder)
    line = Line(registry)
    line.slow = threading.Event()
    name = f"{line.host}/big:v1"
    try:
        random_image(house, name)
        pushing = house.start("push", "-q", name)
        wait_until(lambda: line.moved["up"] > 1 << 20, "the push")
        with grpc.insecure_channel(f"unix:{house.runtime}/image.sock") as channel:
            watch = channel.unary_stream("/holm.image.v1.Image/Watch", lambda m: m.SerializeToString(),
                                         messages.Progress.FromString)(messages.Empty(), timeout=60)
            task = next(progress for progress in watch if progress.kind == "push" and not progress.done)
            assert task.phase == "uploading" and 0 < task.bytes_done < task.bytes_total, task
            channel.unary_unary("/holm.image.v1.Image/Cancel", lambda m: m.SerializeToString(), messages.Empty.FromString)(
                messages.CancelRequest(task=task.task), timeout=60)
            last = next(progress for progress in watch if progress.task == task.task and progress.done)
            assert last.phase == "cancelled", last
        told = pushing.communicate(timeout=60)
        assert pushing.returncode == 125 and b"cancelled" in told[1], told
        line.slow.set()
        house.holm("registry", "tags", f"{line.host}/big", code=125)
        digest = house.do("push", "-q", name)
        assert digest == digest_there(name)
    finally:
        line.slow.set()
        line.listener.close()
        registry.close()


if __name__ == "__main__":
    run_tests(globals())
