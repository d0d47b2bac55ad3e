"""holm-disk on disks as guests leave them, sound and hostile: what it writes, and that it always ends with a sentence."""
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

PROGRAM, MKE2FS, DEBUGFS = os.environ["HOLM_DISK"], os.environ["MKE2FS"], os.environ["DEBUGFS"]
E2FSCK = os.path.join(os.path.dirname(MKE2FS), "e2fsck")
FEATURES = "none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,large_file,huge_file,dir_nlink,extra_isize,uninit_bg"
# The leak checker looks at its process from outside, which a confined one does not allow; the fuzzer has it on.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", ""))


def fields(message):
    """[(number, value)] of a protocol buffers message: integers, and bytes for all that has a length."""
    found, at = [], 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value
    while at < len(message):
        key = number()
        value = number()
        if key & 7 == 2:
            at, value = at + value, message[at:at + value]
        found.append((key >> 3, value))
    return found


class Disks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def disk(self, name, files, commands=(), features=FEATURES, inodes=4096):
        """An ext4 of these files ({path: text, None: a folder}) and what debugfs does to it."""
        root, path = f"{self.folder}/{name}.d", f"{self.folder}/{name}"
        os.makedirs(root)
        for file, text in files.items():
            if text is None:
                os.makedirs(f"{root}/{file}", exist_ok=True)
                continue
            os.makedirs(os.path.dirname(f"{root}/{file}"), exist_ok=True)
            with open(f"{root}/{file}", "w") as out:
                out.write(text)
        subprocess.run([MKE2FS, "-q", "-t", "ext4", "-O", features, "-b", "4096", "-N", str(inodes), "-E", "root_owner=0:0", "-d", root, path,
                        "16M"], check=True)
        subprocess.run([DEBUGFS, "-w", path], check=True, capture_output=True, text=True, input="\n".join(commands))
        return path

    def run_disk(self, mode, upper, *lower, timeout=60):
        with open(upper, "rb") as disk, tempfile.TemporaryFile() as out:
            def arrange():
                os.dup2(disk.fileno(), 3)
            done = subprocess.run([PROGRAM, mode, *lower], stdout=out, stderr=subprocess.PIPE, preexec_fn=arrange,
                                  pass_fds=(3,), timeout=timeout, env=ENVIRONMENT)
            out.seek(0)
            return done.returncode, out.read(), done.stderr.decode(errors="replace").split("\n")

    def world(self):
        lower = self.disk("lower", {"etc/passwd": "a", "etc/group": "b", "dir/old": "o", "gone/x": "x", "kind": "file"})
        upper = self.disk("upper", {"upper/etc/passwd": "changed", "upper/dir/new": "n" * 9000, "upper/kind/now": "folder",
                                    "upper/etc/hosts": "holm's own", "work": None},
                          ["cd upper", "mknod gone c 0 0", "cd etc", "mknod never c 0 0", "cd /",
                           "ea_set upper/dir trusted.overlay.opaque y", "ln upper/dir/new upper/dir/same",
                           "sif upper/dir/new links_count 2", "symlink upper/link /etc/passwd"])
        return lower, upper

    def test_diff(self):
        lower, upper = self.world()
        code, out, error = self.run_disk("diff", upper, lower)
        self.assertEqual(code, 0, error)
        self.assertEqual(sorted(out.decode().split("\0")[:-1]),
                         ["A /dir/new", "A /dir/same", "A /kind/now", "A /link", "C /dir", "C /etc", "C /etc/passwd", "C /kind",
                          "D /dir/old", "D /gone"])

    def test_layer(self):
        _, upper = self.world()
        code, out, error = self.run_disk("layer", upper)
        self.assertEqual(code, 0, error)
        members = {entry.name: entry for entry in tarfile.open(fileobj=io.BytesIO(out))}
        self.assertEqual(sorted(members), [".wh.gone", "dir", "dir/.wh..wh..opq", "dir/new", "dir/same", "etc", "etc/.wh.never", "etc/passwd", "kind",
                          "kind/now", "link"])
        self.assertTrue(members["dir/same"].islnk())
        self.assertEqual(members["link"].linkname, "/etc/passwd")
        self.assertEqual(members["dir/new"].size, 9000)

    def test_export(self):
        lower, upper = self.world()
        code, out, error = self.run_disk("export", upper, lower)
        self.assertEqual(code, 0, error)
        archive = tarfile.open(fileobj=io.BytesIO(out))
        names = set(archive.getnames())
        self.assertEqual(names - {"lost+found"}, {"etc", "etc/passwd", "etc/group", "etc/hosts", "dir", "dir/new", "dir/same",
                                                  "kind", "kind/now", "link"})
        self.assertEqual(archive.extractfile("etc/passwd").read(), b"changed")
        self.assertEqual(archive.extractfile("dir/new").read(), b"n" * 9000)

    def listed(self, path, *disks):
        """({name: fields of FolderEntry}, left out) of a FolderResponse."""
        code, out, error = self.run_disk("list", disks[0], path, *disks[1:])
        self.assertEqual(code, 0, error)
        answer = fields(out)
        entries = [dict(fields(value)) for number, value in answer if number == 1]
        return {entry[1].decode(): entry for entry in entries}, dict(answer).get(2, 0)

    def test_list(self):
        lower, upper = self.world()
        root, left_out = self.listed("L/", upper, lower)
        self.assertEqual((list(root), left_out), (["dir", "etc", "kind", "lost+found", "link"], 0))  # folders first; "gone" is a whiteout
        self.assertEqual((root["link"][9], root["link"][10] & 0o170000), (b"/etc/passwd", 0o100000))
        self.assertEqual(set(self.listed("L/dir", upper, lower)[0]), {"new", "same"})  # opaque
        etc, _ = self.listed("L/kind/../etc", upper, lower)
        self.assertEqual(set(etc), {"passwd", "group", "hosts"})
        self.assertEqual((etc["passwd"][7], etc["passwd"][2] & 0o170000), (7, 0o100000))
        self.assertEqual(set(self.listed("L/..", upper, lower)[0]), set(root))
        for path, word in (("L/none", "not-found"), ("L/gone", "not-found"), ("L/link", "invalid"), ("L/etc/passwd/x", "not-found")):
            status, _, error = self.run_disk("list", upper, path, lower)
            self.assertEqual((status, error[0]), (1, word), path)

    def test_list_links_and_bounds(self):
        upper = self.disk("upper", {"upper/f%04d" % i: "" for i in range(4100)} | {"upper/sub/x": "x"},
                          ["symlink upper/a_up ../../..", "symlink upper/a_circle a_circle", "symlink upper/a_gone /none"], inodes=8192)
        entries, left_out = self.listed("L/", upper)
        self.assertEqual((len(entries), left_out), (4096, 8))
        self.assertEqual(list(entries)[:4], ["sub", "a_circle", "a_gone", "a_up"])
        self.assertEqual([entries[name].get(10, 0) & 0o170000 for name in ("a_up", "a_circle", "a_gone")], [0o040000, 0, 0])

    def test_read(self):
        lower, upper = self.world()
        def read(path):
            code, out, error = self.run_disk("read", upper, path, lower)
            return dict(fields(out)) if code == 0 else error[0]
        self.assertEqual(read("L/link"), {1: b"changed", 2: 7})
        self.assertEqual(read("L/etc/group"), {1: b"b", 2: 1})
        self.assertEqual(read("L/dir/new"), {1: b"n" * 9000, 2: 9000})
        self.assertEqual([read(path) for path in ("L/dir", "L/", "L/none", "P/link")], ["invalid", "invalid", "not-found", "invalid"])
        holes = self.disk("holes", {"upper/f": "x" * 8192}, ["sif upper/f size 68719476736"])
        code, out, error = self.run_disk("read", holes, "L/f")
        self.assertEqual((code, dict(fields(out))), (0, {1: b"x" * 8192 + bytes(253952), 2: 1 << 36}), error)

    def test_holes_and_what_is_not_written(self):
        upper = self.disk("upper", {"upper/f": "x" * 8192}, ["sif upper/f size 68719476736"])
        code, out, error = self.run_disk("layer", upper, timeout=120)
        self.assertEqual(code, 0, error)
        self.assertLess(len(out), 1 << 20)
        self.assertEqual(tarfile.open(fileobj=io.BytesIO(out)).getmember("f").size, 1 << 36)

    def refused(self, upper, code, *lower, mode="layer"):
        status, _, error = self.run_disk(mode, upper, *lower)
        self.assertEqual((status, error[0]), (1, code), error)

    def test_refused(self):
        files = {"upper/a/b/c": "text"}
        self.refused(self.disk("dirty", files, ["feature needs_recovery"]), "state")
        self.refused(self.disk("strange", files, ["feature encrypt"]), "integrity")
        self.refused(self.disk("inline", files, ["feature inline_data"]), "integrity")
        self.refused(self.disk("circle", files, ["ln upper upper/a/b/up"]), "integrity")
        self.refused(self.disk("twice", files, ["ln upper/a upper/z"]), "integrity")
        self.refused(self.disk("huge", files, ["sif upper/a/b/c size 9223372036854775807"]), "integrity")
        self.refused(self.disk("file", {"upper": "no folder"}), "integrity")
        self.refused(self.disk("beyond", files, ["sif upper/a/b/c flags 0", "sif upper/a/b/c block[0] 99999999"]), "integrity")
        short = self.disk("short", files)
        os.truncate(short, 4096)
        self.assertEqual(self.run_disk("layer", short)[0], 1)

    def bring(self, disk, archive):
        with open(disk, "r+b") as target, tempfile.TemporaryFile() as tar:
            tar.write(archive)
            tar.seek(0)

            def arrange():
                os.dup2(target.fileno(), 3)
            done = subprocess.run([PROGRAM, "import"], stdin=tar, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  preexec_fn=arrange, pass_fds=(3,), timeout=120, env=ENVIRONMENT)
        return done.returncode, done.stderr.decode(errors="replace").split("\n")

    def empty(self, name):
        path = self.disk(name, {}, ["rmdir lost+found"])
        return path

    def archive(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, data, fields in (("./", None, {"type": tarfile.DIRTYPE, "mode": 0o2751, "uid": 70}),
                                       ("a/file", b"x" * 9000, {"uid": 100000, "mtime": 1.25, "pax_headers": {"SCHILY.xattr.user.n": "v"}}),
                                       ("a/again", None, {"type": tarfile.LNKTYPE, "linkname": "a/file"}),
                                       ("a/file2", b"first" * 999, {}), ("a/file2", b"second", {}),
                                       ("link", None, {"type": tarfile.SYMTYPE, "linkname": "l" * 100}),
                                       ("dev", None, {"type": tarfile.CHRTYPE, "devmajor": 4, "devminor": 300}),
                                       *((f"many/{'n' * 100}{i}", b"", {}) for i in range(200))):
                entry = tarfile.TarInfo(name)
                entry.size = len(data or b"")
                for key, value in fields.items():
                    setattr(entry, key, value)
                archive.addfile(entry, io.BytesIO(data) if data is not None else None)
        return out.getvalue()

    def test_volume_and_import(self):
        disk = self.empty("volume")
        self.assertEqual(self.bring(disk, self.archive()), (0, [""]))
        subprocess.run([E2FSCK, "-fn", disk], check=True, capture_output=True)
        code, out, error = self.run_disk("volume", disk)
        self.assertEqual(code, 0, error)
        members = {entry.name: entry for entry in tarfile.open(fileobj=io.BytesIO(out))}
        self.assertEqual(len(members), 208)
        self.assertEqual((members["."].mode, members["."].uid), (0o2751, 70))
        first = members["a/again"]  # in the order of the names
        self.assertEqual((first.size, first.uid, first.pax_headers["SCHILY.xattr.user.n"], float(first.mtime)), (9000, 100000, "v", 1.25))
        self.assertEqual((members["a/file"].linkname, members["a/file2"].size), ("a/again", 6))
        self.assertEqual((members["dev"].devmajor, members["dev"].devminor, members["link"].linkname), (4, 300, "l" * 100))
        self.assertFalse(any("holm.fill" in key for key in members["."].pax_headers))

    def test_import_of_damaged_archives(self):
        """Whatever the archive, it ends with a sentence, or with a disk that is sound."""
        sound, dice = self.archive(), random.Random(11)
        empty = self.empty("empty")
        for turn in range(60):
            damaged = bytearray(sound[:dice.randrange(512, len(sound))] if turn % 3 == 0 else sound)
            for _ in range(dice.randrange(1, 30)):
                at = dice.randrange(len(damaged))
                damaged[at] = dice.randrange(256)
                header = at // 512 * 512  # most of it gets past the checksum
                damaged[header + 148:header + 156] = b" " * 8
                total = sum(damaged[header:header + 512])
                damaged[header + 148:header + 156] = b"%06o\0 " % total
            path = f"{self.folder}/brought"
            shutil.copy(empty, path)
            code, error = self.bring(path, bytes(damaged))
            self.assertIn(code, (0, 1), (turn, error))
            if code:
                self.assertTrue(error[1], turn)
            else:
                subprocess.run([E2FSCK, "-fn", path], check=True, capture_output=True)

    def test_random_damage(self):
        lower, upper = self.world()
        with open(upper, "rb") as file:
            sound = file.read()
        used = [at for at in range(0, len(sound), 4096) if any(sound[at:at + 4096])]
        dice = random.Random(7)
        for turn in range(120):
            damaged = bytearray(sound)
            for _ in range(dice.randrange(1, 40)):
                at = dice.choice(used) + dice.randrange(4096)
                damaged[at] = dice.randrange(256)
            path = f"{self.folder}/damaged"
            with open(path, "wb") as file:
                file.write(damaged)
            mode, *more = (["diff"], ["layer"], ["export"], ["volume"], ["list", "L/etc"], ["read", "L/dir/new"])[turn % 6]
            code, _, error = self.run_disk(mode, path, *more, *([lower] if mode != "volume" else []), timeout=60)
            self.assertIn(code, (0, 1), (turn, error))  # never by a signal
            if code:
                self.assertTrue(error[1], turn)


if __name__ == "__main__":
    unittest.main()
