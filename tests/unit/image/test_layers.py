"""Layers, well-formed and hostile: what the image holds, what is refused, and that e2fsck finds every image clean."""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import tarfile
import tempfile
import unittest

TOOL, COMPARE, E2FSCK = os.environ["LAYER_TOOL"], os.environ["TREE_COMPARE"], os.environ["E2FSCK"]


def entry(name, kind=tarfile.REGTYPE, data=b"", pax=None, **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime = kind, len(data), 1000
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.pax_headers = pax or {}
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(name, **fields):
    return entry(name, tarfile.DIRTYPE, **fields)


def link(name, target, **fields):
    return entry(name, tarfile.SYMTYPE, linkname=target, **fields)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, linkname=target)


def tar(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def pax_record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while length != len(str(length)) + len(body):
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def raw_pax(records, name="x", kind=tarfile.REGTYPE, data=b"", **fields):
    """An entry whose pax records are bytes of our choice, which tarfile would not write."""
    text = b"".join(pax_record(key, value) for key, value in records)
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(text)
    info, _ = entry(name, kind, data, **fields)
    pad = lambda b: b + bytes(-len(b) % 512)
    return head.tobuf(tarfile.USTAR_FORMAT) + pad(text) + info.tobuf(tarfile.USTAR_FORMAT) + pad(data)


class Case(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="holm-layers-")
        self.count = 0

    def tearDown(self):
        shutil.rmtree(self.base)

    def run_tool(self, blob, *lower, timeout=60):
        self.count += 1
        path, image = f"{self.base}/blob{self.count}", f"{self.base}/image{self.count}"
        with open(path, "wb") as file:
            file.write(blob)
        result = subprocess.run([TOOL, path, image, *lower], capture_output=True, text=True, timeout=timeout,
                                errors="backslashreplace")
        os.unlink(path)
        return result, image

    def write(self, blob, *lower, timeout=60):
        result, image = self.run_tool(blob, *lower, timeout=timeout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        check = subprocess.run([E2FSCK, "-fn", image], capture_output=True, text=True, timeout=timeout)
        self.assertEqual(check.returncode, 0, check.stdout)
        return image, json.loads(result.stdout)

    def refused(self, blob, code, *words, lower=()):
        result, image = self.run_tool(blob, *lower)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertTrue(result.stdout.startswith(code + ": "), result.stdout)
        for word in words:
            self.assertIn(word, result.stdout)
        self.assertFalse(os.path.exists(image))

    def list(self, image):
        lines = subprocess.run([COMPARE, "--list", image], capture_output=True, text=True, check=True).stdout
        return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines.splitlines()}

class Layers(Case):
    # ---- what is kept ----

    def test_kinds(self):
        image, result = self.write(tar(
            folder("./", mode=0o751, uid=1, gid=2, mtime=5), entry("./f", data=b"abc", mode=0o4755, uid=70000, gid=4294967294),
            link("short", "f"), link("long", "x" * 300), link("exact", "y" * 59), link("sixty", "z" * 60),
            entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3), entry("big", tarfile.BLKTYPE, devmajor=4095, devminor=1048575),
            entry("wide", tarfile.CHRTYPE, devmajor=5, devminor=300), entry("pipe", tarfile.FIFOTYPE), hard("other", "./f"), folder("d/")))
        files = self.list(image)
        self.assertEqual(files["/"], "040751 1:2 5.000000000")
        self.assertEqual(files["/f"], "104755 70000:4294967294 1000.000000000 size=3 digest=" + hashlib.sha256(b"abc").hexdigest())
        self.assertIn("same=/f", files["/other"])
        self.assertIn("target=f", files["/short"])
        self.assertIn("target=" + "x" * 300, files["/long"])
        self.assertTrue(files["/exact"].endswith("y" * 59) and files["/sixty"].endswith("z" * 60))
        self.assertIn("device=1:3", files["/null"])
        self.assertIn("device=4095:1048575", files["/big"])
        self.assertIn("device=5:300", files["/wide"])
        self.assertTrue(files["/pipe"].startswith("010644"))
        self.assertEqual(result["entries"], 12)
        self.assertFalse(result["rootMissing"])

    def test_times(self):
        cases = {"before": ("-1000000000.25", "-1000000001.750000000"), "old": ("-2147483648", "-2147483648.000000000"),
                 "far": ("4102444800.123456789", "4102444800.123456789"), "end": ("15032385535.999999999", "15032385535.999999999"),
                 "beyond": ("99999999999", "15032385535.000000000"), "ancient": ("-9999999999", "-2147483648.000000000")}
        blob = b"".join(raw_pax([(b"mtime", value.encode())], name) for name, (value, _) in cases.items()) + bytes(1024)
        files = self.list(self.write(blob)[0])
        for name, (_, expected) in cases.items():
            self.assertEqual(files["/" + name].split()[2], expected, name)

    def test_names(self):
        names = ["é", "e\u0301", b"bad\xff\xfe".decode("utf-8", "surrogateescape"), "n" * 255, "a b\n\\c", "...", "..a", "-", "*"]
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            files = self.list(self.write(tar(*[entry(name) for name in names if form != tarfile.PAX_FORMAT or "\udcff" not in name], form=form))[0])
            for name in names:
                if form == tarfile.PAX_FORMAT and "\udcff" in name:
                    continue
                raw = name.encode("utf-8", "surrogateescape")
                text = "".join(chr(b) if 32 < b < 127 and b != 92 else f"\\x{b:02x}" for b in raw)
                self.assertIn("/" + text, files)
        blob = raw_pax([(b"path", b"\xff\xfe raw"), (b"linkpath", b"\xff")], kind=tarfile.SYMTYPE, linkname="cut") + bytes(1024)
        self.assertIn("target=\\xff", self.list(self.write(blob)[0])["/\\xff\\xfe\\x20raw"])

    def test_xattrs(self):
        capability = bytes.fromhex("0100000200040000000000000000000000000000").decode("latin1")
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
                                              [(1, 6, 0xffffffff), (2, 4, 1000), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)])
        blob = (raw_pax([(b"SCHILY.xattr.user.one", b"1"), (b"SCHILY.xattr.security.capability", capability.encode("latin1")),
                         (b"SCHILY.xattr.trusted.overlay.opaque", b"y"), (b"SCHILY.xattr.user.overlay.opaque", b"y"),
                         (b"SCHILY.xattr.user.big", b"v" * 3000), (b"SCHILY.xattr.trusted.other", b"t"),
                         (b"SCHILY.xattr.system.posix_acl_access", acl), (b"SCHILY.xattr.strange.name", b"s")], "f") +
                raw_pax([(b"SCHILY.xattr.user.on", b"folder")], "d/", tarfile.DIRTYPE) + tar(entry("d/.wh..wh..opq")))
        image, result = self.write(blob)
        files = self.list(image)
        for part in ("user.one=1", "user.big=" + "v" * 3000, "trusted.other=t", "security.capability=\\x01\\x00\\x00\\x02\\x00\\x04"):
            self.assertIn(part, files["/f"])
        escaped = "".join(chr(b) if 32 < b < 127 and b != 92 else f"\\x{b:02x}" for b in acl)
        self.assertIn("system.posix_acl_access=" + escaped, files["/f"])
        self.assertNotIn("overlay", files["/f"])
        self.assertIn("user.on=folder", files["/d"])
        self.assertTrue(files["/d"].endswith(" opaque"))
        self.assertEqual(result["droppedXattrs"], 1)

    def test_many_xattrs_need_a_block_or_are_refused(self):
        records = [(b"SCHILY.xattr.user.n%d" % i, b"v" * 40) for i in range(50)]
        self.assertIn("user.n49=", self.list(self.write(raw_pax(records, "f") + bytes(1024))[0])["/f"])
        records = [(b"SCHILY.xattr.user.n%d" % i, b"v" * 40) for i in range(90)]
        self.refused(raw_pax(records, "f") + bytes(1024), "limit", "attributes")

    def test_sparse(self):
        path = self.base + "/sparse"
        with open(path, "wb") as file:
            for at in (0, 1 << 20, 5 << 20):
                file.seek(at + 100)
                file.write(b"data")
            file.truncate(64 << 20)
        for form in ("gnu", "posix"):
            blob = subprocess.run(["tar", "-C", self.base, f"--format={form}", "-Scf", "-", "sparse"], capture_output=True, check=True).stdout
            image, result = self.write(blob)
            self.assertLess(result["imageBytes"], 1 << 20)
            os.mkdir(self.base + "/" + form)
            shutil.copy2(path, f"{self.base}/{form}/sparse")
            differences = subprocess.run([COMPARE, "--without", "owners", "--without", "times", f"{self.base}/{form}", image], capture_output=True, text=True).stdout
            self.assertEqual([d for d in differences.splitlines() if not d.startswith("/: ")], [])

    def test_many_extents(self):
        path = self.base + "/holes"
        with open(path, "wb") as file:
            for i in range(2000):
                file.seek(i * 8192)
                file.write(b"%08d" % i)
        blob = subprocess.run(["tar", "-C", self.base, "-Scf", "-", "holes"], capture_output=True, check=True).stdout
        os.mkdir(self.base + "/expected")
        shutil.copy2(path, self.base + "/expected/holes")
        differences = subprocess.run([COMPARE, "--without", "owners", "--without", "times", self.base + "/expected", self.write(blob)[0]], capture_output=True, text=True).stdout
        self.assertEqual([d for d in differences.splitlines() if not d.startswith("/: ")], [])

    def test_sizes(self):
        generator = random.Random(1)
        sizes = [0, 1, 4095, 4096, 4097, 131071, 131072, 1 << 20, (1 << 20) + 1, 3000000]
        data = {f"f{size}": generator.randbytes(size) for size in sizes}
        image, _ = self.write(tar(*[entry(name, data=value) for name, value in data.items()]))
        os.mkdir(self.base + "/expected")
        for name, value in data.items():
            with open(f"{self.base}/expected/{name}", "wb") as file:
                file.write(value)
            os.chmod(f"{self.base}/expected/{name}", 0o644)
        differences = subprocess.run([COMPARE, "--without", "owners", "--without", "times", self.base + "/expected", image], capture_output=True, text=True).stdout
        self.assertEqual([d for d in differences.splitlines() if not d.startswith("/: ")], [])

    # ---- the rules of layers ----

    def test_whiteouts_wherever_they_stand(self):
        for order in (1, -1):
            entries = [folder("a/"), entry("a/.wh.gone"), entry("a/.wh..wh..opq"), entry("a/kept", data=b"k"), entry(".wh.top")][::order]
            files = self.list(self.write(tar(*entries))[0])
            self.assertIn("020000 0:0", files["/a/gone"])
            self.assertIn("device=0:0", files["/a/gone"])
            self.assertTrue(files["/a"].endswith(" opaque"))
            self.assertIn("size=1", files["/a/kept"])
            self.assertIn("device=0:0", files["/top"])
            self.assertFalse(any(".wh." in name for name in files))

    def test_whiteouts_never_concern_own_entries(self):
        for order in (1, -1):
            files = self.list(self.write(tar(*[entry("f", data=b"x"), entry(".wh.f")][::order]))[0])
            self.assertIn("size=1", files["/f"])
            files = self.list(self.write(tar(*[folder("d/", mode=0o700), entry(".wh.d")][::order]))[0])
            self.assertTrue(files["/d"].startswith("040700") and files["/d"].endswith(" opaque"))
        files = self.list(self.write(tar(entry(".wh.d"), entry("d/f")))[0])
        self.assertTrue(files["/d"].endswith(" opaque"))

    def test_devices_0_0_and_notes_of_aufs_are_dropped(self):
        image, result = self.write(tar(entry("fake", tarfile.CHRTYPE), entry(".wh..wh.plnk", tarfile.DIRTYPE), entry("b", tarfile.BLKTYPE)))
        self.assertEqual(set(self.list(image)), {"/", "/b"})
        self.assertEqual(result["dropped"], 2)

    def test_whiteouts_of_nothing(self):
        for name in (".wh.", ".wh..", ".wh...", "a/.wh..", "a/.wh..."):
            self.refused(tar(entry(name)), "integrity", "whiteout")

    def test_later_wins(self):
        files = self.list(self.write(tar(
            entry("f", data=b"1"), entry("f", data=b"22"), folder("t/"), entry("t/inside"), entry("t", data=b"now a file"),
            entry("g"), folder("g/"), entry("g/in"), folder("m/", mode=0o700), entry("m/kept"), folder("m/", mode=0o711),
            link("l", "f"), entry("l", data=b"333"), entry("h", data=b"4444"), hard("i", "h"), entry("h", data=b"55555")))[0])
        self.assertIn("size=2", files["/f"])
        self.assertIn("size=10", files["/t"])
        self.assertNotIn("/t/inside", files)
        self.assertTrue(files["/g"].startswith("040755") and files["/g"].endswith(" opaque"))
        self.assertTrue(files["/m"].startswith("040711") and "/m/kept" in files)
        self.assertIn("size=3", files["/l"])
        self.assertIn("size=4", files["/i"])
        self.assertIn("size=5", files["/h"])

    def test_links_among_parents_stay_inside(self):
        files = self.list(self.write(tar(
            folder("usr/lib/"), link("lib", "usr/lib"), entry("lib/a"), link("up", "../../../usr"), entry("up/b"),
            link("abs", "/usr/lib/../x"), entry("abs/c"), link("usr/rel", "../etc"), entry("usr/rel/d"), hard("e", "lib/a")))[0])
        for name in ("/usr/lib/a", "/usr/b", "/usr/x/c", "/etc/d"):
            self.assertIn(name, files)
        self.assertTrue("same=/" in files["/usr/lib/a"] or "same=/" in files["/e"])
        self.refused(tar(link("a", "b"), link("b", "a"), entry("a/f")), "integrity", "symbolic links")
        self.refused(tar(link("a", "a/a/a/a"), entry("a/f")), "integrity")

    def test_names_that_lead_out(self):
        for name in ("../f", "a/../../f", "/../f", "a/..", "..", "./../f", "a/../f"):
            self.refused(tar(entry(name)), "integrity", "..")
            self.refused(tar(hard("f", name)), "integrity", "..")
        files = self.list(self.write(tar(entry("/abs"), entry("//two//slashes"), entry("././dots/./f")))[0])
        self.assertEqual(set(files), {"/", "/abs", "/two", "/two/slashes", "/dots", "/dots/f"})

    def test_bad_entries(self):
        self.refused(tar(entry("f"), entry("f/g")), "integrity", "parent")
        self.refused(tar(entry("n" * 256)), "integrity", "too long")
        self.refused(tar(entry("a/" * 2100 + "f")), "integrity", "too long")
        self.refused(tar(entry("n" * 4096)), "integrity", "too long")
        self.refused(tar(link("l", "t" * 4096)), "integrity", "target")
        self.refused(tar(link("l", "")), "integrity")
        self.refused(tar(folder("d/"), hard("l", "d")), "integrity", "folder")
        self.refused(tar(hard("l", "nowhere")), "integrity", "nowhere")
        self.refused(tar(entry("c", tarfile.CHRTYPE, devmajor=4096, devminor=1)), "integrity", "device")
        self.refused(tar(entry("c", tarfile.CHRTYPE, devmajor=1, devminor=1048576)), "integrity", "device")
        self.refused(raw_pax([(b"uid", b"4294967295")]) + bytes(1024), "integrity", "owner")
        self.refused(raw_pax([(b"uid", b"-1")]) + bytes(1024), "integrity")

    def test_self_links(self):
        files = self.list(self.write(tar(entry("f", data=b"x"), hard("f", "f"), folder("d/"), entry("d/f", data=b"yy"), hard("d", "d/f")))[0])
        self.assertIn("size=1", files["/f"])
        self.assertIn("size=2", files["/d"])

    # ---- damaged streams ----

    def test_sizes_that_lie(self):
        info, _ = entry("f")
        info.size = 1 << 50
        self.refused(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096), "limit")
        info.size = 100000
        self.refused(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096), "integrity")
        self.refused(raw_pax([(b"size", b"-5")], data=b"abc") + bytes(1024), "integrity")

    def test_sparse_maps_that_lie(self):
        for pairs, size in (([(1 << 62, 10)], 100), ([(0, 10), (5, 10)], 100), ([(50, 10), (0, 10)], 100), ([(0, 1 << 40)], 1 << 41)):
            table = "%d\n" % len(pairs) + "".join(f"{a}\n{b}\n" for a, b in pairs)
            data = table.encode() + bytes(-len(table) % 512) + b"d" * 20
            blob = raw_pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"s"),
                            (b"GNU.sparse.realsize", str(size).encode())], data=data) + bytes(1024)
            result, image = self.run_tool(blob)
            if result.returncode == 0:
                self.assertEqual(subprocess.run([E2FSCK, "-fn", image], capture_output=True).returncode, 0)
            else:
                self.assertIn(result.stdout.split(":")[0], ("integrity", "limit"))

    def test_truncated(self):
        whole = gzip.compress(tar(entry("f", data=random.Random(2).randbytes(300000))))
        for length in (1, 5, 20, 1000, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            self.refused(whole[:length], "integrity")

    def test_members_padding_and_garbage(self):
        content = tar(folder("./"), entry("f", data=random.Random(3).randbytes(700000)))
        pieces = [content[at:at + 65536] for at in range(0, len(content), 65536)]
        members = b"".join(gzip.compress(piece, 1 + i % 9) for i, piece in enumerate(pieces))
        for blob in (members, members + bytes(10000), members + gzip.compress(b"")):
            self.assertEqual(self.write(blob)[1]["contentBytes"], len(content))
        self.refused(members + b"garbage", "integrity")
        self.refused(members + bytes(600) + b"g", "integrity", "garbage")
        damaged = bytearray(members)
        damaged[-6] ^= 1
        self.refused(bytes(damaged), "integrity")

    def test_zstd_frames(self):
        content = tar(entry("f", data=random.Random(4).randbytes(700000)))
        frame = lambda data: subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
        skip = struct.pack("<II", 0x184D2A5A, 100) + bytes(100)
        for blob in (frame(content), skip + frame(content[:1000]) + skip + frame(content[1000:]) + skip):
            self.assertEqual(self.write(blob)[1]["contentBytes"], len(content))
        self.refused(frame(content)[:-5], "integrity")
        self.refused(frame(content) + b"garbage", "integrity")

    def test_nothing(self):
        self.assertEqual(set(self.list(self.write(b"")[0])), {"/"})
        self.assertEqual(set(self.list(self.write(tar())[0])), {"/"})
        self.assertEqual(set(self.list(self.write(gzip.compress(tar()))[0])), {"/"})
        self.refused(b"this is no tar at all, but some text of a few bytes" * 20, "integrity")

    # ---- layers above each other ----

    def test_missing_parents(self):
        lower, _ = self.write(tar(folder("./"), folder("etc/", mode=0o750, uid=7, gid=8, mtime=77, pax={"SCHILY.xattr.user.k": "v"}), entry("etc/old")))
        image, result = self.write(tar(entry("etc/new"), entry("var/fresh/f")), lower)
        files = self.list(image)
        self.assertEqual(result["missingParents"], 3)
        self.assertEqual(files["/etc"], "040750 7:8 77.000000000 user.k=v")
        self.assertTrue(files["/var"].startswith("040755 0:0") and files["/var/fresh"].startswith("040755 0:0"))
        image, _ = self.write(tar(entry("etc/new"), entry(".wh.etc")), lower)
        self.assertTrue(self.list(image)["/etc"].startswith("040755 0:0"))

    def test_missing_links(self):
        data = random.Random(5).randbytes(1000000)
        first, _ = self.write(tar(entry("bin/a", data=b"old"), entry("bin/gone"), link("s", "bin/a"), entry("hidden/f", data=b"h")))
        second, _ = self.write(tar(folder("bin/", mode=0o711), entry("bin/a", data=data, mode=0o755, uid=3), entry("bin/.wh.gone"), entry(".wh.hidden")))
        image, result = self.write(tar(hard("bin/b", "bin/a"), hard("bin/c", "bin/b"), hard("d", "bin/a"), hard("t", "s")), first, second)
        files = self.list(image)
        self.assertEqual(result["missingLinks"], 4)
        self.assertIn("100755 3:0", files["/bin/a"])
        for name in ("/bin/b", "/bin/c", "/d"):
            self.assertIn("same=/bin/a", files[name])
        self.assertTrue("target=bin/a" in files["/t"] and "same=/s" in files["/t"])
        self.assertTrue(files["/bin"].startswith("040711"))
        for target in ("bin/gone", "hidden/f", "bin", "nowhere"):
            self.refused(tar(hard("x", target)), "integrity", lower=(first, second))

    def test_links_in_lower_layers_lead_on(self):
        lower, _ = self.write(tar(folder("usr/lib/", mode=0o711), link("lib", "usr/lib"), link("loop", "loop/x"), entry("usr/lib/a", data=b"a"), entry("file")))
        image, _ = self.write(tar(entry("lib/new"), entry("lib/deep/er"), hard("lib/b", "lib/a")), lower)
        files = self.list(image)
        self.assertEqual(set(files), {"/", "/usr", "/usr/lib", "/usr/lib/new", "/usr/lib/deep", "/usr/lib/deep/er", "/usr/lib/a", "/usr/lib/b"})
        self.assertTrue(files["/usr/lib"].startswith("040711"))
        self.assertIn("same=/usr/lib/a", files["/usr/lib/b"])
        self.refused(tar(entry("loop/f")), "integrity", lower=(lower,))
        self.refused(tar(entry("file/f")), "integrity", lower=(lower,))

    def test_opaque_root(self):
        lower, _ = self.write(tar(entry("a"), folder("b/"), entry("b/c"), entry("own")))
        image, result = self.write(tar(entry(".wh..wh..opq"), entry("own", data=b"1"), folder("b/")), lower)
        files = self.list(image)
        self.assertTrue(result["rootOpaque"])
        self.assertIn("device=0:0", files["/a"])
        self.assertTrue(files["/b"].endswith(" opaque"))
        self.assertIn("size=1", files["/own"])


class LargeLayers(Case):
    def test_large_folder(self):
        names = [f"{i:06d}-" + "n" * (i % 200) for i in range(30000)]
        image, result = self.write(tar(*[entry("big/" + name) for name in names], form=tarfile.GNU_FORMAT))
        files = self.list(image)
        self.assertEqual(len(files), 30002)
        self.assertLess(result["memoryKb"], 64 << 10)

    def test_more_inodes_than_a_table(self):
        image, _ = self.write(tar(*[entry(f"d{i % 10}/{i}") for i in range(20000)], form=tarfile.USTAR_FORMAT))
        self.assertEqual(len(self.list(image)), 20011)

    def test_many_folders(self):
        image, _ = self.write(tar(*[folder(f"d/{i}/") for i in range(66000)], form=tarfile.USTAR_FORMAT), timeout=120)
        self.assertEqual(len(self.list(image)), 66002)

    def test_too_many_links(self):
        self.refused(tar(entry("f"), *[hard(f"l{i}", "f") for i in range(65000)], form=tarfile.USTAR_FORMAT), "limit", "hard links")

    def test_bombs(self):
        head, _ = entry("zeros")
        head.size = 3 << 30
        content = head.tobuf(tarfile.GNU_FORMAT)
        member = gzip.compress(bytes(64 << 20), 9)
        self.refused(gzip.compress(content) + member * 48, "limit", "fold")


if __name__ == "__main__":
    unittest.main()
