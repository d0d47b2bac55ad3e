"""Pushing: to Debian's docker-registry, what others then read and we pull; and to one that breaks off. No machine starts."""
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from command_test import authority, configure, debian_registry, run_tests  # noqa: E402
from house import wait_until  # noqa: E402
from registry import Registry  # noqa: E402

for tool in ("docker-registry", "skopeo", "umoci", "htpasswd", "openssl"):
    if not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)


def make_tar(path, size):
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = size
        archive.addfile(entry, io.BytesIO(os.urandom(size)))
    return path


def import_image(house, name, size=256 << 10):
    house.do("image", "import", make_tar(f"{house.folder}/h/root.tar", size), name)


def listens(host):
    address, port = host.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((address, int(port))) == 0


def digest_there(image, *options):
    told = subprocess.run(["skopeo", "inspect", "--tls-verify=false", *options, f"docker://{image}"], check=True,
                          capture_output=True, text=True).stdout
    return json.loads(told)["Digest"]


def phases(house, *words):
    done = house.holm("push", "--progress", "json", *words, code=0)
    items = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return done.stdout.strip(), {layer["digest"]: layer["phase"] for item in items for layer in item.get("layers") or []}


def test_push(house):
    registry = Registry(house.folder)
    try:
        image = f"{registry.host}/mine/image:v1"
        import_image(house, image)
        digest = house.do("push", "-q", image)
        assert digest_there(image) == digest == house.json("image", "inspect", image)[0]["id"]
        subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{image}", f"dir:{house.folder}/copy"],
                       check=True)
        # What is there is not sent again; a second name needs only its manifest.
        again, last = phases(house, image)
        assert again == digest and set(last.values()) <= {"exists"}, last
        other = f"{registry.host}/other/image:v2"
        house.do("tag", image, other)
        assert house.do("image", "push", "-q", other) == digest == digest_there(other)
        house.do("rmi", image, other)
        assert house.do("pull", "-q", image) == digest
        # One that was pulled goes on elsewhere.
        theirs = registry.push("theirs", [make_tar(f"{house.folder}/h/layer.tar", 100000)])
        digest = house.do("pull", "-q", theirs)
        copy = f"{registry.host}/copy:v1"
        house.do("tag", theirs, copy)
        assert house.do("push", "-q", copy) == digest == digest_there(copy)
        told = house.holm("push", "-q", f"{registry.host}/none:v1", code=125).stderr
        assert "none" in told and len(told.strip().splitlines()) <= 2, told
    finally:
        registry.close()


def test_referrers(house):
    """A registry that knows neither the list nor how to delete a tag."""
    from conformance_test import load_referrer
    registry = Registry(house.folder, storage={"filesystem": {"rootdirectory": f"{house.folder}/registry"},
                                               "delete": {"enabled": True}})
    image, about = f"{registry.host}/mine:v1", f"{registry.host}/mine:signature"
    try:
        import_image(house, image)
        digest = house.do("push", "-q", image)
        load_referrer(house, about, digest, b"1", artifactType="application/x-signature")
        signature = house.do("push", "-q", about)
        listed = house.json("registry", "referrers", image)
        assert listed["digest"] == digest and [one["digest"] for one in listed["referrers"]] == [signature], listed
        assert digest_there(about) == signature
        told = house.holm("registry", "rm", about, code=125).stderr
        assert f"@{signature}" in told, told
        house.do("registry", "rm", f"{registry.host}/mine@{signature}")
        assert house.json("registry", "referrers", image)["referrers"] == []
        assert "mine" in house.holm("pull", "-q", about, code=125).stderr
        assert house.do("pull", "-q", image) == digest
    finally:
        registry.close()


def test_password(house):
    registry = debian_registry(house, password="s3cr3t")
    image = f"{registry.host}/private/mine:v1"
    try:
        import_image(house, image)
        told = house.holm("push", "-q", image, code=125).stderr
        assert f"holm registry login {registry.host}" in told, told
        os.makedirs(f"{house.folder}/f/containers", exist_ok=True)
        import base64
        for password, code in (("wrong", 125), ("s3cr3t", 0)):
            text = base64.b64encode(f"anna:{password}".encode()).decode()
            with open(f"{house.folder}/f/containers/auth.json", "w") as file:
                json.dump({"auths": {registry.host: {"auth": text}}}, file)
            done = house.holm("push", "-q", image, code=code)
            assert code == 0 or "denies access" in done.stderr, done.stderr
        assert digest_there(image, "--creds", "anna:s3cr3t") == done.stdout.strip()
    finally:
        registry.close()


def test_tls(house):
    folder = authority(f"{house.folder}/h/authority")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    with open(f"{house.folder}/tls.json", "w") as file:
        json.dump({"version": "0.1", "log": {"level": "error"},
                   "http": {"addr": host, "tls": {"certificate": f"{folder}/ca.crt", "key": f"{folder}/key"}},
                   "storage": {"filesystem": {"rootdirectory": f"{house.folder}/tls"}}}, file)
    process = subprocess.Popen(["docker-registry", "serve", f"{house.folder}/tls.json"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        configure(house, f'[registry."{host}"]\nca = "~/authority/ca.crt"\nscheme = "https"\n')
        import_image(house, f"{host}/safe:v1")
        wait_until(lambda: listens(host), "the registry")
        digest = house.do("push", "-q", f"{host}/safe:v1")
        assert digest_there(f"{host}/safe:v1") == digest
    finally:
        process.terminate()
        process.wait()


# ---- a registry that breaks off ----

KEPT = 1 << 20


class Breaking(http.server.BaseHTTPRequestHandler):
    """Keeps the first of a chunk's bytes and cuts the connection, once; mounts what `mounts` names."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, **headers):
        self.send_response(status)
        for name, value in {"Content_Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_HEAD(self):
        self.reply(200 if self.path.rsplit("/", 1)[1] in self.server.blobs else 404)

    def do_POST(self):
        self.server.asked.append(self.path)
        mount = re.search(r"mount=(sha256:\w+)&from=known", self.path)
        if mount:
            self.server.blobs[mount[1]] = b""
            return self.reply(201, Location="/v2/x")
        if "from=closed" in self.path:
            return self.reply(403)
        number = str(len(self.server.uploads))
        self.server.uploads[number] = b""
        self.reply(202, Location=f"/upload/{number}?state=0", Range="0-0")

    def do_PATCH(self):
        server, number = self.server, self.path.split("/")[2].split("?")[0]
        first, last = (int(part) for part in self.headers["Content-Range"].split("-"))
        server.chunks.append((number, first, last))
        if server.loses:
            self.rfile.read(int(self.headers["Content-Length"]))
            return self.reply(202, Location=f"/upload/{number}", Range=f"0-{(99, 49)[len(server.chunks) % 2]}")
        if first != len(server.uploads[number]):
            self.close_connection = True
            return self.reply(416)
        length = int(self.headers["Content-Length"])
        if length > KEPT and not server.cut:
            server.cut = True
            server.uploads[number] += self.rfile.read(KEPT)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        server.uploads[number] += self.rfile.read(length)
        self.reply(202, Location=f"/upload/{number}?state=1", Range=f"0-{last}")

    def do_GET(self):
        number = self.path.split("/")[2].split("?")[0]
        self.reply(204, Location=f"/upload/{number}?state=2", Range=f"0-{len(self.server.uploads[number]) - 1}")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/manifests/" in self.path:
            self.server.manifests.append(body)
            return self.reply(201, Location="/v2/x")
        number, digest = self.path.split("/")[2].split("?")[0], self.path.split("digest=")[1]
        good = "sha256:" + hashlib.sha256(self.server.uploads[number]).hexdigest() == digest
        self.server.blobs[digest] = self.server.uploads[number]
        self.reply(201 if good else 400, Location="/v2/x")


def breaking_registry():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    server.blobs, server.uploads, server.chunks, server.manifests, server.asked = {}, {}, [], [], []
    server.cut = server.loses = False
    server.host = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_broken_off(house):
    """What has arrived is not sent again, and nothing is sent twice unasked."""
    server = breaking_registry()
    import_image(house, f"{server.host}/big:v1", 8 << 20)
    house.do("push", "-q", f"{server.host}/big:v1")
    assert server.cut and len(server.manifests) == 1
    number = next(number for number, first, _ in server.chunks if first == KEPT)
    assert [first for other, first, _ in server.chunks if other == number] == [0, KEPT], server.chunks


def test_mount(house):
    server = breaking_registry()
    import_image(house, f"{server.host}/known:v1")
    house.do("push", "-q", f"{server.host}/known:v1")
    house.do("tag", f"{server.host}/known:v1", f"{server.host}/new:v1")
    server.blobs.clear()
    server.asked.clear()
    house.do("push", "-q", f"{server.host}/new:v1")
    assert any("mount=" in path and "from=known" in path for path in server.asked), server.asked
    # Where it may not be mounted it is sent.
    import_image(house, f"{server.host}/closed:v1", 3000)
    house.do("push", "-q", f"{server.host}/closed:v1")
    house.do("tag", f"{server.host}/closed:v1", f"{server.host}/again:v1")
    server.blobs.clear()
    house.do("push", "-q", f"{server.host}/again:v1")
    assert len(server.blobs) == 2, server.blobs.keys()


def test_losing(house):
    """A registry that takes back what it had is given up, and not asked for ever."""
    server = breaking_registry()
    server.loses = True
    import_image(house, f"{server.host}/mine:v1", 3000)
    told = house.holm("push", "-q", f"{server.host}/mine:v1", code=125).stderr
    assert "loses what it had" in told or "keeps nothing" in told, told  # two blobs take turns with its answers
    assert len(server.chunks) < 40, len(server.chunks)


if __name__ == "__main__":
    run_tests(globals())
