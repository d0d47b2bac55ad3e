"""Volumes out as a tar, in from one, and over to another size: what guests and strangers wrote is read by holm-disk alone."""
import io
import os
import subprocess
import sys
import tarfile

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, need_busybox, run_steps, wait_until  # noqa: E402

MIB = 1 << 20
LOOK = "cd /data && stat -c '%n %a %u:%g %s %Y' . file deep/link deep/empty && cat deep/link && md5sum <large && stat -c %i file again | uniq | wc -l"


def entry(name, data=None, **more):
    made = tarfile.TarInfo(name)
    made.mtime, made.size = 1_500_000_000, len(data or b"")
    for key, value in more.items():
        setattr(made, key, value)
    return made, data


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for made, data in entries:
            archive.addfile(made, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


class Archives:
    def __init__(self, house):
        self.house = house

    def look(self, volume):
        return self.house.do("run", "--rm", "-v", f"{volume}:/data:ro", "busybox", "sh", "-c", LOOK)

    def size(self, volume):
        return self.house.json("volume", "inspect", volume)[0]["configuration"]["sizeBytes"]

    def files(self):
        return [name for name in os.listdir(f"{self.house.data}/volumes") if name.endswith(".ext4")]

    def bring(self, volume, archive, **more):
        return self.house.holm("volume", "import", volume, input=archive, text=False, **more)

    def refused(self, volume, archive, *words):
        before, volumes = sorted(self.files()), self.house.do("volume", "ls", "-q")
        done = self.bring(volume, archive)
        text = done.stderr.decode()
        assert done.returncode == 125 and all(word in text for word in words), (words, done)
        assert sorted(self.files()) == before and self.house.do("volume", "ls", "-q") == volumes, text

    def out_and_in(self):
        self.house.do("run", "--rm", "-v", "one:/data", "busybox", "sh", "-c",
                      "cd /data && echo text >file && ln file again && mkdir deep && ln -s ../file deep/link && chown 7:8 file && "
                      "chmod 4750 file && mkfifo pipe && mkdir -m 1777 deep/empty && head -c 20000000 /dev/urandom >large && "
                      "truncate -s 3221225472 sparse && touch -d @1500000000 file deep/empty . && chown 70:71 . && chmod 750 .")
        looked = self.look("one")
        assert looked.splitlines()[:2] == [". 750 70:71 4096 1500000000", "file 4750 7:8 5 1500000000"], looked
        archive = self.house.holm("volume", "export", "one", text=False, code=0).stdout
        assert len(archive) < 25_000_000, len(archive)
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            names = {member.name: member for member in members}
        assert set(names) == {".", "again", "deep", "deep/empty", "deep/link", "file", "large", "pipe", "sparse"}, names
        assert names["file"].islnk() and names["sparse"].size == 3 << 30
        assert self.bring("two", archive, code=0).stdout == b"two\n"
        # What was brought counts as content before anybody has mounted it, and what a resize has copied, too.
        self.refused("two", archive, "has been used")
        for size in ("8g", "6g", "4g"):
            self.house.do("volume", "resize", "two", size)
        assert self.look("two") == looked
        path = f"{self.house.folder}/out.tar"
        self.house.do("volume", "export", "-o", path, "two")
        self.house.do("volume", "import", "-i", path, "three")
        assert self.look("three") == looked
        assert self.house.json("volume", "inspect", "three")[0]["status"]["usedBytes"] < 64 * MIB

    def not_over_something(self):
        self.refused("two", tar(entry("file", b"x")), "has been used", "volume rm two")
        self.house.do("volume", "create", "--size", "32m", "--label", "kept", "made")
        self.bring("made", tar(entry("file", b"x")), code=0)
        configuration = self.house.json("volume", "inspect", "made")[0]["configuration"]
        assert configuration["sizeBytes"] == 32 * MIB and "kept" in configuration["labels"], configuration
        # The image's folder is not copied over it, even where nothing came.
        self.bring("empty", tar(entry("./", type=tarfile.DIRTYPE, mode=0o755)), code=0)
        assert "passwd" not in self.house.do("run", "--rm", "-v", "empty:/etc", "busybox", "ls", "-A", "/etc")

    def in_use(self):
        self.house.do("run", "-d", "--name", "writer", "-v", "two:/data", "busybox", "sleep", "100000")
        for words in (("export", "two"), ("resize", "two", "1g")):
            refused = self.house.holm("volume", *words, text=False)
            assert refused.returncode == 125 and b"in use by writer" in refused.stderr, refused
        self.house.do("rm", "-f", "writer")
        self.house.do("run", "-d", "--name", "reader", "-v", "one:/data:ro", "busybox", "sleep", "100000")
        assert self.house.holm("volume", "export", "one", text=False, code=0).stdout
        refused = self.house.holm("volume", "resize", "one", "1g")
        assert refused.returncode == 125 and "in use by reader" in refused.stderr, refused
        self.house.do("rm", "-f", "reader")

    def left_dirty(self):
        self.house.do("run", "-d", "--name", "lost", "-v", "three:/data", "busybox", "sleep", "100000")
        for shim in self.house.processes("holm-shim"):
            self.house.kill(shim)
        wait_until(lambda: self.house.status("lost")["state"] == "exited", "the end of the container")
        refused = self.house.holm("volume", "export", "three", text=False)
        assert refused.returncode == 125 and b"not unmounted cleanly" in refused.stderr and b"start a container" in refused.stderr, refused
        self.house.do("rm", "lost")

    def other_size(self):
        looked = self.look("one")
        for size in (64 << 20, 4 << 30, 40 << 20):
            assert self.house.do("volume", "resize", "one", str(size)) == "one"
            assert self.size("one") == size and self.look("one") == looked, size
            room = int(self.house.do("run", "--rm", "-v", "one:/data", "busybox", "df", "-Pm", "/data").splitlines()[1].split()[1])
            assert size // MIB * 0.7 < room < size // MIB, (room, size)
        refused = self.house.holm("volume", "resize", "one", "17m")
        assert refused.returncode == 125 and "too small" in refused.stderr, refused
        assert self.size("one") == 40 << 20 and self.look("one") == looked
        for words, text in ((("one", "4k"), "16 MiB"), (("one", "much"), "much"), (("nowhere", "1g"), "nowhere"), (("one",), "argument")):
            refused = self.house.holm("volume", "resize", *words)
            assert refused.returncode == 125 and text in refused.stderr, refused
        self.house.do("volume", "create", "fresh")
        self.house.do("volume", "resize", "fresh", "1g")
        assert self.size("fresh") == 1 << 30
        # A new one is still filled from the image.
        assert "passwd" in self.house.do("run", "--rm", "-v", "fresh:/etc", "busybox", "ls", "/etc")

    def superblock(self, volume):
        name = self.house.json("volume", "inspect", volume)[0]["status"]["file"]
        out = subprocess.run(["dumpe2fs", "-h", f"{self.house.data}/volumes/{name}"], capture_output=True, text=True, check=True).stdout
        return {key: value.strip() for key, value in (line.split(":", 1) for line in out.splitlines() if ":" in line)}

    def killed(self):
        """Of an import or a resize that is killed midway nothing is seen, and the next prune takes its file."""
        before, looked = set(self.files()), self.look("one")
        bring = self.house.start("volume", "import", "never", stdin=subprocess.PIPE)
        bring.stdin.write(tar(entry("file", os.urandom(4 * MIB)))[:2 * MIB])
        bring.stdin.flush()
        wait_until(lambda: set(self.files()) - before, "the new file")
        bring.kill()
        bring.communicate()
        size = self.house.start("volume", "resize", "one", "2g")
        wait_until(lambda: len(set(self.files()) - before) == 2 or size.poll() is not None, "the second new file")
        size.kill()
        size.communicate()
        wait_until(lambda: not self.house.processes("holm-disk"), "the end of the helpers")
        assert "never" not in self.house.do("volume", "ls", "-q").split()
        # It may have been faster, or have been killed between its commit and its end: either size, and all of the content.
        sizes = (2 << 30,) if size.returncode == 0 else (40 << 20, 2 << 30)
        assert self.size("one") in sizes, (self.size("one"), size.returncode)
        now = self.look("one")
        assert now == looked, (now, looked)
        self.house.do("volume", "prune", "-f")
        assert len(self.files()) == len(self.house.do("volume", "ls", "-q").split()), self.files()

    def journals(self):
        """Mode and size are the disk's own, so they hold in every machine and stay with another size."""
        self.house.do("volume", "create", "--opt", "size=300m", "--opt", "journal=writeback:32m", "log")
        for size in ("300m", "1g"):
            if size == "1g":
                self.house.do("volume", "resize", "log", "1g")
            block = self.superblock("log")
            assert block["Total journal size"] == "32M" and "journal_data_writeback" in block["Default mount options"], block
            self.house.do("run", "--rm", "-v", "log:/log", "busybox", "sh", "-c", "echo more >>/log/file && sync")
        self.house.do("volume", "create", "--opt", "journal=journal", "all")
        assert "journal_data " in self.superblock("all")["Default mount options"] + " ", self.superblock("all")
        assert self.house.do("run", "--rm", "-v", "log:/log", "-v", "all:/all", "busybox", "cat", "/log/file") == "more\nmore"
        for option, words in (("journal=none", "modes are"), ("journal=ordered:1k", "4 MiB"), ("colour=red", "colour")):
            refused = self.house.holm("volume", "create", "--opt", option, "bad")
            assert refused.returncode == 125 and words in refused.stderr, refused

    def hostile(self):
        folder, link = {"type": tarfile.DIRTYPE, "mode": 0o755}, {"type": tarfile.SYMTYPE}
        for entries, words in (
                ((entry("../out", b"x"),), ("leads out",)),
                ((entry("a", **folder), entry("a/../../out", b"x")), ("leads out",)),
                ((entry("a", **link, linkname="/etc"), entry("a/passwd", b"x")), ("no folder",)),
                ((entry("a", b"x"), entry("a/b", b"x")), ("no folder",)),
                ((entry("a", type=tarfile.LNKTYPE, linkname="/etc/shadow"),), ("not in the archive",)),
                ((entry("a", type=tarfile.LNKTYPE, linkname="../up"),), ("leads out",)),
                ((entry("a", **folder), entry("a", b"x")), ("place of a folder",)),
                ((entry("a", **folder), entry("b", type=tarfile.LNKTYPE, linkname="a")), ("one more name",)),
                ((entry(".", b"x"),), ("place of the root",)),
                ((entry("n" * 256, b"x"),), ("too long",)),
                ((entry("d/" * 600 + "f", b"x"),), ("too deep",)),
                ((entry("x", b"x", uid=1 << 33),), ("out of range",)),
                ((entry("x", b"x", pax_headers={"SCHILY.xattr.user.large": "v" * 60000}),), ("attributes",))):
            self.refused("hostile", tar(*entries), *words)
        self.refused("hostile", b"no tar at all, but something that is long enough for a block" * 20, "damaged")
        whole = tar(entry("x", os.urandom(5000)))
        self.refused("hostile", whole[:3000], "damaged")
        self.refused("hostile", b"", "damaged")
        self.house.do("volume", "create", "--size", "16m", "small")
        self.refused("small", tar(entry("x", os.urandom(20 * MIB))), "too small")
        # Later entries win, and what a tar may hold comes in whole.
        self.bring("odd", tar(entry("x", b"old" * 9000), entry("x", b"new"), entry("a/b/c", b"deep"), entry("x", **link, linkname="/etc/passwd"),
                              entry("y", b"1"), entry("y", type=tarfile.LNKTYPE, linkname="x"), entry("/abs", b"root"),
                              *(entry(f"many/{number}", b"") for number in range(3000)),
                              entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)), code=0)
        out = self.house.do("run", "--rm", "-v", "odd:/data", "busybox", "sh", "-c",
                            "cd /data && readlink x && readlink y && cat a/b/c abs && ls many | wc -l && stat -c '%F %t:%T' null")
        assert out == "/etc/passwd\n/etc/passwd\ndeeproot3000\ncharacter special file 1:3", out


def main():
    need_busybox()
    with House() as house:
        test = Archives(house)
        run_steps(test.out_and_in, test.not_over_something, test.in_use, test.left_dirty, test.other_size, test.killed,
                  test.journals, test.hostile)


main()
