"""holm-image pulls: from a real registry in every usual way, and from one that breaks every rule."""

import email.utils
import glob
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hostile import Image, Server, basic, make_layer, set_config, set_layer, sha256  # noqa: E402
from worker import Worker, load_messages  # noqa: E402

for tool in ("docker-registry", "skopeo", "umoci", "htpasswd", "openssl", "protoc"):
    if not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)

TEMPORARY = tempfile.TemporaryDirectory(prefix="hr-")
TOP = TEMPORARY.name
PB = load_messages(TOP)
PROCESSES = []
workers = []


def fresh(**environment):
    folder = tempfile.mkdtemp(dir=TOP)
    worker = Worker(folder, PB, **environment).start()
    workers.append(worker)
    return worker


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_registry(name, **http):
    port = free_port()
    config = {"version": "0.1", "log": {"level": "error"}, "http": dict(addr=f"127.0.0.1:{port}", **http),
              "storage": {"filesystem": {"rootdirectory": os.path.join(TOP, name)}}}
    htpasswd = http.pop("htpasswd", None)
    if htpasswd:
        config["http"].pop("htpasswd")
        config["auth"] = {"htpasswd": {"realm": "test", "path": htpasswd}}
    path = os.path.join(TOP, name + ".json")
    with open(path, "w") as file:
        json.dump(config, file)
    PROCESSES.append(subprocess.Popen(["docker-registry", "serve", path], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"127.0.0.1:{port}"
        time.sleep(0.05)
    raise AssertionError("docker-registry does not start")


def run(*command, **options):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)


def make_layout():
    """An OCI layout whose image has whiteouts, a hard link into a lower layer and folders without entries."""
    import io
    import tarfile

    layout = os.path.join(TOP, "layout")
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", layout + ":v1")
    for number, entries in enumerate([["bin/", "bin/tool", "etc/", "etc/motd"], ["etc/.wh.motd", "opt/deep/file"],
                                      ["=opt/link"], ["last"]]):
        path = os.path.join(TOP, f"layer{number}.tar")
        with tarfile.open(path, "w") as archive:
            for name in entries:
                entry = tarfile.TarInfo(name.strip("/="))
                if name.endswith("/"):
                    entry.type = tarfile.DIRTYPE
                    entry.mode = 0o750
                elif name.startswith("="):
                    entry.type, entry.linkname = tarfile.LNKTYPE, "bin/tool"
                else:
                    entry.size = 3
                archive.addfile(entry, io.BytesIO(b"abc") if entry.isfile() else None)
        run("umoci", "raw", "add-layer", "--image", layout + ":v1", path)
    return layout


LAYOUT = make_layout()


def push(host, name, *options):
    run("skopeo", "copy", "-q", "--dest-tls-verify=false", *options, f"oci:{LAYOUT}:v1", f"docker://{host}/{name}")


# ---- a real registry ----

def test_plain():
    host = start_registry("plain")
    push(host, "test/image:v1")
    push(host, "test/image:docker", "--format", "v2s2")
    run("skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-compress-format", "zstd", "--dest-compress",
        f"oci:{LAYOUT}:v1", f"docker://{host}/test/image:zstd")
    worker = fresh()
    digest, seen = worker.pulled(f"{host}/test/image:v1")
    assert "exists" not in seen
    layers = worker.files("layers")
    assert len(layers) == 4 and not any(name.startswith(".") for name in layers), layers
    # Again, by digest, in Docker's format and as zstd: the layers are here.
    for reference in ("test/image:v1", f"test/image@{digest}", "test/image:docker", "test/image:zstd"):
        _, seen = worker.pulled(f"{host}/{reference}")
        assert not seen & {"downloading", "unpacking"}, (reference, seen)
    assert worker.files("layers") == layers
    assert worker.files("images", "partial") == []
    # Other tools can read what we keep.
    names = subprocess.run(["skopeo", "inspect", f"oci:{worker.data}/images:{host}/test/image:v1"],
                           capture_output=True, text=True, check=True).stdout
    assert json.loads(names)["Digest"] == digest
    for file in layers:
        run("/sbin/e2fsck", "-fn", os.path.join(worker.data, "layers", file), stderr=subprocess.DEVNULL)
    worker.refused(f"{host}/test/image:none", "not-found")
    worker.refused(f"{host}/none/here:v1", "not-found")
    worker.refused(f"{host}/test/image:v1", "not-found", platform="linux/riscv64")
    remove_everything(worker, host)


def remove_everything(worker, host):
    for name in ("v1", "docker", "zstd"):
        assert worker.remove(f"{host}/test/image:{name}").untagged
    digest_name = [line for line in names_of(worker) if "@" in line]
    for name in digest_name:
        worker.remove(name)
    wait_for(lambda: worker.files("layers") == [] and worker.files("images", "blobs", "sha256") == [])


def names_of(worker):
    with open(os.path.join(worker.data, "images", "index.json")) as file:
        index = json.load(file)
    return [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]]


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def size_of(path):
    """Bytes of a file that may get another name at any moment."""
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def make_passwords():
    passwords = os.path.join(TOP, "htpasswd")
    run("htpasswd", "-Bbc", passwords, "anna", "secret", stderr=subprocess.DEVNULL)
    return passwords


def test_password():
    passwords = make_passwords()
    host = start_registry("password", htpasswd=passwords)
    push(host, "private/image:v1", "--dest-creds", "anna:secret")
    worker = fresh()
    last = worker.refused(f"{host}/private/image:v1", "denied")
    assert "login" in last.hint
    config = os.path.join(worker.folder, ".docker")
    os.makedirs(config)
    for password, error in (("wrong", "denied"), ("secret", "")):
        with open(os.path.join(config, "config.json"), "w") as file:
            json.dump({"auths": {host: {"auth": basic("anna", password)[6:]}}}, file)
        last, _ = worker.pull(f"{host}/private/image:v1")
        assert last.error_code == error, last.error


def test_credential_helper():
    passwords = make_passwords()
    host = start_registry("helper", htpasswd=passwords)
    push(host, "private/image:v1", "--dest-creds", "anna:secret")
    tools = tempfile.mkdtemp(dir=TOP)
    helper = os.path.join(tools, "docker-credential-test")
    with open(helper, "w") as file:
        file.write('#!/bin/sh\n[ "$*" = get ] || exit 1\nread server\n'
                   f'[ "$server" = {host} ] && echo \'{{"Username":"anna","Secret":"secret"}}\'\n')
    os.chmod(helper, 0o755)
    folder = tempfile.mkdtemp(dir=TOP)
    os.makedirs(os.path.join(folder, ".docker"))
    with open(os.path.join(folder, ".docker", "config.json"), "w") as file:
        json.dump({"credHelpers": {host: "test"}}, file)
    worker = Worker(folder, PB, PATH=tools + ":" + os.environ["PATH"]).start()
    workers.append(worker)
    worker.pulled(f"{host}/private/image:v1")


def test_tls():
    authority = os.path.join(TOP, "authority")
    os.makedirs(authority)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", authority + "/key", "-out",
        authority + "/ca.crt", stderr=subprocess.DEVNULL)
    host = start_registry("tls", tls={"certificate": authority + "/ca.crt", "key": authority + "/key"})
    push(host, "safe/image:v1")
    worker = fresh()
    last = worker.refused(f"{host}/safe/image:v1", "denied", scheme="https")
    assert "certs.d" in last.hint
    folder = os.path.join(worker.folder, "config", "holm", "certs.d", host)
    os.makedirs(folder)
    shutil.copy(authority + "/ca.crt", folder)
    worker.pulled(f"{host}/safe/image:v1", scheme="https")


def test_nobody_there():
    worker = fresh()
    started = time.monotonic()
    worker.refused(f"127.0.0.1:{free_port()}/a:b", "unavailable")
    assert time.monotonic() - started < 5


# ---- a registry that lies ----

def broken_connection(handler, blob):
    handler.send_range(blob, most=300000)


def ignores_range(handler, blob):
    handler.headers.replace_header("Range", "bytes=0-") if "Range" in handler.headers else None
    if "seen" not in handler.server.quirks["ignores-range"]:
        handler.server.quirks["ignores-range"]["seen"] = True
        return handler.send_range(blob, most=300000)
    del handler.headers["Range"]
    handler.send_range(blob)


def wrong_range(handler, blob):
    if "Range" not in handler.headers:
        return handler.send_range(blob, most=300000)
    body = blob[5:]
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 5-{len(blob) - 1}/{len(blob)}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def busy_first(name):
    def serve(handler, blob):
        quirk = handler.server.quirks[name]
        quirk["asked"] = quirk.get("asked", 0) + 1
        if quirk["asked"] <= 2:
            when = "1" if name == "busy" else email.utils.formatdate(time.time() + 2, usegmt=True)
            quirk.setdefault("times", []).append(time.monotonic())
            return handler.reply(429 if name == "busy" else 503, b"{}", Retry_After=when)
        quirk["times"].append(time.monotonic())
        handler.send_range(blob)
    return serve


def redirect_to(address):
    def serve(handler, blob):
        handler.reply(307, Location=address(handler).replace("DIGEST", sha256(blob)))
    return serve


def raw_manifest(body, kind="application/vnd.oci.image.manifest.v1+json", **headers):
    return lambda handler, item: handler.reply(200, body, kind, **headers)


def endless_headers(handler, item):
    handler.send_response(200)
    for number in range(4000):
        handler.send_header(f"X-{number}", "a" * 100)
    handler.end_headers()


def large_manifest(handler, item):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
    handler.end_headers()
    try:
        for _ in range(64):
            handler.wfile.write(b" " * (1 << 20))
    except OSError:
        pass
    handler.close_connection = True


def nested_index(handler, item):
    depth = int(handler.server.quirks["nested"].get("depth", 0)) + 1
    handler.server.quirks["nested"]["depth"] = depth
    levels = handler.server.quirks["nested"]["levels"]
    raw = levels[item] if item in levels else levels["top"]
    handler.reply(200, raw, "application/vnd.oci.image.index.v1+json")


def make_levels(count):
    raw = Image().raw
    levels = {sha256(raw): raw}
    for _ in range(count):
        raw = json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": sha256(raw), "size": len(raw),
             "platform": {"os": "linux", "architecture": "amd64"}}]}).encode()
        levels[sha256(raw)] = raw
    levels["top"] = raw
    return levels


def quirks():
    q = {
        "good": {"image": Image()},
        "broken": {"image": Image(2 << 20, seed=10), "blob": broken_connection},
        "ignores-range": {"image": Image(2 << 20, seed=20), "blob": ignores_range},
        "wrong-range": {"image": Image(2 << 20, seed=30), "blob": wrong_range},
        "busy": {"image": Image(seed=40), "blob": busy_first("busy")},
        "unavailable": {"image": Image(seed=50), "blob": busy_first("unavailable")},
        "wrong-bytes": {"image": Image(seed=60),
                        "blob": lambda h, b: h.send_range(b[:5000] + b"x" + b[5001:])},
        "longer": {"image": Image(seed=70), "blob": lambda h, b: h.send_range(b + b"more" * 100)},
        "shorter": {"image": Image(seed=80), "blob": lambda h, b: h.send_range(b[:-100])},
        "size-lie": {"image": Image(seed=90, mutate=set_layer(size=1000))},
        "huge": {"image": Image(seed=100, mutate=set_layer(size=1 << 39))},
        "too-huge": {"image": Image(seed=101, mutate=set_layer(size=1 << 60))},
        "wrong-content": {"image": Image(seed=110, mutate=set_config(
            rootfs={"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}))},
        "layer-count": {"image": Image(seed=120, mutate=set_config(rootfs={"type": "layers", "diff_ids": []}))},
        "other-machine": {"image": Image(seed=130, mutate=set_config(architecture="s390x"))},
        "foreign": {"image": Image(seed=140, mutate=set_layer(
            mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["http://127.0.0.1/x"]))},
        "artifact": {"image": Image(seed=150, mutate=set_layer(mediaType="application/vnd.cncf.helm.chart.v1"))},
        "not-gzip": {"image": Image(seed=160)},
        "truncated": {"manifest": raw_manifest(Image().raw[:100])},
        "no-json": {"manifest": raw_manifest(b"<html>nginx</html>", "text/html")},
        "schema1": {"manifest": raw_manifest(b'{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}',
                                             "application/vnd.docker.distribution.manifest.v1+prettyjws")},
        "two-things": {"manifest": raw_manifest(
            json.dumps(dict(json.loads(Image().raw), manifests=[])).encode())},
        "endless-headers": {"manifest": endless_headers},
        "large": {"manifest": large_manifest},
        "loop": {"manifest": lambda h, i: h.reply(302, Location=h.path)},
        "nowhere": {"manifest": lambda h, i: h.reply(302, Location="file:///etc/passwd")},
        "nested": {"manifest": nested_index, "levels": make_levels(6)},
        "teapot": {"manifest": lambda h, i: h.reply(418, b'{"errors":[{"message":"tea\\u001b[31m"}]}')},
        "by-digest": {"manifest": lambda h, i: h.reply(200, Image(seed=7).raw)},
        "slow": {"image": Image(4 << 20, seed=170), "blob": lambda h, b: h.send_range(b, delay=0.1)},
    }
    # A layer whose digest is right and whose bytes are no layer.
    image = q["not-gzip"]["image"]
    bad = b"this is not gzip" * 1000
    image.blobs[sha256(bad)] = bad
    image.manifest["layers"][0].update(digest=sha256(bad), size=len(bad))
    image.raw = json.dumps(image.manifest).encode()
    return q


def test_hostile():
    server = Server(quirks())
    worker = fresh()

    def name(repository):
        return f"{server.host}/{repository}:v1"

    worker.pulled(name("good"))
    for repository in ("broken", "ignores-range", "busy", "unavailable"):
        _, seen = worker.pulled(name(repository))
        assert "retrying" in seen, (repository, seen)
    for repository in ("busy", "unavailable"):  # Retry-After in seconds and as a date; without one it would be 0.5 s
        first, second = server.quirks[repository]["times"][:2]
        assert second - first > 0.95, (repository, second - first)
    ranges = [headers["Range"] for path, headers in server.requests if "/broken/blobs" in path and "Range" in headers]
    assert ranges and len(set(ranges)) == len(ranges), ranges  # each goes on where the last one ended
    expected = {
        "wrong-range": "integrity", "wrong-bytes": "integrity", "longer": "integrity", "shorter": "integrity",
        "size-lie": "integrity", "huge": "no-space", "too-huge": "limit", "wrong-content": "integrity",
        "layer-count": "integrity", "other-machine": "not-found", "foreign": "unsupported",
        "artifact": "unsupported", "not-gzip": "integrity", "truncated": "integrity", "no-json": "integrity",
        "schema1": "unsupported", "two-things": "integrity", "endless-headers": "limit", "large": "limit",
        "loop": "limit", "nowhere": "integrity", "nested": "limit", "teapot": "unavailable",
    }
    for repository, code in expected.items():
        last = worker.refused(name(repository), code)
        assert last.error.isprintable() and "\x1b" not in last.error, repr(last.error)
        assert len(last.error) < 600, last.error
    worker.refused(f"{server.host}/by-digest@sha256:{'a' * 64}", "integrity")
    # Nothing of all that is visible, and what was good still is.
    assert sorted(line.split("/")[1] for line in names_of(worker)) == ["broken:v1", "busy:v1", "good:v1",
                                                                      "ignores-range:v1", "unavailable:v1"]
    assert len(worker.files("layers")) == 5, worker.files("layers")
    worker.pulled(name("good"))


def test_credentials_stay():
    """Who gets what: tokens and passwords go to their own host and nowhere else."""
    elsewhere = Server({"image": {"image": Image(seed=200)}})
    token = b'{"token":"abc"}'
    answers = iter([(503, b"{}"), (429, b"{}")])
    own = Server({})
    realm = f"http://{own.host}/token/"
    bearer = ("Bearer abc",)
    own.quirks.update({
        "moved": {"image": Image(seed=200), "challenge": f'Bearer realm="{realm}moved",service="s"', "accepts": bearer,
                  "token": token, "blob": redirect_to(lambda h: f"http://{elsewhere.host}/elsewhere/DIGEST")},
        "back": {"image": Image(seed=200), "challenge": f'Bearer realm="{realm}back"', "accepts": bearer, "token": token,
                 "blob": redirect_to(lambda h: f"http://{own.host}/elsewhere/DIGEST")},
        "tired": {"image": Image(seed=202), "challenge": f'Bearer realm="{realm}tired"', "accepts": bearer,
                  "token": lambda handler: next(answers, token)},
        "injects": {"image": Image(seed=201), "challenge": f'Bearer realm="{realm}injects"', "accepts": bearer,
                    "token": b'{"token":"a\\r\\nX-Evil: b"}'},
        "empty": {"image": Image(seed=201), "challenge": f'Bearer realm="{realm}empty"', "accepts": bearer,
                  "token": b"{}"},
        "never": {"image": Image(seed=201), "challenge": f'Bearer realm="{realm}never"', "accepts": (), "token": token},
        "file": {"image": Image(seed=201), "challenge": 'Bearer realm="file:///etc/passwd"', "accepts": bearer},
        "strange": {"image": Image(seed=201), "challenge": "Negotiate"},
        "large-token": {"image": Image(seed=201), "challenge": f'Bearer realm="{realm}large-token"',
                        "accepts": bearer, "token": b" " * (1 << 20)},
    })
    folder = tempfile.mkdtemp(dir=TOP)
    os.makedirs(os.path.join(folder, ".docker"))
    with open(os.path.join(folder, ".docker", "config.json"), "w") as file:
        json.dump({"auths": {own.host: {"auth": basic("anna", "secret")[6:]}}}, file)
    worker = Worker(folder, PB).start()
    workers.append(worker)
    worker.pulled(f"{own.host}/moved:v1")
    assert elsewhere.requests and not any("Authorization" in headers for _, headers in elsewhere.requests)
    tokens = [headers for path, headers in own.requests if path.startswith("/token")]
    assert tokens and tokens[0]["Authorization"] == basic("anna", "secret")
    assert len(tokens) == 1, "one login is enough for a pull"
    worker.pulled(f"{own.host}/tired:v1")
    assert next(answers, None) is None, "the token service is asked again"
    for repository, code in (("injects", "integrity"), ("empty", "integrity"), ("never", "denied"), ("file", "denied"),
                             ("strange", "denied"), ("large-token", "limit")):
        last = worker.refused(f"{own.host}/{repository}:v1", code)
        assert "secret" not in last.error and "abc" not in last.error
    assert not any("X-Evil" in headers for _, headers in own.requests)


def test_killed_and_resumed():
    server = Server(quirks())
    worker = fresh()
    reference = f"{server.host}/slow:v1"
    killed = threading.Event()

    def ask():
        try:
            worker.pull(reference)
        except Exception:
            killed.set()

    asking = threading.Thread(target=ask)
    asking.start()
    partial = os.path.join(worker.data, "images", "partial", "*")
    wait_for(lambda: any(size_of(path) > 300000 for path in glob.glob(partial)))
    assert sha256(server.quirks["slow"]["image"].layer)[7:] not in worker.files("images", "blobs", "sha256")
    worker.kill()
    asking.join()
    assert killed.is_set()
    assert worker.files("layers") != []  # half made, and hidden
    worker.start()
    assert worker.files("layers") == []
    server.requests.clear()
    worker.pulled(reference)
    ranges = [headers["Range"] for path, headers in server.requests if "Range" in headers]
    assert len(ranges) == 1 and int(ranges[0].split("=")[1][:-1]) > 300000, ranges
    assert worker.files("images", "partial") == []


def test_damaged_partial():
    server = Server(quirks())
    worker = fresh()
    blob = server.quirks["good"]["image"].layer
    path = os.path.join(worker.data, "images", "partial", sha256(blob)[7:])
    with open(path, "wb") as file:
        file.write(blob[:1000] + b"damage" + blob[1006:500000])
    worker.pulled(f"{server.host}/good:v1")


def test_together_and_cancelled():
    server = Server(quirks())
    worker = fresh()
    reference = f"{server.host}/slow:v1"
    requests = [worker.stream("Pull", PB.PullRequest(reference=reference)) for _ in range(3)]
    first = [next(request) for request in requests]
    assert len({progress.task for progress in first}) == 1, "the same work is done once"
    requests[0].cancel()  # leaving is not cancelling
    watch = worker.stream("Watch", PB.Empty())
    assert next(watch).task == first[0].task
    wait_for(lambda: glob.glob(os.path.join(worker.data, "images", "partial", "*")))
    worker.call("Cancel", PB.CancelRequest(task=first[0].task), PB.Empty)
    for request in requests[1:]:
        last = list(request)[-1]
        assert last.done and last.phase == "cancelled" and last.error_code == "cancelled", last
    wait_for(lambda: worker.files("layers") == [])
    assert names_of(worker) == []


def test_faults():
    """Killed at every named step, the next pull or removal ends as if nothing had been."""
    server = Server(quirks())
    reference = f"{server.host}/good:v1"
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "steps")) as file:
        steps = file.read().split()
    for step in steps:
        worker = fresh(HOLM_FAULT=step)
        for request in (lambda: worker.pulled(reference), lambda: worker.remove(reference)):
            try:
                request()
            except Exception:
                break
        wait_for(lambda: not worker.is_running())  # files go after the answer; and a killed one dies after its sockets
        worker.channel.close()
        worker.environment.pop("HOLM_FAULT")
        worker.start()
        worker.pulled(reference)
        assert len(worker.files("layers")) == 1, (step, worker.files("layers"))
        assert worker.files("images", "partial") == [], step
        assert names_of(worker) == [reference], step
        worker.remove(reference)
        wait_for(lambda: worker.files("layers") == [] and worker.files("images", "blobs", "sha256") == [])
        worker.stop()


def test_verify():
    server = Server(quirks())
    worker = fresh()
    reference = f"{server.host}/good:v1"

    def verify(repair):
        return list(worker.stream("Verify", PB.VerifyRequest(repair=repair)))[-1]

    digest, _ = worker.pulled(reference)
    assert not verify(False).error
    blob = os.path.join(worker.data, "images", "blobs", "sha256", sha256(server.quirks["good"]["image"].layer)[7:])
    with open(blob, "r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    last = verify(False)
    assert last.error_code == "integrity" and reference in last.error, last.error
    assert not verify(True).error
    assert not verify(False).error
    os.unlink(os.path.join(worker.data, "layers", worker.files("layers")[0]))
    assert verify(False).error_code == "integrity"
    assert not verify(True).error and len(worker.files("layers")) == 1
    assert names_of(worker) == [reference]


def test_confined():
    worker = fresh()
    secret = os.path.join(worker.folder, ".ssh", "key")
    os.makedirs(os.path.dirname(secret))
    with open(secret, "w") as file:
        file.write("secret")
    request = PB.LoadInput(header=PB.LoadHeader(path=secret, reference="a"))
    assert list(worker.stream("Load", iter([request])))[-1].error_code == "denied"
    with open(f"/proc/{worker.pid()}/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status


def test_ends_when_idle():
    worker = fresh()
    worker.channel.close()
    wait_for(lambda: not os.path.exists(os.path.join(worker.runtime, "image.sock")), 30)


def test_ends_without_its_folder():
    worker = fresh()
    process = os.pidfd_open(worker.pid())
    worker.channel.close()

    def gone():  # it may be making folders just now
        shutil.rmtree(worker.folder, ignore_errors=True)
        return not os.path.exists(worker.folder)
    wait_for(gone, 30)
    assert select.select([process], [], [], 30)[0], "holm-image stays for ever"
    os.close(process)


def main():
    tests = [test for name, test in globals().items() if name.startswith("test_") and
             (len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]))]
    try:
        for test in tests:
            started = time.monotonic()
            test()
            print(f"ok {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    except BaseException:
        for worker in workers[-1:]:
            with open(os.path.join(worker.runtime, "image.log")) as log:
                sys.stderr.write(log.read()[-4000:])
        raise
    finally:
        for worker in workers:
            worker.stop()
        for process in PROCESSES:
            process.send_signal(signal.SIGTERM)
            process.wait()


main()
