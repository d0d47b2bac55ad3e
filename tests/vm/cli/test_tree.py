"""The file tree inside a VM is the one that umoci unpacks: pushed by skopeo into docker-registry, pulled, mounted, listed
by a program in the image, and held against the list of umoci's folder line by line.

Two things differ by design, and are not in these images: overlayfs goes on counting names of a file that a layer above has
replaced, and umoci gives folders without an entry the time of day."""
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import unittest

from house import BUILD, SOURCE, House
from registry import Registry

LIST = f"{BUILD}/tests/tools/tree_compare/tree_list"
# What holm writes into every container; they are in the images, so that the times of their folder are seen too.
OURS = ("/etc/hosts ", "/etc/hostname ", "/etc/resolv.conf ")


def entry(name, kind=tarfile.REGTYPE, data=b"", pax=None, **fields):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.mtime = kind, len(data), 1_000_000_000.5
    made.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    made.pax_headers = pax or {}
    for key, value in fields.items():
        setattr(made, key, value)
    return made, data


def folder(name, **fields):
    return entry(name, tarfile.DIRTYPE, **fields)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, linkname=target)


def link(name, target, **fields):
    return entry(name, tarfile.SYMTYPE, linkname=target, **fields)


def program(path, name):
    with open(path, "rb") as file:
        return entry(name, data=file.read(), mode=0o755)


def write_tar(path, *entries):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for made, data in entries:
            archive.addfile(made, io.BytesIO(data))
    return path


def write_sparse(path, scratch):
    """What Python cannot write: holes, in GNU's form of pax, with times to the nanosecond."""
    os.makedirs(f"{scratch}/sparse")
    with open(f"{scratch}/sparse/holes", "wb") as file:
        for at in (0, 5 << 20, (40 << 20) - 7):
            file.seek(at)
            file.write(b"island %d" % at)
        file.truncate(48 << 20)
    os.utime(f"{scratch}/sparse/holes", ns=(10**18 + 123456789, 10**18 + 987654321))
    os.utime(f"{scratch}/sparse", ns=(10**18 + 1, 10**18 + 1))
    subprocess.run(["tar", "-C", scratch, "--format=pax", "--sparse", "--numeric-owner", "-cf", path, "sparse"], check=True)
    return path


# cap_net_raw+ep in the form of the kernel (linux/capability.h, revision 2).
CAPABILITY = (b"\x01\x00\x00\x02\x00\x20\x00\x00" + bytes(12)).decode("latin1")


def rich_layers(scratch):
    chance = random.Random(1)
    data = chance.randbytes(300000)
    lower = write_tar(
        f"{scratch}/lower.tar", folder("./", mode=0o751, uid=3, gid=4),
        *[folder(name) for name in ("proc/", "sys/", "dev/", "etc/", "bin/", "tmp/")],
        program(LIST, "lister"), program("/bin/busybox", "bin/busybox"), link("bin/sh", "busybox"),
        entry("etc/hosts"), entry("etc/hostname"), entry("etc/resolv.conf"), entry("etc/machine-id", data=b"0" * 32),
        entry("dev/null-of-the-image", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o600),
        folder("kept/", mode=0o2770, uid=1000, gid=100), entry("kept/old", data=b"old"), entry("kept/gone", data=b"gone"),
        folder("opaque/"), entry("opaque/hidden", data=b"h"), folder("opaque/below/"), entry("opaque/below/f"),
        folder("replaced/"), entry("replaced/inside"), entry("becomes-a-folder"),
        entry("big", data=data), hard("big-again", "big"), hard("big-thrice", "big"),
        folder("a" * 255 + "/"), entry("a" * 255 + "/" + "b" * 255, data=b"long"),
        *[folder("deep" + ("/" + "d" * 100) * depth + "/") for depth in range(13)],
        entry("deep" + ("/" + "d" * 100) * 12 + "/end", data=b"deep"), entry("alone", data=b"one name", uid=12),
        entry("single", data=b"one name, too"),
        link("long-link", "t/" * 1500 + "end"), link("dangling", "/no/where", uid=7, gid=8))
    middle = write_tar(
        f"{scratch}/middle.tar", entry("kept/.wh.gone"), entry("opaque/.wh..wh..opq"), entry("opaque/new", data=b"n"),
        entry("replaced", data=b"a file now"), folder("becomes-a-folder/"), entry("becomes-a-folder/in"),
        hard("kept/hard", "alone"),
        entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666), entry("block", tarfile.BLKTYPE, devmajor=253, devminor=300),
        entry("pipe", tarfile.FIFOTYPE, mode=0o640, uid=5), entry("set", mode=0o6755, uid=9, gid=9, data=b"#!"),
        folder("sticky/", mode=0o1777), entry("owner", uid=65534, gid=4000000000),
        entry("capable", data=b"x", mode=0o755, pax={"SCHILY.xattr.security.capability": CAPABILITY}),
        entry("labelled", pax={"SCHILY.xattr.user.note": "a b", "SCHILY.xattr.trusted.t": "v"}),
        entry("na\udcefve \udcff\udcfe", data=b"latin1"), entry("new\nline\ttab", data=b"control"), folder("смешно/"), entry("смешно/имя", data=b"utf8"),
        entry("times", pax={"mtime": "1234567890.123456789"}), entry("ancient", mtime=1), entry("future", pax={"mtime": "4500000000.25"}))
    upper = write_tar(
        f"{scratch}/upper.tar", folder("kept/", mode=0o700, uid=1, gid=2), entry("kept/old", data=b"newer", mode=0o600),
        hard("linked-below", "single"), entry(".wh.dangling"), entry("opaque/below", data=b"now a file"),
        folder("./", mode=0o751, uid=3, gid=4))
    return [lower, middle, write_sparse(f"{scratch}/sparse.tar", scratch), upper]


class Tree(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid():
            raise unittest.SkipTest("umoci makes devices and owners as root only")
        cls.house = House()
        cls.registry = Registry(cls.house.folder)

    @classmethod
    def tearDownClass(cls):
        cls.registry.close()
        cls.house.__exit__(None)

    def lines(self, text):
        return [line for line in text.split("\n") if line and not line.startswith(OURS)]

    def hold(self, name, layers):
        reference = self.registry.push(name, layers)
        self.house.do("pull", "-q", reference)
        outside = subprocess.run([LIST, self.registry.unpack(name)], stdout=subprocess.PIPE, text=True, check=True).stdout
        inside = self.house.do("run", "--rm", "--privileged", reference, "/lister", "--alone", "/", timeout=400)
        expected, found = self.lines(outside), self.lines(inside)
        only = sorted({f"only umoci  {line[:300]}" for line in set(expected) - set(found)} |
                      {f"only the VM {line[:300]}" for line in set(found) - set(expected)}, key=lambda line: line[12:])
        self.assertEqual("\n".join(only), "")
        self.assertEqual(found, expected)
        return len(found)

    def test_every_kind(self):
        self.assertGreater(self.hold("rich", rich_layers(self.house.folder)), 50)

    def test_debian(self):
        tar, lister = f"{self.house.folder}/debian.tar", f"{self.house.folder}/lister.tar"
        subprocess.run([f"{SOURCE}/tests/tools/debian_root.sh", tar], check=True)
        write_tar(lister, program(LIST, "lister"), folder("etc/"), entry("etc/machine-id", data=b"0" * 32))
        self.assertGreater(self.hold("debian", [tar, lister]), 3000)


if __name__ == "__main__":
    if not shutil.which("docker-registry"):
        print("docker-registry is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
