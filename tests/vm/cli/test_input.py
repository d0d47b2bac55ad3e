"""What is wrong with what holm is given: one clear sentence, exit code 125, and nothing that was there is lost."""
import gzip
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import unittest

from house import HOLM, House, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../registry"))
from hostile import Image, Server, set_config, set_layer, sha256  # noqa: E402

MEBIBYTE = 1 << 20


def entry(name, kind=tarfile.REGTYPE, **fields):
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def image_of(layer, content=None):
    """An image whose one layer is this blob; its content, where it is not the decompressed blob, is a lie."""
    content = gzip.decompress(layer) if content is None else content
    image = Image(size=10, mutate=set_config(rootfs={"type": "layers", "diff_ids": [sha256(content)]}))
    image.blobs[sha256(layer)] = layer
    image.manifest["layers"][0].update(digest=sha256(layer), size=len(layer))
    image.raw = json.dumps(image.manifest).encode()
    return image


def layer_of(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for each in entries:
            archive.addfile(each, io.BytesIO(bytes(each.size)))
    return gzip.compress(out.getvalue(), mtime=0)


def bomb():
    """3 GiB of zeros in 3 MB."""
    head = entry("zeros", size=3 << 30).tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(head) + gzip.compress(bytes(64 * MEBIBYTE), 9) * 48


def registry():
    whole = Image(seed=1).layer
    deep = Image(seed=2)
    return {
        "good": {"image": Image(seed=3)},
        "large": {"image": Image(24 * MEBIBYTE, seed=9)},
        "missing": {"manifest": lambda h, i: h.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')},
        "nonsense": {"manifest": lambda h, i: h.reply(200, b"<html>It works!</html>", "text/html")},
        "garbage": {"manifest": lambda h, i: h.reply(200, os.urandom(1000), "application/vnd.oci.image.manifest.v1+json")},
        "escapes": {"manifest": lambda h, i: h.reply(500, b'{"errors":[{"message":"\\u001b]0;x\\u0007\\u001b[2J"}]}')},
        "wrong-digest": {"image": Image(seed=4), "blob": lambda h, b: h.send_range(b[:9000] + b"x" + b[9001:])},
        "truncated": {"image": image_of(whole[:-5000], b"")},
        "no-layer": {"image": image_of(b"no gzip" * 1000, b"")},
        "lead-out": {"image": image_of(layer_of(entry("../../../tmp/out", size=3)))},
        "link-out": {"image": image_of(layer_of(entry("passwd", tarfile.LNKTYPE, linkname="../../etc/passwd")))},
        "bomb": {"image": image_of(bomb(), b"")},
        "huge": {"image": Image(seed=5, mutate=set_layer(size=1 << 60))},
        "unlike": {"image": Image(seed=6, mutate=set_config(rootfs={"type": "layers", "diff_ids": [deep.manifest["config"]["digest"]]}))},
    }


def gone():
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Case(unittest.TestCase):
    def refused(self, house, words, *arguments, code=125, **more):
        """One sentence, perhaps one line of advice below it; all in printable characters."""
        done = house.holm(*arguments, **more)
        shown = f"holm {' '.join(arguments)}: {done.returncode}: {done.stdout}{done.stderr}"
        lines = [line for line in done.stderr.splitlines() if line]
        self.assertEqual(done.returncode, code, shown)
        self.assertEqual(len([line for line in lines if line.startswith("holm: ")]), 1, shown)
        self.assertLessEqual(len(lines), 3, shown)
        self.assertTrue(all(line.strip() and line.isprintable() and len(line) < 500 for line in lines), shown)
        for word in words.split("|"):
            self.assertIn(word, done.stderr, shown)
        return done.stderr


class Requests(Case):
    @classmethod
    def setUpClass(cls):
        cls.house = House()
        cls.server = Server(registry())
        cls.house.do("pull", "-q", f"{cls.server.host}/good:v1")
        cls.house.do("create", "--name", "taken", "busybox", "true")
        cls.house.do("create", "--name", "other", "busybox", "true")

    @classmethod
    def tearDownClass(cls):
        cls.house.__exit__(None)

    def everything(self):
        rows = {name: row["status"]["state"] for name, row in self.house.containers().items()}
        return rows, sorted(image["id"] for image in self.house.json("images")), self.house.folders()

    def hold(self, table):
        before = self.everything()
        for words, *arguments in table:
            with self.subTest(" ".join(arguments)):
                self.refused(self.house, words, *arguments)
        self.assertEqual(self.everything(), before)

    def test_names(self):
        self.hold((
            ("taken", "create", "--name", "taken", "busybox"),
            ("taken|choose", "rename", "other", "taken"),
            ("-bad", "create", "--name=-bad", "busybox"),
            ("name", "create", "--name", "a" * 300, "busybox"),
            ("name", "rename", "other", "a/../b"),
            ("nobody", "start", "nobody"),
            ("nobody", "rm", "nobody"),
            ("nobody", "inspect", "nobody"),
            ("nobody", "logs", "nobody"),
            ("nobody", "exec", "nobody", "true"),
            ("taken|running", "exec", "taken", "true"),
            ("taken|running|holm start taken", "stats", "--no-stream", "taken"),
            ("taken|running|holm start taken", "kill", "taken"),
        ))

    def test_images(self):
        host = self.server.host
        self.hold((
            ("nothing:here", "run", "--pull", "never", "nothing:here"),
            ("Upper", "pull", "-q", f"{host}/Upper:v1"),
            ("missing", "pull", "-q", f"{host}/missing:v1"),
            ("here", "rmi", "not/here"),
            ("taken", "rmi", "busybox"),
            ("127.0.0.1", "pull", "-q", f"{gone()}/a:b"),
            ("127.0.0.1", "run", "-q", "--rm", f"{gone()}/a:b"),
            ("riscv64", "pull", "-q", "--platform", "linux/riscv64", f"{host}/good:v1"),
            ("sha256:aaaa", "pull", "-q", f"{host}/good@sha256:{'a' * 64}"),
        ))

    def test_registries_that_lie(self):
        table = [(words, "pull", "-q", f"{self.server.host}/{name}:v1") for name, words in (
            ("nonsense", "manifest"), ("garbage", "manifest"), ("escapes", "500"), ("wrong-digest", "sha256"),
            ("truncated", "layer"), ("no-layer", "layer"), ("lead-out", ".."), ("link-out", ".."), ("bomb", "layer"),
            ("huge", "accepted"), ("unlike", "layer"))]
        self.hold(table)
        self.assertFalse(os.path.exists("/tmp/out"))
        left = [os.path.join(top, name) for top, _, names in os.walk(self.house.data) for name in names]
        self.assertEqual([path for path in left if "partial" in path or "/." in path.removeprefix(self.house.data)
                          and "lock" not in path], [])
        self.assertLess(sum(os.stat(path).st_blocks * 512 for path in left), 32 * MEBIBYTE)

    def test_options(self):
        self.hold((
            ("abc", "create", "-m", "abc", "busybox"),
            ("memory|16777216|1048576", "create", "-m", "1m", "busybox"),
            ("ctrl-p,ctrl-q|nokeys", "create", "--detach-keys", "nokeys", "busybox"),
            ("nokeys", "start", "-a", "--detach-keys", "nokeys", "taken"),
            ("nokeys", "exec", "--detach-keys", "nokeys", "taken", "true"),
            ("cpus", "create", "-c", "0", "busybox"),
            ("cpus", "create", "-c", "many", "busybox"),
            ("FLY", "create", "--cap-add", "FLY", "busybox"),
            ("nofile", "create", "--ulimit", "nofile=5:1", "busybox"),
            ("SIGNOTHING", "create", "--stop-signal", "SIGNOTHING", "busybox"),
            ("sometimes", "create", "--pull", "sometimes", "busybox"),
            ("nowhere", "create", "--network", "nowhere", "busybox"),
            ("not/there", "create", "--env-file", "/not/there", "busybox"),
            ("cidfile", "create", "--cidfile", "/not/there/cidfile", "busybox"),
            ("relative", "create", "--tmpfs", "relative", "busybox"),
            ("xml", "ls", "--format", "xml"),
            ("colour", "ls", "--filter", "colour=red"),
            ("yesterday", "logs", "--since", "yesterday", "taken"),
            ("HUNGUP", "kill", "-s", "HUNGUP", "taken"),
            ("frobnicate", "frobnicate"),
            ("frobnicate", "container", "frobnicate"),
            ("tcsh", "completion", "tcsh"),
        ))

    def test_archives(self):
        junk, empty = f"{self.house.folder}/junk", f"{self.house.folder}/empty"
        with open(junk, "wb") as file:
            file.write(os.urandom(100000))
        open(empty, "w").close()
        self.hold((
            ("not/there", "load", "/not/there"),
            ("junk", "load", junk),
            ("empty", "load", empty),
            ("junk", "import", junk, "junk:v1"),
            ("BREW", "import", "--change", "BREW tea", junk, "junk:v1"),
        ))

    def test_configuration(self):
        path = f"{self.house.folder}/f/holm/config.toml"
        self.addCleanup(os.unlink, path)
        before = self.everything()
        for text, line, words in (("[container]\ncpus = 2\ncolour = 'red'\n", 3, "colour"),
                                  ("[kitchen]\n", 1, "kitchen"),
                                  ("[container]\n\nmemory = true\n", 3, "memory"),
                                  ("[container]\nmemory = \"12 parsecs\"\n", 2, "memory"),
                                  ("[container\n", 1, "")):
            with self.subTest(text):
                with open(path, "w") as file:
                    file.write(text)
                self.refused(self.house, f"{path}:{line}|{words}", "ls")
        os.truncate(path, 0)
        self.assertEqual(self.everything(), before)

    def test_no_memory_for_the_machine(self):
        self.house.do("create", "--name", "giant", "-m", "4000g", "busybox", "true")
        self.addCleanup(self.house.holm, "rm", "-f", "giant")
        self.refused(self.house, "memory", "start", "giant")
        self.assertIn(self.house.status("giant")["state"], ("created", "exited"))
        self.house.expect_whole()

    def test_debug_shows_the_chain(self):
        plain = self.refused(self.house, "127.0.0.1", "pull", "-q", f"{gone()}/a:b")
        done = self.house.holm("--debug", "pull", "-q", f"{gone()}/a:b", code=125)
        self.assertGreater(len(done.stderr.splitlines()), len(plain.splitlines()))
        self.assertIn("code: unavailable", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^while: pull 127.0.0.1")
        # Also what went wrong in the machine, and came through two connections.
        done = self.house.holm("--debug", "run", "--rm", "--sysctl", "no.such=1", "busybox", "true", code=125)
        self.assertRegex(done.stderr, r"(?m)^cause: write .1. to /proc/sys/no/such: .*\nwhile: sysctl no.such$")

    def test_control_characters_are_shown(self):
        evil = "\x1b]0;title\x07\x1b[31m"
        made = self.house.do("create", "--name", "evil", "-l", f"a={evil}", "busybox", "echo", evil)
        self.addCleanup(self.house.do, "rm", "evil")
        self.assertTrue(made.isalnum())
        for arguments in (("ls", "-a"), ("inspect", "evil"), ("inspect", "-F", "json", "evil"),
                          ("inspect", "-F", "yaml", "evil"), ("inspect", "-F", "toml", "evil"), ("events", "--since", "1h",
                                                                                                 "--until", "0s")):
            self.assertNotIn("\x1b", self.house.do(*arguments), arguments)
        self.assertEqual(self.house.json("inspect", "evil")[0]["configuration"]["labels"]["a"], evil)


class FullDisk(Case):
    """A small file system in memory as the data folder."""

    def setUp(self):
        if os.geteuid():
            self.skipTest("only root can mount a small file system")
        self.house = House(image=False)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "holm", f"{self.house.folder}/d"], check=True)
        self.addCleanup(self.house.__exit__, None)
        self.house.make_busybox()

    def fill(self, leave):
        free = os.statvfs(self.house.data).f_bavail * os.statvfs(self.house.data).f_bsize
        with open(f"{self.house.folder}/d/filler", "wb") as file:
            file.write(bytes(max(0, free - leave)))

    def test_full(self):
        house, server = self.house, Server(registry())
        house.do("create", "--name", "kept", "busybox", "true")
        self.refused(house, "no room", "pull", "-q", f"{server.host}/large:v1")
        self.assertIn("busybox", house.do("images"))
        self.assertNotIn("large", house.do("images"))
        self.fill(0)
        self.refused(house, "room", "pull", "-q", f"{server.host}/good:v1")
        self.refused(house, "space", "create", "--name", "more", "busybox", "true")
        self.assertEqual(list(house.containers()), ["kept"])
        os.unlink(f"{house.folder}/d/filler")
        house.do("start", "-a", "kept")
        house.do("rm", "kept")
        house.do("pull", "-q", f"{server.host}/good:v1")

    def test_full_while_it_runs(self):
        """The machine stands still, says so, and goes on when there is room: nothing that was written is lost."""
        house = self.house
        house.do("run", "-d", "--name", "writer", "busybox", "sleep", "1000")
        self.fill(2 * MEBIBYTE)
        script = "head -c 6000000 /dev/urandom >/big; sync; sha256sum </big; head -c 6000000 /big | sha256sum; echo wrote"
        writer = house.start("exec", "writer", "sh", "-c", script)
        wait_until(self.stands_still, "the word that the disk is full")
        self.refused(house, "no room", "exec", "writer", "true")
        self.assertEqual(house.status("writer")["state"], "running")
        self.assertIn("(disk full)", house.do("ls"))
        os.unlink(f"{house.folder}/d/filler")
        output, _ = writer.communicate(timeout=60)
        self.assertEqual(writer.returncode, 0)
        first, second, wrote = output.decode().splitlines()
        self.assertEqual((first, wrote), (second, "wrote"))
        wait_until(lambda: not self.stands_still(), "the word that it goes on")
        self.assertNotIn("(disk full)", house.do("ls"))
        # Once more, and this time it is stopped while it stands still.
        self.fill(MEBIBYTE)
        writer = house.start("exec", "writer", "sh", "-c", "head -c 6000000 /dev/urandom >/more; sync")
        wait_until(self.stands_still, "the word that the disk is full")
        house.holm("stop", "-t", "1", "writer", timeout=60)
        writer.communicate(timeout=60)
        os.unlink(f"{house.folder}/d/filler")
        self.assertNotIn("stalled", house.status("writer"))
        house.do("start", "writer")
        self.assertEqual(house.do("exec", "writer", "sh", "-c", "sha256sum </big"), first)

    def test_full_to_the_last_block(self):
        """What is there can still be looked at, ended and removed: that is how a full disk gets empty again."""
        house = self.house
        house.do("create", "--name", "kept", "busybox", "true")
        house.do("run", "-d", "--name", "writer", "busybox", "sh", "-c", "cat /dev/zero >/big")
        wait_until(lambda: not os.statvfs(house.data).f_bavail, "the full disk")
        wait_until(self.stands_still, "the word that the disk is full")
        self.refused(house, "space", "create", "--name", "more", "busybox", "true")
        house.do("rm", "kept")
        for pid in house.processes("holm-shim"):
            house.kill(pid)
        wait_until(lambda: house.status("writer")["state"] == "exited", "the word that it has ended")
        house.do("rm", "writer")
        self.assertEqual(house.containers(), {})
        house.do("run", "--rm", "busybox", "true")

    def stands_still(self):
        try:
            return self.house.holm("exec", "writer", "true", timeout=5).returncode
        except subprocess.TimeoutExpired:
            return False  # asked before, and not answered any more


if __name__ == "__main__":
    unittest.main(verbosity=2)
