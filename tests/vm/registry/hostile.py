"""A registry that does what no registry should, one way for each repository name."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import random
import socketserver
import tarfile
import threading
import time
import urllib.parse


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_layer(size, seed=0):
    """(diff id, blob): a tar with one file of bytes that hardly compress."""
    content = random.Random(seed).randbytes(size)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(f"file{seed}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    tar = out.getvalue()
    return sha256(tar), gzip.compress(tar, 1, mtime=0)


class Image:
    def __init__(self, size=1 << 20, seed=0, count=1, mutate=None):
        self.blobs = {}
        layers = [make_layer(size, seed + i) for i in range(count)]
        config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
                  "rootfs": {"type": "layers", "diff_ids": [diff for diff, _ in layers]}}
        raw = json.dumps(config).encode()
        self.manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(raw), "size": len(raw)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha256(blob),
                        "size": len(blob)} for _, blob in layers]}
        self.blobs[sha256(raw)] = raw
        for _, blob in layers:
            self.blobs[sha256(blob)] = blob
        self.layer = layers[0][1]
        if mutate:
            mutate(self)
        self.raw = json.dumps(self.manifest).encode()


def set_config(**changes):
    def mutate(image):
        old = image.manifest["config"]["digest"]
        config = json.loads(image.blobs[old])
        config.update(changes)
        raw = json.dumps(config).encode()
        image.blobs[sha256(raw)] = raw
        image.manifest["config"].update(digest=sha256(raw), size=len(raw))
    return mutate


def set_layer(**changes):
    return lambda image: image.manifest["layers"][0].update(changes)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        if self.path.startswith("/elsewhere/"):
            return self.serve_blob(self.path.rsplit("/", 1)[1], None)
        if self.path.startswith("/token"):
            return self.token()
        if self.path == "/v2/":
            return self.base()
        _, _, name, kind, item = self.path.split("/")
        quirk = server.quirks.get(name, {})
        if "challenge" in quirk and self.headers.get("Authorization") not in quirk.get("accepts", ()):
            return self.reply(401, b'{"errors":[{"message":"who are you?"}]}', WWW_Authenticate=quirk["challenge"])
        if kind == "tags":
            return self.serve_tags(quirk)
        if kind == "manifests":
            return self.serve_manifest(quirk, item)
        return self.serve_blob(item, quirk)

    def base(self):
        challenge, accepts = self.server.base
        if challenge and self.headers.get("Authorization") not in accepts:
            return self.reply(401, b"{}", WWW_Authenticate=challenge)
        return self.reply(200, b"{}")

    def serve_tags(self, quirk):
        """Pages as the specification has them: n and last, and a Link to the next one."""
        if "tags" not in quirk:
            return self.reply(404, b"{}")
        tags, path = quirk["tags"], self.path.split("?")[0]
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        if not isinstance(tags, list):
            return self.reply(200, json.dumps({"tags": tags}).encode())
        page = [tag for tag in tags if tag > query.get("last", "")][:int(query.get("n", 1000))]
        more = page and page[-1] != tags[-1]
        following = quirk.get("next", f"{path}?n={query.get('n')}&last={page[-1]}" if more else None)
        link = {"Link": f'<{following}>; rel="next"'} if following else {}
        self.reply(200, json.dumps({"tags": page}).encode(), **link)

    def token(self):
        quirk = self.server.quirks[self.path.split("/")[2].split("?")[0]]
        answer = quirk["token"]
        if callable(answer):
            answer = answer(self)
        self.reply(*(answer if isinstance(answer, tuple) else (200, answer)))

    def serve_manifest(self, quirk, item):
        if "manifest" in quirk:
            return quirk["manifest"](self, item)
        raw = quirk["image"].raw
        self.reply(200, raw, "application/vnd.oci.image.manifest.v1+json", Docker_Content_Digest="sha256:" + "0" * 64)

    def serve_blob(self, digest, quirk):
        blob = next(q["image"].blobs[digest] for q in self.server.quirks.values()
                    if "image" in q and digest in q["image"].blobs)
        if quirk and "blob" in quirk and len(blob) > 4096:
            return quirk["blob"](self, blob)
        return self.send_range(blob)

    def send_range(self, blob, most=None, delay=0):
        wanted = self.headers.get("Range")
        first = int(wanted.split("=")[1].split("-")[0]) if wanted else 0
        body = blob[first:]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{len(blob) - 1}/{len(blob)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if most is None or len(body) <= most:
            step = len(body) if not delay else max(len(body) // 50, 1)
            for at in range(0, len(body), step):
                self.wfile.write(body[at:at + step])
                time.sleep(delay)
            return
        self.wfile.write(body[:most])
        self.wfile.flush()
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, quirks):
        super().__init__(("127.0.0.1", 0), Handler)
        self.quirks, self.requests = quirks, []
        self.base = (None, ())  # of /v2/: the challenge, and what is accepted
        self.host = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
