"""What the OCI distribution specification 1.1 wants of a client, clause by clause: a registry that keeps to the letter, uses all
that it is allowed to, and writes down who does not. Every clause has to have been met, and none broken."""
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from command_test import run_tests  # noqa: E402
from hostile import basic  # noqa: E402
from index_image import INDEX, MANIFEST, sha256, tar_of  # noqa: E402

NAME = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"

CLAUSES = {
    # Pull
    "pull.name": "<name> MUST match the regular expression",
    "pull.reference": "<tag-or-digest> MUST be a digest or a tag, and in no other format",
    "pull.accept": "The client SHOULD include an Accept header with the manifest types it supports",
    "pull.parameters": "The client SHOULD ignore parameters on the Content-Type header",
    "pull.media-type": "A mediaType field that is not the Content-Type: clients SHOULD reject the manifest",
    "pull.header-digest": "Docker-Content-Digest MAY differ or be missing; who uses it MUST verify it",
    "pull.manifest-digest": "Of a manifest asked for by digest clients SHOULD verify that it matches",
    "pull.manifest-404": "A manifest that is not found is 404 Not Found",
    "pull.blob-digest": "Clients SHOULD verify that a blob matches its digest",
    "pull.blob-404": "A blob that is not found is 404 Not Found",
    "pull.range": "A Range request header goes on where a blob broke off (RFC 9110, section 14)",
    "pull.no-range": "A registry need not support Range: the whole is taken then",
    "pull.redirect": "Any request MAY be redirected; clients SHOULD follow",
    "pull.redirect-authorization": "Clients MUST NOT forward Authorization across host boundaries",
    # Push
    "push.head": "HEAD tells whether a blob exists: it is not sent then",
    "push.post-length": "The POST of a chunked upload MUST have Content-Length: 0",
    "push.location-relative": "The location MAY be relative",
    "push.location-absolute": "The location MAY be absolute",
    "push.location-query": "The location MAY contain critical query parameters, and SHOULD be used exactly as it is",
    "push.location-next": "Each chunk SHOULD use the location of the answer before it",
    "push.content-range": "Content-Range MUST match ^[0-9]+-[0-9]+$, begin with 0 and be inclusive on both ends",
    "push.content-length": "Content-Length of a chunk is the length of the chunk",
    "push.content-type": "A chunk is application/octet-stream",
    "push.in-order": "Chunks MUST be uploaded in order",
    "push.minimum": "Chunks SHOULD be no smaller than OCI-Chunk-Min-Length, but for the last one",
    "push.out-of-order": "After 416 the upload's status says where to go on",
    "push.status-location": "The next chunk SHOULD use the location in the status answer",
    "push.close": "The session MUST be closed with a PUT that has the whole blob's digest",
    "push.cancel": "Clients SHOULD send DELETE when they abort an upload, and ignore its failure",
    "push.mount": "A mount answered with 201 Created needs nothing more",
    "push.mount-202": "A mount answered with 202 goes on as an upload at its location",
    "push.manifest-type": "Content-Type of a manifest is its mediaType field, without parameters",
    "push.manifest-reference": "A manifest is put under a tag or its digest",
    "push.blobs-first": "A manifest comes after what it references",
    "push.bytes": "The manifest is stored in the exact bytes that were sent, with the digest that the client knows",
    "push.manifest-413": "A manifest that is too large is answered with 413",
    # Content discovery
    "tags.list": "Tags are listed at /v2/<name>/tags/list",
    "tags.page": "n asks for at most so many",
    "tags.link": "More tags are where the Link header with rel=\"next\" leads",
    "tags.empty": "The list MAY be empty",
    "tags.fewer": "Fewer than n MAY come when there is a Link",
    # All of them
    "error.shape": "An error's message is told; code, message and detail are all that counts",
    "error.legacy": "Clients SHOULD NOT depend on the legacy headers and codes",
    "error.retry-after": "429 comes with Retry-After",
    "warning.report": "Warnings SHOULD be reported to the user",
    "warning.once": "Clients SHOULD deduplicate warnings",
    "warning.no-action": "Clients MUST NOT act on warnings",
}


class Judge:
    def __init__(self):
        self.met, self.broken = {}, []

    def __call__(self, clause, good=True, detail=""):
        assert clause in CLAUSES, clause
        self.met[clause] = self.met.get(clause, 0) + 1
        if not good:
            self.broken.append(f"{clause}: {CLAUSES[clause]}: {detail}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        for text in self.server.warnings:
            self.send_header("Warning", f'299 - "{text}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message="", **headers):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message, "detail": {"x": [1]}}]}).encode(), **headers)

    def handle_one(self):
        server = self.server
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path == "/v2/":
            return self.answer(200, b"{}")
        if server.login and self.headers.get("Authorization") != server.login and not path.startswith("/stored/"):
            return self.refuse(401, "UNAUTHORIZED", "who is there?", WWW_Authenticate='Basic realm="x"')
        if path.startswith("/stored/"):
            server.judge("pull.redirect-authorization", "Authorization" not in self.headers, self.path)
            return self.answer(200, server.blobs[path.rsplit("/", 1)[1]])
        if path.startswith("/session/"):
            return self.session(path.split("/")[2])
        found = re.fullmatch(f"/v2/(.+?)/(?:(manifests|blobs)/([^/]+)|(tags)/list|(blobs)/uploads/)", path)
        if not found:
            server.judge("pull.reference", False, self.path)
            return self.refuse(404, "NAME_INVALID")
        name, kind, item, tags, uploads = found.groups()
        server.judge("pull.name", bool(re.fullmatch(NAME, name)), name)
        self.name = name
        if tags:
            return self.tags()
        if uploads:
            return self.begin()
        if kind == "manifests":
            server.judge("pull.reference", bool(re.fullmatch(f"{TAG}|{DIGEST}", item)), item)
        return getattr(self, f"{self.command.lower()}_{kind}")(item)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

    # ---- pull ----

    def get_manifests(self, item):
        server = self.server
        accepted = {part.split(";")[0].strip() for part in self.headers.get("Accept", "").split(",")}
        server.judge("pull.accept", {MANIFEST, INDEX} <= accepted, self.headers.get("Accept"))
        if server.busy:
            server.busy.append(time.monotonic())
            if len(server.busy) == 2:
                return self.refuse(429, "TOOMANYREQUESTS", "slowly", Retry_After="1")
        found = server.manifests.get((self.name, item))
        if item == "legacy":
            return self.refuse(404, "TAG_INVALID", "no tag like that")
        if not found:
            return self.refuse(404, "MANIFEST_UNKNOWN", "nobody here by that name")
        raw, kind = found
        self.answer(200, raw, Content_Type=kind + server.parameters, **server.digest_header(raw))

    def get_blobs(self, item):
        server = self.server
        if item not in server.blobs:
            return self.refuse(404, "BLOB_UNKNOWN", "no such blob")
        if server.redirect:
            server.judge("pull.redirect")
            return self.answer(307, Location=f"http://{server.redirect}/stored/{item}")
        body, wanted = server.blobs[item], self.headers.get("Range")
        if wanted:
            first = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", wanted)
            server.judge("pull.range" if server.ranges else "pull.no-range", bool(first), wanted)
            if server.ranges:
                at = int(first[1])
                return self.answer(206, body[at:], Content_Range=f"bytes {at}-{len(body) - 1}/{len(body)}")
        if server.break_at and len(body) > server.break_at:
            at, server.break_at = server.break_at, 0
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:at])
            self.close_connection = True
            return None
        return self.answer(200, body)

    def head_blobs(self, item):
        server = self.server
        if item not in server.blobs:
            return self.answer(404)
        server.judge("push.head")
        server.skipped.add(item)
        return self.answer(200, b"", Content_Length=str(len(server.blobs[item])), Docker_Content_Digest=item)

    def head_manifests(self, item):
        found = self.server.manifests.get((self.name, item))
        return self.answer(200, found[0]) if found else self.answer(404)

    # ---- push ----

    def location(self, session):
        """Never twice the same, and with a query whose order and signs count."""
        server = self.server
        server.steps += 1
        session["at"] = f"/session/{session['id']}?b=%2F+x&a={server.steps}&state="
        kind = "push.location-absolute" if server.absolute else "push.location-relative"
        server.judge(kind)
        return (f"http://{server.host}" if server.absolute else "") + session["at"]

    def begin(self):
        server = self.server
        server.judge("push.post-length", self.headers.get("Content-Length") == "0", self.headers.get("Content-Length"))
        mount = self.query.get("mount")
        if mount and server.mounts and mount in server.blobs_of.get(self.query.get("from"), ()):
            server.judge("push.mount")
            server.blobs[mount] = server.blobs_of[self.query["from"]][mount]
            return self.answer(201, Location=f"/v2/{self.name}/blobs/{mount}", Docker_Content_Digest=mount)
        session = {"id": str(len(server.sessions)), "data": b"", "mount": mount, "disturbed": False}
        server.sessions[session["id"]] = session
        more = {"OCI_Chunk_Min_Length": str(server.minimum)} if server.minimum else {}
        return self.answer(202, Location=self.location(session), **more)

    def session(self, number):
        server, session = self.server, self.server.sessions.get(number)
        if not session:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        exact = self.path == session["at"] or (self.command == "PUT" and self.path.startswith(session["at"]))
        server.judge("push.location-query", exact, f"{self.command} {self.path} for {session['at']}")
        if self.command == "PATCH":
            return self.chunk(session)
        if self.command == "PUT":
            return self.close(session)
        if self.command == "DELETE":
            server.judge("push.cancel")
            server.cancelled.append(number)
            return self.refuse(500, "UNSUPPORTED")  # a failure that is to be ignored
        return self.answer(204, Location=self.location(session), Range=f"0-{max(len(session['data']) - 1, 0)}")

    def chunk(self, session):
        server, wanted = self.server, self.headers.get("Content-Range", "")
        length = int(self.headers["Content-Length"])
        found = re.fullmatch(r"([0-9]+)-([0-9]+)", wanted)
        first, last = (int(found[1]), int(found[2])) if found else (-1, -1)
        server.judge("push.content-range", bool(found) and (session["data"] != b"" or first == 0 or session["disturbed"]), wanted)
        server.judge("push.content-length", length == last - first + 1, f"{length} for {wanted}")
        server.judge("push.content-type", self.headers.get("Content-Type") == "application/octet-stream")
        if server.disturb and not session["disturbed"] and length > 4096:
            # Some of it is kept, and then the client is told that it is out of order.
            session["disturbed"] = True
            session["data"] += self.rfile.read(length)[:1000]
            return self.answer(416)
        body = self.rfile.read(length) if not server.stuck else self.stick(length)
        server.judge("push.in-order", first == len(session["data"]), f"{wanted} after {len(session['data'])} bytes")
        if session["disturbed"]:
            server.judge("push.out-of-order", first == 1000, wanted)
            server.judge("push.status-location")
        if server.minimum:
            server.judge("push.minimum", not session.get("short"), f"{wanted} after a chunk that was too small")
            session["short"] = length < server.minimum
        session["data"] += body
        if len(session["data"]) != length:
            server.judge("push.location-next")
        return self.answer(202, Location=self.location(session), Range=f"0-{len(session['data']) - 1}")

    def stick(self, length):
        """The client is left waiting, until it goes away."""
        body = self.rfile.read(min(length, 4096))
        self.server.sticking.set()
        self.server.stuck.wait()
        return body

    def close(self, session):
        server, digest = self.server, self.query.get("digest", "")
        session["data"] += self.rfile.read(int(self.headers.get("Content-Length", 0)))
        good = "sha256:" + hashlib.sha256(session["data"]).hexdigest() == digest
        server.judge("push.close", good, digest)
        if session["mount"]:
            server.judge("push.mount-202", session["mount"] == digest, digest)
        server.judge("push.head", digest not in server.skipped, "sent though it was there")
        server.blobs[digest] = session["data"]
        server.blobs_of.setdefault("first/name", {})[digest] = session["data"]
        del server.sessions[session["id"]]
        return self.answer(201, Location=f"/v2/{self.name}/blobs/{digest}")

    def put_manifests(self, item):
        server, raw = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        document, kind = json.loads(raw), self.headers.get("Content-Type")
        server.judge("push.manifest-type", kind == document.get("mediaType", kind), f"{kind} for {document.get('mediaType')}")
        server.judge("push.manifest-reference", not item.startswith("sha256:") or item == sha256(raw), item)
        parts = [document["config"]["digest"], *(layer["digest"] for layer in document["layers"])] if "layers" in document else []
        there = all(part in server.blobs for part in parts) and all(
            (self.name, part["digest"]) in server.manifests for part in document.get("manifests", ()))
        server.judge("push.blobs-first", there, item)
        if server.small:
            return self.refuse(413, "SIZE_INVALID", "that is too much")
        for reference in (item, sha256(raw)):
            server.manifests[self.name, reference] = (raw, kind)
        return self.answer(201, Location=f"/v2/{self.name}/manifests/{item}", **server.digest_header(raw))

    # ---- discovery ----

    def tags(self):
        server = self.server
        server.judge("tags.list")
        if self.name not in server.names:
            return self.refuse(404, "NAME_UNKNOWN", "never heard of it")
        names = [name for name in server.names[self.name] if name > self.query.get("last", "")]
        server.judge("tags.page", "n" not in self.query or self.query["n"].isdigit(), self.path)
        page = names[:min(int(self.query.get("n", 100)), 7)]  # fewer than asked for: there is a Link
        if not server.names[self.name]:
            server.judge("tags.empty")
        link = {}
        if len(page) < len(names):
            link["Link"] = f'</v2/{self.name}/tags/list?n={self.query.get("n", 100)}&last={page[-1]}>; rel="next"'
            server.judge("tags.fewer")
        if "last" in self.query:
            server.judge("tags.link")
        return self.answer(200, json.dumps({"name": self.name, "tags": page}).encode(), Content_Type="application/json", **link)


class StrictServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, judge):
        super().__init__(("127.0.0.1", 0), Handler)
        self.judge, self.host = judge, f"127.0.0.1:{self.server_address[1]}"
        self.manifests, self.blobs, self.blobs_of, self.sessions, self.names = {}, {}, {}, {}, {}
        self.skipped, self.cancelled, self.warnings, self.busy, self.steps = set(), [], [], [], 0
        self.parameters, self.redirect, self.ranges, self.break_at, self.mounts = "", None, True, 0, True
        self.absolute = self.disturb = self.small = False
        self.minimum, self.login = 0, None
        self.stuck, self.sticking = None, threading.Event()
        self.header = "right"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def empty(self):
        self.blobs.clear()
        self.skipped.clear()

    def digest_header(self, raw):
        headers = {"right": {"Docker_Content_Digest": sha256(raw)}, "missing": {},
                   "other": {"Docker_Content_Digest": "sha512:" + "0" * 128}}
        return headers[self.header]

    def handle_error(self, *_):
        pass


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
