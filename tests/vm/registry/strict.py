"""A registry that keeps to the letter of the OCI distribution specification 1.1, uses all that it is allowed to, and writes down
which clauses a client has met and which it has broken."""
import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse

from hostile import basic
from index_image import INDEX, MANIFEST, sha256

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
    "push.subject": "OCI-Subject says that the registry has processed the subject: nothing more is done",
    "push.subject-tag": "Without OCI-Subject the client MUST pull the referrers list by the referrers tag schema",
    "push.subject-begin": "If the tag returns a 404, the client MUST begin with an empty image index",
    "push.subject-append": "Append a descriptor for the pushed manifest, and push the list under the same tag",
    "push.subject-once": "Duplicate entries SHOULD NOT be created",
    "push.subject-artifact": "artifactType is the manifest's, or its config's mediaType where it has none",
    "push.subject-annotations": "All annotations from the pushed manifest MUST be copied to the descriptor",
    "push.subject-other": "A manifest other than an index under the tag: the client SHOULD report a failure",
    # Content discovery
    "tags.list": "Tags are listed at /v2/<name>/tags/list",
    "tags.page": "n asks for at most so many",
    "tags.link": "More tags are where the Link header with rel=\"next\" leads",
    "tags.empty": "The list MAY be empty",
    "tags.fewer": "Fewer than n MAY come when there is a Link",
    "referrers.list": "Referrers are listed at /v2/<name>/referrers/<digest>",
    "referrers.empty": "No matching referrers are an empty list",
    "referrers.link": "More of them are where the Link header with rel=\"next\" leads",
    "referrers.filter": "artifactType asks for one type; a registry need not filter",
    "referrers.fallback": "After a 404 the client MUST fall back to the referrers tag",
    "referrers.none": "Without a valid index under the tag there are no referrers",
    # Content management
    "delete.tag": "A tag is deleted at /v2/<name>/manifests/<tag>",
    "delete.tag-disabled": "Tag deletion that is disabled is answered with 400 or 405",
    "delete.manifest": "A manifest is deleted at /v2/<name>/manifests/<digest>",
    "delete.manifest-disabled": "Manifest deletion that is disabled is answered with 400 or 405",
    "delete.404": "What is not there is 404 Not Found",
    "delete.subject": "After a 404 of the referrers list the descriptor SHOULD be removed from the one under the tag",
    # All of them
    "error.shape": "An error's message is told; code, message and detail are all that counts",
    "error.legacy": "Clients SHOULD NOT depend on the legacy headers and codes",
    "error.retry-after": "429 comes with Retry-After",
    "warning.report": "Warnings SHOULD be reported to the user",
    "warning.once": "Clients SHOULD deduplicate warnings",
    "warning.no-action": "Clients MUST NOT act on warnings",
}


def tag_of(digest):
    return digest.replace(":", "-")


def descriptor_of(raw, kind):
    document = json.loads(raw)
    return {"mediaType": kind, "digest": sha256(raw), "size": len(raw),
            "artifactType": document.get("artifactType") or document["config"]["mediaType"],
            "annotations": document.get("annotations", {})}


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
        found = re.fullmatch(f"/v2/(.+?)/(?:(manifests|blobs)/([^/]+)|(tags)/list|(blobs)/uploads/|(referrers)/([^/]+))", path)
        if not found:
            server.judge("pull.reference", False, self.path)
            return self.refuse(404, "NAME_INVALID")
        name, kind, item, tags, uploads, referrers, subject = found.groups()
        server.judge("pull.name", bool(re.fullmatch(NAME, name)), name)
        self.name = name
        if tags:
            return self.tags()
        if uploads:
            return self.begin()
        if referrers:
            return self.referrers(subject)
        if kind == "manifests":
            server.judge("pull.reference", bool(re.fullmatch(f"{TAG}|{DIGEST}", item)), item)
        return getattr(self, f"{self.command.lower()}_{kind}")(item)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

    # ---- pull ----

    def get_manifests(self, item):
        server = self.server
        accepted = {part.split(";")[0].strip() for part in self.headers.get("Accept", "").split(",")}
        server.judge("pull.accept", {MANIFEST, INDEX} <= accepted, f"{item}: {self.headers.get('Accept')}")
        if server.busy:
            server.busy.append(time.monotonic())
            if len(server.busy) == 2:
                return self.refuse(429, "TOOMANYREQUESTS", "slowly", Retry_After="1")
        found = server.manifests.get((self.name, item))
        server.read.add(item)
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
        subject = document.get("subject", {}).get("digest")
        told = {"OCI_Subject": subject} if subject and server.lists else {}
        if told:
            server.judge("push.subject")
        if subject and not server.lists:
            server.read.discard(tag_of(subject))
        if item.startswith("sha256-"):
            server.judge("push.subject", not server.lists, "the list was kept though the registry does that")
            server.judge("push.subject-tag", item in server.read, f"{item} was not read first")
        return self.answer(201, Location=f"/v2/{self.name}/manifests/{item}", **server.digest_header(raw), **told)

    # ---- management ----

    def delete_manifests(self, item):
        server, tag = self.server, not item.startswith("sha256:")
        if tag in server.fixed:
            return self.refuse(405 if tag else 400, "UNSUPPORTED", "not here")
        if (self.name, item) not in server.manifests:
            return self.refuse(404, "MANIFEST_UNKNOWN", "nobody here by that name")
        raw = server.manifests[self.name, item][0]
        gone = [key for key, (there, _) in server.manifests.items()
                if key == (self.name, item) or (not tag and key[0] == self.name and there == raw)]
        for key in gone:
            del server.manifests[key]
        server.judge("delete.tag" if tag else "delete.manifest")
        return self.answer(202)

    # ---- discovery ----

    def referrers(self, subject):
        """One a page, all of them whatever was asked for."""
        server = self.server
        if not server.lists:
            return self.refuse(404, "NOT_FOUND", "there is no such page")
        server.judge("referrers.list", bool(re.fullmatch(DIGEST, subject)), subject)
        entries = [descriptor_of(raw, kind) for (name, item), (raw, kind) in sorted(server.manifests.items())
                   if name == self.name and item == sha256(raw) and json.loads(raw).get("subject", {}).get("digest") == subject]
        at, link = int(self.query.get("at", 0)), {}
        if at + 1 < len(entries):
            link["Link"] = f'</v2/{self.name}/referrers/{subject}?at={at + 1}>; rel="next"'
        if at:
            server.judge("referrers.link")
        server.asked.append(self.query.get("artifactType"))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[at:at + 1]}
        return self.answer(200, json.dumps(index).encode(), Content_Type=INDEX, **link)

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
        self.lists, self.fixed, self.read, self.asked = True, set(), set(), []
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
