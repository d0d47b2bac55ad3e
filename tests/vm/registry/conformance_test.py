"""What the OCI distribution specification 1.1 wants of a client, clause by clause: every clause has to have been met, and none
broken (strict.py has them, and the registry that looks)."""
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from command_test import run_tests  # noqa: E402
from hostile import basic  # noqa: E402
from index_image import CONFIG, INDEX, LAYER, MANIFEST, sha256, tar_of  # noqa: E402
from strict import CLAUSES, Judge, StrictServer, descriptor_of, tag_of  # noqa: E402


def make(house, name, size=20000):
    path = f"{house.folder}/h/made.tar"
    with open(path, "wb") as file:
        file.write(tar_of({"file": os.urandom(size)}))
    house.do("import", path, name)
    return path


def forget(house, *names):
    """All of it, so that the next pull brings it anew."""
    from house import wait_until
    house.do("rmi", *names)
    wait_until(lambda: not os.listdir(f"{house.data}/images/blobs/sha256"), "the sweep")


def test_conformance(house):
    judge = Judge()
    server, elsewhere = StrictServer(judge), StrictServer(judge)
    push(house, server, judge)
    pull(house, server, elsewhere, judge)
    discover(house, server, judge)
    refer(house, server, judge)
    manage(house, server, judge)
    warn(house, server, judge)
    missing = sorted(CLAUSES.keys() - judge.met.keys())
    for clause, text in CLAUSES.items():
        print(f"  {clause:28} {judge.met.get(clause, 0):4}  {text}")
    assert not judge.broken, "\n".join(judge.broken)
    assert not missing, f"never met: {missing}"


def push(house, server, judge):
    name, second = f"{server.host}/first/name:v1", f"{server.host}/second.name/of-it:v1"
    make(house, name)
    digest = house.do("push", "-q", name)
    raw, kind = server.manifests["first/name", "v1"]
    judge("push.bytes", sha256(raw) == digest == house.json("image", "inspect", name)[0]["id"], digest)
    house.do("push", "-q", name)  # nothing is sent again: the judge looks
    # Mounted; and where that is not done, sent to where the answer says.
    for mounts, target in ((True, second), (False, f"{server.host}/third:v1")):
        server.mounts = mounts
        server.empty()
        house.do("tag", name, target)
        house.do("push", "-q", target)
    # Absolute locations, digests that come in another form, and 416 in the middle.
    server.absolute, server.header, server.disturb = True, "missing", True
    make(house, f"{server.host}/fourth:v1")
    house.do("push", "-q", f"{server.host}/fourth:v1")
    server.disturb, server.header = False, "right"
    # More than one chunk, of a size that the registry asks for.
    make(house, f"{server.host}/large:v1", 80 << 20)
    for server.minimum in (0, 70 << 20):
        server.empty()
        house.do("push", "-q", f"{server.host}/large:v1")
    server.minimum = 0
    # An error is told in the registry's words, and is an end.
    server.small = True
    told = house.holm("push", "-q", name, code=125).stderr
    judge("push.manifest-413", "413" in told and "that is too much" in told, told)
    server.small = False
    # One that fails tells the registry to forget what it has of the others.
    make(house, f"{server.host}/failing:v1")
    server.stuck = threading.Event()
    pushing = house.start("push", "-q", f"{server.host}/failing:v1")
    assert server.sticking.wait(60)
    cancel(house)
    assert pushing.wait(60) == 125
    server.stuck.set()
    server.stuck = None
    judge("push.cancel", len(server.cancelled) > 0, "no DELETE came")
    house.do("rmi", *[row["configuration"]["references"][0] for row in house.json("images")
                      if "large" in row["configuration"]["references"][0] or "failing" in row["configuration"]["references"][0]])


def cancel(house):
    import grpc
    from worker import load_messages
    messages = load_messages(house.folder)
    with grpc.insecure_channel(f"unix:{house.runtime}/image.sock") as channel:
        tasks = channel.unary_stream("/holm.image.v1.Image/Watch", lambda m: m.SerializeToString(),
                                     messages.Progress.FromString)(messages.Empty(), timeout=60)
        task = next(progress.task for progress in tasks if progress.kind == "push" and not progress.done)
        channel.unary_unary("/holm.image.v1.Image/Cancel", lambda m: m.SerializeToString(),
                            messages.Empty.FromString)(messages.CancelRequest(task=task), timeout=60)


def pull(house, server, elsewhere, judge):
    name = f"{server.host}/first/name:v1"
    everything = sum((row["configuration"]["references"] for row in house.json("images")), [])
    house.do("push", "-q", name)
    raw, _ = server.manifests["first/name", "v1"]
    digest, layer = sha256(raw), json.loads(raw)["layers"][0]["digest"]
    forget(house, *everything)

    def pulled(clause, reference=name, keep=False, **changes):
        for key, value in changes.items():
            setattr(server, key, value)
        got = house.holm("pull", "-q", reference)
        judge(clause, got.stdout.strip() == digest, got.stderr)
        if not keep:
            forget(house, reference)

    def refused(clause, words, reference=name):
        told = house.holm("pull", "-q", reference, code=125).stderr
        judge(clause, words in told, told)
    pulled("pull.header-digest", header="missing")
    pulled("pull.header-digest", header="other")
    pulled("pull.parameters", header="right", parameters="; charset=utf-8")
    pulled("pull.reference", f"{server.host}/first/name@{digest}", parameters="")
    pulled("pull.range", break_at=9000)
    pulled("pull.no-range", break_at=9000, ranges=False)
    # Redirected to another host, which is told nothing.
    os.makedirs(f"{house.folder}/f/containers", exist_ok=True)
    with open(f"{house.folder}/f/containers/auth.json", "w") as file:
        json.dump({"auths": {server.host: {"auth": basic("anna", "secret")[6:]}}}, file)
    elsewhere.blobs = server.blobs
    pulled("pull.redirect", ranges=True, redirect=elsewhere.host, login=basic("anna", "secret"))
    server.redirect = server.login = None
    # What is wrong.
    server.manifests["first/name", "v1"] = (raw, INDEX)
    refused("pull.media-type", "not of the type that it was sent as")
    server.manifests["first/name", "v1"] = (raw, MANIFEST)
    server.manifests["first/name", digest] = (raw.replace(b"layers", b"layerz"), MANIFEST)
    refused("pull.manifest-digest", "something else", f"{server.host}/first/name@{digest}")
    good = server.blobs[layer]
    server.blobs[layer] = good[:5000] + b"x" + good[5001:]
    refused("pull.blob-digest", "is not what arrived")
    del server.blobs[layer]
    refused("pull.blob-404", "has no first/name blob")
    server.blobs[layer] = good
    refused("pull.manifest-404", "nobody here by that name", f"{server.host}/first/name:none")
    refused("error.shape", "nobody here by that name", f"{server.host}/first/name:none")
    refused("error.legacy", "no tag like that", f"{server.host}/first/name:legacy")  # and no legacy header was ever sent
    for wrong in ("Upper/case", "a//b", "-a"):
        told = house.holm("pull", f"{server.host}/{wrong}:v1", code=125)
        judge("pull.name", told.returncode == 125)
    server.busy = [0]
    pulled("error.retry-after", keep=True)
    judge("error.retry-after", server.busy[2] - server.busy[1] > 0.95, server.busy)
    server.busy = []


def discover(house, server, judge):
    server.names = {"many": [f"v{number:03}" for number in range(30)], "none": []}
    told = house.do("registry", "tags", f"{server.host}/many").split()
    judge("tags.list", told == server.names["many"], told)
    judge("tags.page", house.do("registry", "tags", "--limit", "3", f"{server.host}/many").split() == told[:3])
    judge("tags.empty", house.do("registry", "tags", f"{server.host}/none") == "")
    assert "never heard of it" in house.holm("registry", "tags", f"{server.host}/unknown", code=125).stderr


def load_referrer(house, name, subject, seed, **more):
    """An image here that refers to another one. Its bytes as the registry will have them."""
    layer = tar_of({"signature": seed})
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]}}).encode()
    raw = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **more,
                      "config": {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)},
                      "layers": [{"mediaType": LAYER, "digest": sha256(layer), "size": len(layer)}],
                      "subject": {"mediaType": MANIFEST, "digest": subject, "size": 7}}).encode()
    index = {"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": sha256(raw), "size": len(raw),
                                                "annotations": {"org.opencontainers.image.ref.name": name}}]}
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    files |= {f"blobs/sha256/{sha256(part)[7:]}": part for part in (layer, config, raw)}
    path = f"{house.folder}/h/referrer.tar"
    with open(path, "wb") as file:
        file.write(tar_of(files))
    house.do("load", "-i", path)
    return raw


def refer(house, server, judge):
    """First with a registry that lists referrers itself, then with one that leaves that to its clients."""
    about = f"{server.host}/about:v1"
    make(house, about)
    for lists in (True, False):
        server.lists, server.asked = lists, []
        house.do("push", "-q", about)
        subject = sha256(server.manifests["about", "v1"][0])
        assert house.json("registry", "referrers", about) == {"digest": subject, "referrers": [], "more": False}
        judge("referrers.empty" if lists else "referrers.none")
        first = load_referrer(house, f"{server.host}/about:one", subject, b"1", artifactType="application/x-signature",
                              annotations={"who": "anna", "when": "now"})
        second = load_referrer(house, f"{server.host}/about:two", subject, b"2")
        for name in ("one", "two", "one"):
            house.do("push", "-q", f"{server.host}/about:{name}")
        wanted = [descriptor_of(first, MANIFEST), descriptor_of(second, MANIFEST)]
        told = house.json("registry", "referrers", about)["referrers"]
        judge("referrers.list" if lists else "referrers.fallback",
              sorted(told, key=str) == sorted(wanted, key=str), told)
        told = house.json("registry", "referrers", "--artifact-type", "application/x-signature", f"{server.host}/about@{subject}")
        judge("referrers.filter", told["referrers"] == wanted[:1], told)
        judge("referrers.filter", not lists or "application/x-signature" in server.asked, server.asked)
        assert sha256(first) in house.do("registry", "referrers", about)
        if not lists:
            kept = json.loads(server.manifests["about", tag_of(subject)][0])
            judge("push.subject-begin", kept["mediaType"] == INDEX and kept["schemaVersion"] == 2, kept)
            judge("push.subject-append", len(kept["manifests"]) >= 2, kept)
            judge("push.subject-once", len(kept["manifests"]) == 2, kept)
            judge("push.subject-artifact", [one["artifactType"] for one in kept["manifests"]] ==
                  ["application/x-signature", CONFIG], kept)
            judge("push.subject-annotations", kept["manifests"][0]["annotations"] == {"who": "anna", "when": "now"}, kept)
            take_back(house, server, judge, subject, first, second)
        for digest in (sha256(first), sha256(second)):
            server.manifests = {key: value for key, value in server.manifests.items() if sha256(value[0]) != digest}
    # What stands there is no list.
    server.manifests["about", tag_of(subject)] = (first, MANIFEST)
    told = house.holm("push", "-q", f"{server.host}/about:two", code=125).stderr
    judge("push.subject-other", "no index" in told, told)
    assert house.json("registry", "referrers", about)["referrers"] == []


def take_back(house, server, judge, subject, first, second):
    house.do("registry", "rm", f"{server.host}/about@{sha256(first)}")
    kept = json.loads(server.manifests["about", tag_of(subject)][0])
    judge("delete.subject", [one["digest"] for one in kept["manifests"]] == [sha256(second)], kept)
    assert ("about", "one") not in server.manifests


def manage(house, server, judge):
    """`fixed`: what cannot be deleted, tags (True) or manifests (False)."""
    name = f"{server.host}/first/name"
    house.do("push", "-q", f"{name}:v1")
    raw, kind = server.manifests["first/name", "v1"]
    server.manifests["first/name", "spare"] = (raw, kind)
    told = house.do("registry", "rm", f"{name}:spare")
    judge("delete.tag", told.strip() == f"{name}:spare" and ("first/name", "v1") in server.manifests, told)
    told = house.holm("registry", "rm", f"{name}:spare", code=125).stderr
    judge("delete.404", "nobody here by that name" in told, told)
    server.fixed = {True, False}
    told = house.holm("registry", "rm", f"{name}:v1", code=125).stderr
    judge("delete.tag-disabled", "does not let tags" in told and f"@{sha256(raw)}" in told, told)
    told = house.holm("registry", "rm", f"{name}@{sha256(raw)}", code=125).stderr
    judge("delete.manifest-disabled", "does not let manifests" in told, told)
    server.fixed = set()
    house.do("registry", "rm", f"{name}@{sha256(raw)}")
    judge("delete.manifest", ("first/name", "v1") not in server.manifests)
    house.do("push", "-q", f"{name}:v1")


def warn(house, server, judge):
    server.warnings = ["This image is deprecated.", "Your token expires."]
    name = f"{server.host}/first/name:v1"
    for verb in ("pull", "push"):
        done = house.holm(verb, "-q", name, code=0)
        for text in server.warnings:
            judge("warning.report", text in done.stderr, done.stderr)
            judge("warning.once", done.stderr.count(text) == 1, done.stderr)
        judge("warning.no-action", bool(done.stdout.strip()))


if __name__ == "__main__":
    run_tests(globals())
