"""Images for several platforms: the whole index or some of it, from and to Debian's docker-registry, beside skopeo. The
last test runs one in a machine."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from command_test import run_tests  # noqa: E402
from hostile import Image, Server, set_config, set_layer, sha256  # noqa: E402
from house import wait_until  # noqa: E402
from index_image import INDEX, MANIFEST, Index, ask, digest_there  # noqa: E402
from registry import Registry, run  # noqa: E402

for tool in ("docker-registry", "skopeo", "umoci"):
    if not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)

HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "none")
OTHER = "arm64" if HOST == "amd64" else "amd64"
ALL = (HOST, OTHER, "arm/v7")


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Where a layer is that no registry holds: skopeo fetches it there, holm must not."""

    def do_GET(self):
        self.server.agents.append(self.headers["User-Agent"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(Index.ELSEWHERE)))
        self.end_headers()
        self.wfile.write(Index.ELSEWHERE)

    def log_message(self, *_):
        pass


class World:
    """A registry with an index in it."""

    def __init__(self, house):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
        self.server.agents = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.elsewhere = f"http://127.0.0.1:{self.server.server_address[1]}/layer"
        self.registry = Registry(house.folder, validation={"manifests": {"urls": {"allow": ["^http://127.0.0.1:"]}}})
        self.index = Index(ALL, self.elsewhere)
        self.name = self.index.push(self.registry.host, "many/one", "v1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.registry.close()
        self.server.shutdown()
        assert set(self.server.agents) <= {"Go-http-client/1.1"}, self.server.agents  # skopeo

    def at(self, name):
        return f"{self.registry.host}/{name}"


def platforms(house, name):
    """{platform: here} of an index."""
    status = house.json("image", "inspect", name)[0]["status"]
    return {entry["platform"]: entry["present"] for entry in status["platforms"]}


def rows(house):
    return {row["configuration"]["platform"]: row for row in house.json("images")}


def files(house, *names):
    folder = os.path.join(house.data, *names)
    return sorted(name for name in os.listdir(folder) if name[0] != ".") if os.path.isdir(folder) else []


def blobs(house):
    return files(house, "images", "blobs", "sha256")


def store(house, name):
    return f"oci:{house.data}/images:{name}"


def swept(house):
    wait_until(lambda: not blobs(house) and not files(house, "layers"), "the sweep")


def test_side_by_side(house):
    with World(house) as world:
        assert house.do("pull", "-q", world.name) == world.index.digest == digest_there(world.name)
        mine = house.json("image", "inspect", world.name)[0]
        assert mine["id"] == world.index.digests[HOST] and mine["status"]["digest"] == world.index.digest
        assert mine["status"]["repositoryDigests"] == [f"{world.at('many/one')}@{world.index.digest}"]
        assert platforms(house, world.name) == {f"linux/{HOST}": True, f"linux/{OTHER}": False, "linux/arm/v7": False,
                                                "windows/amd64": False}
        assert len(files(house, "layers")) == 2 and len(blobs(house)) == 5  # index, manifest, configuration, layers
        assert house.do("pull", "-q", "--platform", f"linux/{OTHER}", world.name) == world.index.digest
        found = rows(house)
        assert set(found) == {f"linux/{HOST}", f"linux/{OTHER}"}, found.keys()
        assert all(row["configuration"]["references"] == [world.name] for row in found.values())
        assert platforms(house, world.name)[f"linux/{OTHER}"]
        assert house.json("image", "inspect", world.name)[0]["id"] == world.index.digests[HOST], "this machine's comes first"
        # By every name it has.
        for text in (world.index.digest, world.index.digest[7:19], f"{world.at('many/one')}@{world.index.digest}"):
            assert house.json("image", "inspect", text)[0]["id"] == world.index.digests[HOST], text
        other = world.index.digests[OTHER]
        assert house.json("image", "inspect", other[7:19])[0]["id"] == other
        shown = house.do("images", "--digests", "--no-trunc")
        assert shown.count(world.index.digest) == 2 and other[7:] in shown, shown
        # Other tools read the store.
        for architecture in (HOST, OTHER):
            told = subprocess.run(["skopeo", "inspect", "--override-arch", architecture, store(house, world.name)],
                                  check=True, capture_output=True, text=True).stdout
            assert json.loads(told)["Architecture"] == architecture
        # A name that moves on to another index takes none of the old images with it.
        newer = Index(ALL, world.elsewhere, seed=1)
        newer.push(world.registry.host, "many/one", "v1")
        assert house.do("pull", "-q", world.name) == newer.digest
        assert platforms(house, world.name)[f"linux/{OTHER}"] is False
        assert sorted(bool(row["configuration"]["references"]) for row in house.json("images")) == [False, False, True]
        assert len(house.do("image", "prune").splitlines()) >= 2
        house.do("image", "verify")
        house.do("rmi", world.name)
        swept(house)


def test_all(house):
    with World(house) as world:
        house.do("pull", "-q", world.name)
        assert house.do("pull", "-q", "--all-platforms", world.name) == world.index.digest
        expected = {digest[7:] for digest in [world.index.digest, *world.index.manifests, *world.index.blobs]}
        assert set(blobs(house)) == expected
        assert len(files(house, "layers")) == 2, "only this machine's are unpacked"
        found = rows(house)
        assert {name: row["status"]["unpacked"] for name, row in found.items()} == {
            f"linux/{HOST}": True, f"linux/{OTHER}": False, "linux/arm/v7": False}
        assert found["linux/arm/v7"]["status"]["uniqueBytes"] > 3000
        # A pull of one platform forgets nothing of it, and one whose registry is gone needs nothing.
        house.do("pull", "-q", "--platform", f"linux/{OTHER}", world.name)
        house.do("rmi", "--platform", "linux/arm/v7", world.name)
        wait_until(lambda: world.index.digests["arm/v7"][7:] not in blobs(house), "the sweep")
        assert set(rows(house)) == {f"linux/{HOST}", f"linux/{OTHER}"}
        house.do("pull", "-q", "--all-platforms", world.name)
        assert set(blobs(house)) == expected
        run("skopeo", "copy", "-q", "--all", store(house, world.name), f"dir:{house.folder}/copy")
        with open(f"{house.folder}/copy/manifest.json", "rb") as file:
            assert file.read() == world.index.raw
        usage = house.json("image", "du")
        assert usage["reclaimableBytes"] == usage["sizeBytes"] and usage["total"] == 3
        # All of it goes on to another place.
        house.do("tag", world.name, world.at("copy:v2"))
        pushed = house.holm("push", "-q", world.at("copy:v2"), code=0)
        assert pushed.stdout.strip() == world.index.digest == digest_there(world.at("copy:v2")) and not pushed.stderr
        assert house.do("push", "-q", "--all-platforms", world.at("copy:v2")) == world.index.digest
        shown = house.json("images", "--filter", "reference=*/copy:*")
        assert [row["configuration"]["references"] for row in shown] == 3 * [[world.at("copy:v2")]], "and no other names of them"
        house.do("rmi", world.name)
        assert set(blobs(house)) == expected, "another name keeps it"
        # An image of it alone by its id; the name stays with the others.
        house.do("rmi", world.index.digests["arm/v7"][7:19])
        assert set(rows(house)) == {f"linux/{HOST}", f"linux/{OTHER}"}
        told = house.do("rmi", world.index.digest)
        assert f"untagged: {world.at('copy:v2')}" in told and told.count("deleted:") == 2, told
        swept(house)


def test_push_some(house):
    with World(house) as world:
        house.do("pull", "-q", world.name)
        house.do("pull", "-q", "--platform", f"linux/{OTHER}", world.name)
        house.do("tag", world.name, world.at("some:v1"))
        done = house.holm("push", "-q", world.at("some:v1"), code=0)
        assert done.stdout.strip() == world.index.digests[HOST] == digest_there(world.at("some:v1"))
        assert f"only the image for linux/{HOST} was pushed" in done.stderr, done.stderr
        done = house.holm("push", "-q", "--platform", f"linux/{OTHER}", world.at("some:v1"), code=0)
        assert done.stdout.strip() == world.index.digests[OTHER] == digest_there(world.at("some:v1")) and not done.stderr
        done = house.holm("push", "-q", "--all-platforms", world.at("some:v1"), code=0)
        assert done.stdout.strip() == digest_there(world.at("some:v1")) != world.index.digest
        raw = json.load(ask("GET", f"http://{world.at('v2/some/manifests/v1')}", Accept=INDEX))
        assert [entry["digest"] for entry in raw["manifests"]] == [world.index.digests[HOST], world.index.digests[OTHER]]
        run("skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{world.at('some:v1')}",
            f"dir:{house.folder}/copy")
        assert "is not here for linux/arm/v7" in house.holm("push", "--platform", "linux/arm/v7", world.at("some:v1"),
                                                            code=125).stderr
        house.holm("push", "--platform", "moon", world.at("some:v1"), code=125)


def test_archives(house):
    with World(house) as world:
        house.do("pull", "-q", "--all-platforms", world.name)
        path = f"{house.folder}/h/a.tar"
        house.do("save", "--all-platforms", "-o", path, world.name)
        run("skopeo", "copy", "-q", "--all", f"oci-archive:{path}:{world.name}", f"dir:{house.folder}/copy")
        with open(f"{house.folder}/copy/manifest.json", "rb") as file:
            assert file.read() == world.index.raw
        before = set(blobs(house))
        house.do("rmi", world.name)
        swept(house)
        house.do("load", "-q", "-i", path)
        assert house.json("image", "inspect", world.name)[0]["status"]["digest"] == world.index.digest
        assert set(rows(house)) == {f"linux/{name}" for name in ALL}
        assert before <= set(blobs(house))
        house.do("image", "verify")
        # One of them, as every tool wants it; and again with only some of it here.
        for options, digest in (([], world.index.digests[HOST]), (["--platform", "linux/arm/v7"], world.index.digests["arm/v7"])):
            house.do("save", *options, "-o", path, world.name)
            listed = json.loads(subprocess.run(["tar", "-xOf", path, "index.json"], check=True, capture_output=True).stdout)
            assert [entry["digest"] for entry in listed["manifests"]] == [digest]
        house.do("rmi", "--platform", "arm/v7", world.name)
        house.do("save", "--all-platforms", "--format", "docker-archive", "-o", path, world.name)
        run("skopeo", "copy", "-q", f"docker-archive:{path}", f"dir:{house.folder}/docker")
        house.do("rmi", world.name)
        house.do("load", "-q", "-i", path)
        assert set(rows(house)) == {f"linux/{HOST}", f"linux/{OTHER}"}
        assert house.json("image", "inspect", world.name)[0]["status"]["digest"] == world.index.digest
        house.do("rmi", world.name)
        swept(house)


def test_verify(house):
    with World(house) as world:
        house.do("pull", "-q", "--all-platforms", world.name)
        attested = next(digest for digest, data in world.index.blobs.items() if b"in-toto" in data)
        packed = json.loads(world.index.manifests[world.index.digests["arm/v7"]])["layers"][1]["digest"]
        for digest in (world.index.digest, attested, packed, world.index.digests[OTHER]):
            path = os.path.join(house.data, "images/blobs/sha256", digest[7:])
            with open(path, "r+b") as file:
                file.write(b"damage")
            assert world.name in house.holm("image", "verify", code=125).stderr, digest
            house.do("image", "verify", "--repair")
            house.do("image", "verify")
            with open(path, "rb") as file:
                assert not file.read().startswith(b"damage")
        assert set(rows(house)) == {f"linux/{name}" for name in ALL}
        assert house.json("image", "inspect", world.name)[0]["status"]["digest"] == world.index.digest


def serving(documents):
    """A registry of one repository with these manifests by tag and digest, and what the images among them are made of."""
    images = [made for made in documents.values() if not isinstance(made, bytes)]
    raws = {tag: made if isinstance(made, bytes) else made.raw for tag, made in documents.items()}
    raws |= {sha256(raw): raw for raw in list(raws.values())}

    def manifest(handler, item):
        raw = raws.get(item)
        return handler.reply(200, raw, "application/json") if raw is not None else handler.reply(404, b"{}")
    return Server({"x": {"manifest": manifest}} | {f"parts{number}": {"image": image} for number, image in enumerate(images)})


def entry_of(raw, architecture, **changes):
    return {"mediaType": MANIFEST, "digest": sha256(raw), "size": len(raw),
            "platform": {"os": "linux", "architecture": architecture}} | changes


def index_of(*entries):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def test_hostile(house):
    """An index that lies: an error and nothing of it by name, or what is right of it."""
    mine = Image(4096, seed=1)
    other = Image(4096, seed=2, mutate=set_config(architecture=OTHER))
    counts = Image(4096, seed=3, mutate=set_config(architecture="arm", rootfs={"type": "layers", "diff_ids": []}))
    short = Image(4096, seed=4, mutate=set_layer(size=17))
    wide = [index_of(*[entry_of(b"%d" % (1000 * number + at), "arm") for at in range(1000)]) for number in range(3)]
    cases = {
        "wrong-bytes": (index_of(entry_of(mine.raw, HOST), entry_of(other.raw, OTHER, digest=sha256(b"{}"))), "has no"),
        "no-manifest": (index_of(entry_of(mine.raw, HOST), entry_of(b"hello", OTHER)), "not valid JSON"),
        "short": (index_of(entry_of(mine.raw, HOST), entry_of(short.raw, OTHER)), ""),
        "too-wide": (index_of(*[entry_of(b"%d" % at, "arm") for at in range(1025)]), "at most 1024"),
        "wide-and-deep": (index_of(entry_of(mine.raw, HOST), *[entry_of(raw, "arm", mediaType=INDEX) for raw in wide]),
                          "more than 2048 manifests"),
        "nothing": (index_of(entry_of(counts.raw, "arm")), "no image for Linux"),
    }
    inner = index_of(entry_of(mine.raw, HOST))
    server = serving({"mine": mine, "inner": inner, "other": other, "counts": counts, "short": short, "hello": b"hello"} |
                     {f"wide{number}": raw for number, raw in enumerate(wide)} |
                     {name: raw for name, (raw, _) in cases.items()} |
                     {"lies": index_of(entry_of(mine.raw, HOST), entry_of(counts.raw, "arm"), entry_of(other.raw, OTHER),
                                       entry_of(other.raw, OTHER)),
                      "twice": index_of(entry_of(inner, HOST, mediaType=INDEX), entry_of(mine.raw, "arm"))})
    for name, (_, expected) in cases.items():
        told = house.holm("pull", "-q", "--all-platforms", f"{server.host}/x:{name}", code=125).stderr
        assert expected in told and len(told) < 600, (name, told)
        assert house.json("images") == [], name
    # One that says of itself what is not so is kept as what it is, and is no image.
    house.do("pull", "-q", "--all-platforms", f"{server.host}/x:lies")
    assert set(rows(house)) == {f"linux/{HOST}", f"linux/{OTHER}"}
    assert counts.manifest["layers"][0]["digest"][7:] in blobs(house)
    house.do("image", "verify")
    house.do("rmi", f"{server.host}/x:lies")
    swept(house)
    # Listed as another's first, and then found as this machine's: it is unpacked.
    house.do("pull", "-q", "--all-platforms", f"{server.host}/x:twice")
    assert all(layer["unpackedBytes"] for layer in house.json("image", "inspect", f"{server.host}/x:twice")[0]["status"]["layers"])


def test_killed(house):
    """Killed at every named step of a pull of all platforms, the next one ends as if nothing had been."""
    with open(os.path.join(HERE, "steps")) as file:
        steps = [step for step in file.read().split() if step.startswith("pull.")]
    with World(house) as world:
        for step in steps:
            house.environment["HOLM_FAULT"] = step
            house.holm("pull", "-q", "--all-platforms", world.name, code=125)
            del house.environment["HOLM_FAULT"]
            house.do("image", "verify")
            assert house.do("pull", "-q", "--all-platforms", world.name) == world.index.digest, step
            assert set(rows(house)) == {f"linux/{name}" for name in ALL}, step
            assert files(house, "images", "partial") == [], step
            house.do("image", "verify")
            house.do("rmi", world.name)
            swept(house)
            for pid in house.processes("holm-image"):
                house.kill(pid, signal.SIGTERM)
            wait_until(lambda: not house.processes("holm-image"), "the end of the worker")


def test_first_needed(house):
    """What was only kept is unpacked for the container that needs it, without its registry."""
    with World(house) as world:
        house.do("pull", "-q", "--all-platforms", "--platform", f"linux/{OTHER}", world.name)
    assert not rows(house)[f"linux/{HOST}"]["status"]["unpacked"]
    assert house.do("run", "--rm", world.name) == f"I am {HOST}"
    assert rows(house)[f"linux/{HOST}"]["status"]["unpacked"]
    house.do("create", "--name", "kept", "--platform", "linux/arm/v7", world.name)
    assert "kept" in house.holm("rmi", world.name, code=125).stderr
    house.do("rmi", "--platform", f"linux/{OTHER}", world.name)
    house.do("rm", "kept")
    house.do("rmi", world.name)
    swept(house)


if __name__ == "__main__":
    run_tests(globals())
