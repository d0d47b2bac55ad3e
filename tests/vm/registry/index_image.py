"""An index of images for several platforms, with what builds put beside them, made here and put into a registry."""
import hashlib
import io
import json
import os
import tarfile
import urllib.request

OCI = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG = OCI + "index.v1+json", OCI + "manifest.v1+json", OCI + "config.v1+json"
LAYER, FOREIGN = OCI + "layer.v1.tar", OCI + "layer.nondistributable.v1.tar"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(files):
    """{name: bytes or None for a folder}, executable."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content or b""))
    return out.getvalue()


def busybox_layer():
    with open("/bin/busybox", "rb") as file:
        return tar_of({"bin": None, "bin/busybox": file.read(), "bin/sh": b"#!/bin/busybox sh\n"})


class Index:
    """Images for linux of these architectures; the first one's layers run. Each has a layer of its own and one that all
    have; beside them an attestation about the first, and an image for Windows with a layer that no registry holds: it is
    `elsewhere`, a URL of it, and has the bytes ELSEWHERE."""
    ELSEWHERE = b"this is elsewhere"

    def __init__(self, architectures, elsewhere, seed=0):
        self.blobs, self.manifests, self.elsewhere = {}, {}, elsewhere
        shared = busybox_layer()
        entries = [self.image(name, [shared, tar_of({f"{name.replace('/', '-')}-{seed}": os.urandom(3000)})])
                   for name in architectures]
        self.digests = dict(zip(architectures, (entry["digest"] for entry in entries)))
        entries.append(self.attestation(entries[0]["digest"]))
        entries.append(self.windows())
        self.raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, indent=1).encode()
        self.digest = sha256(self.raw)

    def blob(self, data, media_type):
        self.blobs[sha256(data)] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def manifest(self, config, layers, **more):
        raw = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        self.manifests[sha256(raw)] = raw
        return {"mediaType": MANIFEST, "digest": sha256(raw), "size": len(raw), **more}

    def image(self, architecture, layers, system="linux"):
        name, _, variant = architecture.partition("/")
        platform = {"os": system, "architecture": name, **({"variant": variant} if variant else {})}
        config = {**platform, "config": {"Cmd": ["/bin/busybox", "echo", f"I am {architecture}"]},
                  "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]}}
        return self.manifest(self.blob(json.dumps(config).encode(), CONFIG),
                             [self.blob(layer, LAYER) for layer in layers], platform=platform)

    def attestation(self, about):
        layer = self.blob(b'{"_type":"https://in-toto.io/Statement/v0.1"}', "application/vnd.in-toto+json")
        config = self.blob(b'{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}', CONFIG)
        return self.manifest(config, [layer], platform={"architecture": "unknown", "os": "unknown"},
                             annotations={"vnd.docker.reference.type": "attestation-manifest",
                                          "vnd.docker.reference.digest": about})

    def windows(self):
        digest = sha256(self.ELSEWHERE)
        elsewhere = {"mediaType": FOREIGN, "digest": digest, "size": len(self.ELSEWHERE), "urls": [self.elsewhere]}
        config = {"os": "windows", "architecture": "amd64",
                  "rootfs": {"type": "layers", "diff_ids": [digest]}}
        return self.manifest(self.blob(json.dumps(config).encode(), CONFIG), [elsewhere],
                             platform={"os": "windows", "architecture": "amd64"})

    def push(self, host, name, tag):
        """By the distribution protocol, as any client would."""
        base = f"http://{host}/v2/{name}"
        for digest, data in self.blobs.items():
            where = ask("POST", f"{base}/blobs/uploads/", b"").headers["Location"]
            ask("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", data, "application/octet-stream")
        for digest, raw in self.manifests.items():
            ask("PUT", f"{base}/manifests/{digest}", raw, MANIFEST)
        assert ask("PUT", f"{base}/manifests/{tag}", self.raw, INDEX).headers["Docker-Content-Digest"] == self.digest
        return f"{host}/{name}:{tag}"


def ask(method, url, body=None, content_type=None, **headers):
    if content_type:
        headers["Content-Type"] = content_type
    return urllib.request.urlopen(urllib.request.Request(url, data=body, method=method, headers=headers), timeout=60)


def digest_there(image):
    """What the registry says the name stands for."""
    host, rest = image.split("/", 1)
    name, tag = rest.rsplit(":", 1)
    answer = ask("GET", f"http://{host}/v2/{name}/manifests/{tag}", Accept=f"{INDEX}, {MANIFEST}")
    assert answer.headers["Docker-Content-Digest"] == sha256(raw := answer.read())
    return sha256(raw)
