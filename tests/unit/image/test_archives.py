"""Archives of images: imported, saved, loaded again, exchanged with skopeo and umoci where they are installed, and
hostile ones refused with a store that stays sound."""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import unittest

TOOL, COMPARE = os.environ["ARCHIVE_TOOL"], os.environ["TREE_COMPARE"]
POLICY = '{"default":[{"type":"insecureAcceptAnything"}]}'


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1000
            if name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_name(data):
    return "blobs/sha256/" + hashlib.sha256(data).hexdigest()


def oci(layers, config=None, names=({"org.opencontainers.image.ref.name": "example.org/a:1"},), diff_ids=None):
    """The files of an OCI archive over these layers (pairs of blob and content)."""
    config = config or {"architecture": subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip() or "amd64",
                        "os": "linux", "config": {"Cmd": ["/f"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest(content) for _, content in layers]}}
    config = json.dumps(config).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
                           "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if blob != content else ""),
                                       "digest": digest(blob), "size": len(blob)} for blob, content in layers]}).encode()
    index = {"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest), "size": len(manifest),
                                                "annotations": name} for name in names]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(), blob_name(config): config, blob_name(manifest): manifest}
    return files | {blob_name(blob): blob for blob, _ in layers}


class Archives(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="holm-archives-")
        self.data = self.base + "/data"

    def tearDown(self):
        shutil.rmtree(self.base)

    def run_tool(self, *arguments, data=None, input=b""):
        return subprocess.run([TOOL, data or self.data, *arguments], input=input, capture_output=True, timeout=60)

    def tool(self, *arguments, **options):
        result = self.run_tool(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, code, *arguments, **options):
        result = self.run_tool(*arguments, **options)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertTrue(result.stderr.decode(errors="replace").startswith(code + ": "), result.stderr)
        self.assert_sound()

    def assert_sound(self, data=None):
        for folder, kind in (("images/blobs/sha256", "blob"), ("images/partial", None), ("layers", "layer")):
            path = f"{data or self.data}/{folder}"
            for name in os.listdir(path) if os.path.isdir(path) else []:
                self.assertIsNotNone(kind, f"{name} is left in {folder}")
                self.assertFalse(name.startswith("."), name)
                if kind == "blob":
                    with open(f"{path}/{name}", "rb") as file:
                        self.assertEqual(hashlib.sha256(file.read()).hexdigest(), name)
                else:
                    self.assertEqual(subprocess.run([os.environ["E2FSCK"], "-fn", f"{path}/{name}"], capture_output=True).returncode, 0)

    def image(self, reference, data=None):
        return json.loads(self.tool("image", reference, data=data))

    def layers(self, image, data=None):
        return [f"{data or self.data}/layers/{layer['file']}" for layer in image["status"]["layers"]]

    def names(self, path):
        lines = subprocess.run([COMPARE, "--list", path], capture_output=True, text=True, check=True).stdout
        return {line.split(" ", 1)[0] for line in lines.splitlines()}

    # ---- import ----

    def test_import(self):
        root = tar({"./": b"", "./bin/": b"", "./bin/sh": b"shell"})
        changes = ['CMD ["a", "b c"]', "entrypoint run it", "ENV A=1 B='two words'", "ENV A 3", "EXPOSE 80 53/udp 8000-8001/tcp", "LABEL x=y \"q r\"=z",
                   "USER 5:6", "VOLUME /v", 'VOLUME ["/w", "/x y"]', "WORKDIR /srv", "WORKDIR sub", "STOPSIGNAL SIGINT"]
        for blob in (root, gzip.compress(root), subprocess.run(["zstd", "-qc"], input=root, capture_output=True, check=True).stdout):
            self.tool("import", "docker.io/library/own:1", *changes, input=blob)
            image = self.image("docker.io/library/own:1")
            configuration = image["configuration"]
            self.assertEqual(configuration["process"]["command"], ["a", "b c"])
            self.assertEqual(configuration["process"]["entrypoint"], ["/bin/sh", "-c", "run it"])
            self.assertEqual(configuration["process"]["environment"], ["A=3", "B=two words"])
            self.assertEqual(configuration["process"]["directory"], "/srv/sub")
            self.assertEqual(configuration["process"]["user"], "5:6")
            self.assertEqual(configuration["labels"], {"x": "y", "q r": "z"})
            self.assertEqual(set(configuration["exposedPorts"]), {"80/tcp", "53/udp", "8000-8001/tcp"})
            self.assertEqual(set(configuration["volumes"]), {"/v", "/w", "/x y"})
            self.assertEqual(configuration["stopSignal"], "SIGINT")
            self.assertEqual(image["status"]["layers"][0]["diffId"], digest(root))
            self.assertEqual(self.names(self.layers(image)[0]), {"/", "/bin", "/bin/sh"})
        self.assert_sound()

    def test_import_refused(self):
        root = tar({"f": b""})
        for change in ("FROM x", "CMD=x", "EXPOSE no", "EXPOSE 70000", "ENV", "ENV =x", "LABEL x", "USER", "VOLUME", "ENV A='x", "nothing"):
            self.refused("invalid", "import", "-", change, input=root)
        for blob in (b"no tar", b"no tar at all " * 100, gzip.compress(root)[:-5], gzip.compress(b"no tar " * 1000), root[:600]):
            self.refused("integrity", "import", "-", input=blob)

    # ---- save and load ----

    def import_two(self):
        self.tool("import", "example.org/one:1", "CMD /f", input=gzip.compress(tar({"./": b"", "./f": b"one" * 10000})))
        self.tool("import", "docker.io/library/two:latest", input=tar({"./": b"", "./g": b"two"}))

    def test_save_and_load(self):
        self.import_two()
        for form in ("oci-archive", "docker-archive"):
            saved = self.tool("save", form, "example.org/one:1", "docker.io/library/two:latest")
            self.assertEqual(saved, self.tool("save", form, "example.org/one:1", "docker.io/library/two:latest"))
            for number, packed in enumerate((saved, gzip.compress(saved), subprocess.run(["zstd", "-qc"], input=saved, capture_output=True, check=True).stdout)):
                other = f"{self.base}/{form}{number}"
                output = self.tool("load", "-", data=other, input=packed).decode().split()
                self.assertEqual(output[1:], ["example.org/one:1", "docker.io/library/two:latest"])
                for name in output[1:]:
                    mine, its = self.image(name), self.image(name, other)
                    self.assertEqual(mine["id"], its["id"])
                    self.assertEqual(mine["status"]["layers"], its["status"]["layers"])
                self.assert_sound(other)
        self.refused("invalid", "load", "example.org/x:1", input=saved)
        self.refused("invalid", "save", "rar", "example.org/one:1")
        self.refused("not-found", "save", "oci-archive", "example.org/none:1")

    def test_layers_that_need_lower_ones(self):
        lower, upper = tar({"./": b"", "d/": b"", "d/f": b"f"}), io.BytesIO()
        with tarfile.open(fileobj=upper, mode="w") as archive:
            info = tarfile.TarInfo("d/hard")
            info.type, info.linkname = tarfile.LNKTYPE, "d/f"
            archive.addfile(info)
        upper = upper.getvalue()
        self.tool("load", "-", input=tar(oci([(gzip.compress(lower), lower), (upper, upper)])))
        layers = self.layers(self.image("example.org/a:1"))
        self.assertEqual(self.names(layers[1]), {"/", "/d", "/d/f", "/d/hard"})
        chain = hashlib.sha256(f"{digest(lower)} {digest(upper)}".encode()).hexdigest()
        self.assertTrue(layers[1].endswith(chain + ".ext4"))
        self.assert_sound()

    def test_docker_archives_of_old(self):
        lower, upper = tar({"./": b"", "f": b"1"}), tar({"g": b"2"})
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(lower), digest(upper), digest(lower)]}}).encode()
        manifest = [{"Config": "c.json", "RepoTags": ["busy:1", "quay.io/x/y:2"], "Layers": ["aa/layer.tar", "bb/layer.tar", "cc/layer.tar"]}]
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            link = tarfile.TarInfo("cc/layer.tar")
            link.type, link.linkname = tarfile.SYMTYPE, "../aa/layer.tar"
            archive.addfile(link)
            for name, data in {"aa/layer.tar": lower, "bb/layer.tar": upper, "c.json": config, "manifest.json": json.dumps(manifest).encode()}.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        output = self.tool("load", "-", input=out.getvalue()).decode().split()
        self.assertEqual(output[1:], ["docker.io/library/busy:1", "quay.io/x/y:2"])
        self.assertEqual(len(self.layers(self.image("quay.io/x/y:2"))), 3)
        self.assert_sound()

    def test_folder(self):
        content = tar({"f": b"x"})
        for name, data in oci([(content, content)]).items():
            os.makedirs(os.path.dirname(f"{self.base}/layout/{name}"), exist_ok=True)
            with open(f"{self.base}/layout/{name}", "wb") as file:
                file.write(data)
        self.assertEqual(self.tool("load-folder", "-", self.base + "/layout").decode().split()[1], "example.org/a:1")

    def test_names(self):
        content = tar({"f": b"x"})
        load = lambda names, reference="-": self.tool("load", reference, input=tar(oci([(content, content)], names=names))).decode().split()[1:]
        self.assertEqual(load([{"io.containerd.image.name": "docker.io/library/a:2", "org.opencontainers.image.ref.name": "2"}]), ["docker.io/library/a:2"])
        self.assertEqual(load([{"org.opencontainers.image.ref.name": "a:3"}]), ["docker.io/library/a:3"])
        self.assertTrue(load([{"org.opencontainers.image.ref.name": "latest"}])[0].startswith("sha256:"))
        self.assertTrue(load([{"org.opencontainers.image.ref.name": "A b//:c"}])[0].startswith("sha256:"))
        self.assertEqual(load([{}], "example.org/given:1"), ["example.org/given:1"])

    # ---- hostile ----

    def test_hostile(self):
        content = tar({"f": b"x"})
        good = oci([(content, content)])
        index = lambda value: good | {"index.json": json.dumps(value).encode()}
        cases = {
            "no index": {k: v for k, v in good.items() if k != "index.json"},
            "no json": good | {"index.json": b"{"},
            "no object": good | {"index.json": b"[]"},
            "deep": good | {"index.json": b"[" * 100000},
            "no images": index({"schemaVersion": 2, "manifests": []}),
            "odd digest": index({"schemaVersion": 2, "manifests": [{"digest": "sha256:../../x", "size": 1}]}),
            "odd types": index({"schemaVersion": 2, "manifests": [{"digest": 7, "annotations": []}, 3, None]}),
            "missing": index({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "0" * 64, "size": 1}]}),
            "wrong diff id": oci([(content, content)], diff_ids=["sha256:" + "1" * 64]),
            "more diff ids": oci([(content, content)], diff_ids=[digest(content)] * 2),
            "no layer": oci([(b"text", b"text")]),
            "damaged layer": oci([(gzip.compress(content)[:-3], content)]),
            "escape": oci([(tar({"../f": b""}),) * 2]),
            "config of wrong types": oci([(content, content)], config={"architecture": 5, "os": [], "config": 7, "rootfs": {"diff_ids": {}}}),
            "200 layers": oci([(content, content)] * 200),
            "20,000 layers": oci([(content, content)] * 20000),
            "100,000 layers": oci([(content, content)] * 100000),
            "negative size": index({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(content), "size": -1}]}),
            "a name of 5,000 bytes": oci([(tar({"n" * 5000: b""}),) * 2]),
            "whiteout of ..": oci([(tar({"d/.wh...": b""}),) * 2]),
            "layer under two names": good | {"index.json": json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(content), "size": len(content)}]}).encode()},
        }
        for name, files in cases.items():
            with self.subTest(name):
                self.data = f"{self.base}/{name}"
                begun = time.monotonic()
                result = self.run_tool("load", "-", input=tar(files))
                self.assertLess(time.monotonic() - begun, 20)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn(result.stderr.split(b":")[0], (b"integrity", b"invalid", b"limit", b"not-found", b"unsupported"), result.stderr)
                self.assert_sound()

    def test_configurations_of_wrong_types(self):
        """What is not of its type is left out, and the image is what it is without it."""
        content = tar({"f": b"x"})
        good = json.loads(oci([(content, content)])[next(name for name, data in oci([(content, content)]).items() if b"diff_ids" in data)])
        wrong = (7, "text", [], {}, [1, {}], {"a": 1}, None, True, "x" * 200000)
        for number, value in enumerate(wrong):
            with self.subTest(value=str(value)[:20]):
                self.data = f"{self.base}/wrong{number}"
                config = good | {"config": {name: value for name in ("Cmd", "Entrypoint", "Env", "Labels", "ExposedPorts", "Volumes",
                                                                     "WorkingDir", "User", "StopSignal")},
                                 "history": value, "created": value, "variant": value}
                self.tool("load", "-", input=tar(oci([(content, content)], config=config)))
                process = self.image("example.org/a:1")["configuration"]["process"]
                self.assertTrue(all(isinstance(word, str) for word in process["command"] + process["environment"]))
                self.assert_sound()

    def test_index_that_names_itself(self):
        # Its own digest cannot be in it, but the top one can name one that names the top's twin.
        nested = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}).encode()
        files = {}
        for _ in range(6):
            inner = nested
            nested = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
                {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(inner), "size": len(inner), "platform": {"os": "linux", "architecture": "amd64"}}]}).encode()
            files[blob_name(inner)] = inner
        result = self.run_tool("load", "-", input=tar(files | {"index.json": nested}))
        self.assertEqual(result.returncode, 1)
        self.assert_sound()

    def test_links_in_circles(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for a, b in (("manifest.json", "x"), ("x", "manifest.json")):
                link = tarfile.TarInfo(a)
                link.type, link.linkname = tarfile.SYMTYPE, b
                archive.addfile(link)
        self.refused("invalid", "load", "-", input=out.getvalue())

    def test_cut_off(self):
        content = tar({"f": b"x" * 100000})
        whole = gzip.compress(tar(oci([(content, content)])))
        for length in (0, 1, 100, len(whole) // 2, len(whole) - 4):
            self.assertEqual(self.run_tool("load", "-", input=whole[:length]).returncode, 1)
            self.assert_sound()

    # ---- other tools ----

    @unittest.skipUnless(shutil.which("skopeo"), "skopeo is not installed")
    def test_skopeo(self):
        self.import_two()
        policy = self.base + "/policy.json"
        with open(policy, "w") as file:
            file.write(POLICY)
        skopeo = lambda *a: subprocess.run(["skopeo", "--policy", policy, "--tmpdir", self.base, *a], check=True, capture_output=True, timeout=60).stdout
        for form in ("oci-archive", "docker-archive"):
            path = f"{self.base}/{form}.tar"
            with open(path, "wb") as file:
                file.write(self.tool("save", form, "example.org/one:1"))
            wanted = self.image("example.org/one:1")
            config = json.loads(skopeo("inspect", "--raw", f"{form}:{path}"))["config"]["digest"]
            self.assertEqual(config, wanted["status"]["configDigest"])
            for back in ("oci-archive", "docker-archive"):
                skopeo("copy", f"{form}:{path}", f"{back}:{self.base}/{form}-{back}.tar:example.org/back:1")
                other = f"{self.base}/{form}-{back}"
                with open(f"{self.base}/{form}-{back}.tar", "rb") as file:
                    self.assertEqual(self.tool("load", "-", data=other, input=file.read()).decode().split()[1], "example.org/back:1")
                image = self.image("example.org/back:1", other)
                self.assertEqual(image["status"]["layers"][0]["diffId"], wanted["status"]["layers"][0]["diffId"])
                self.assertEqual(image["configuration"]["process"], wanted["configuration"]["process"])

    @unittest.skipUnless(shutil.which("umoci") and shutil.which("skopeo") and os.geteuid() == 0, "needs umoci, skopeo and root")
    def test_umoci_unpacks_the_same(self):
        policy = self.base + "/policy.json"
        with open(policy, "w") as file:
            file.write(POLICY)
        lower = tar({"./": b"", "a/": b"", "a/gone": b"1", "a/kept": b"2", "b/": b"", "b/hidden": b"3", "c": b"file"})
        upper = tar({"./": b"", "a/": b"", "a/.wh.gone": b"", "a/new": b"4", "b/": b"", "b/.wh..wh..opq": b"", "b/shown": b"5", ".wh.c": b""})
        blob = tar(oci([(gzip.compress(lower), lower), (upper, upper)]))
        with open(self.base + "/a.tar", "wb") as file:
            file.write(blob)
        subprocess.run(["skopeo", "--policy", policy, "--tmpdir", self.base, "copy", f"oci-archive:{self.base}/a.tar", f"oci:{self.base}/layout:x"], check=True, capture_output=True)
        subprocess.run(["umoci", "unpack", "--image", self.base + "/layout:x", self.base + "/bundle"], check=True, capture_output=True)
        self.tool("load", "-", input=blob)
        result = subprocess.run([COMPARE, self.base + "/bundle/rootfs", *self.layers(self.image("example.org/a:1"))], capture_output=True, text=True)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
