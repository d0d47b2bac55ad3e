"""A new volume gets what the image has at its place: whole, once, and anew where it was interrupted."""
import hashlib
import io
import os
import subprocess
import sys
import tarfile

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, QEMU, need_busybox, run_steps, wait_until  # noqa: E402

LARGE = 48 << 20
FILES = 2000
WHEN = 1_500_000_000


def add(archive, name, data=None, **more):
    entry = tarfile.TarInfo(name)
    entry.mtime = WHEN
    for key, value in more.items():
        setattr(entry, key, value)
    entry.size = len(data or b"")
    archive.addfile(entry, io.BytesIO(data) if data is not None else None)


def make_image(house):
    """busybox with folders that are to be filled in: one with everything a file can have, and a large one."""
    path = f"{house.folder}/root.tar"
    folder = {"type": tarfile.DIRTYPE, "mode": 0o755}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        with open("/bin/busybox", "rb") as file:
            add(archive, "bin/busybox", file.read(), mode=0o755)
        for name in subprocess.check_output(["busybox", "--list"], text=True).split():
            if name != "busybox":
                add(archive, f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox")
        add(archive, "data", **folder | {"mode": 0o2750, "uid": 70, "gid": 71})
        add(archive, "data/file", b"content", mode=0o4711, uid=70, gid=71, pax_headers={"SCHILY.xattr.user.note": "kept"})
        add(archive, "data/again", type=tarfile.LNKTYPE, linkname="data/file")
        add(archive, "data/link", type=tarfile.SYMTYPE, linkname="file")
        add(archive, "data/pipe", type=tarfile.FIFOTYPE, mode=0o600)
        add(archive, "data/.hidden", b"", mode=0o600)
        add(archive, "data/deep", **folder)
        add(archive, "data/deep/er", **folder | {"mode": 0o1777})
        add(archive, "data/deep/er/file", b"below", uid=5)
        add(archive, "large", **folder)
        large = os.urandom(LARGE)
        add(archive, "large/blob", large)
        for number in range(FILES):
            add(archive, f"large/{number}", b"%d" % number)
    house.do("import", "--change", 'CMD ["sh"]', "--change", "ENV PATH=/bin", path, "full:1")
    os.unlink(path)
    return hashlib.md5(large).hexdigest()


class Fill:
    def __init__(self, house, digest):
        self.house, self.digest = house, digest

    def run(self, mount, script, **more):
        return self.house.holm("run", "--rm", "-v", mount, "full:1", "sh", "-c", script, **more)

    def disk(self, name):
        return f"{self.house.data}/volumes/{self.house.json('volume', 'inspect', name)[0]['status']['file']}"

    def debug(self, disk, command):
        return subprocess.run(["debugfs", "-R", command, disk], capture_output=True, text=True, check=True).stdout

    def kept(self):
        """Owners, modes, times, links, attributes, and the folder's own."""
        out = self.run("one:/data", "cd /data && stat -c '%n %a %u:%g %F %Y' . file link pipe deep/er deep/er/file && ls -A &&"
                       " stat -c %i file again | uniq | wc -l && cat link deep/er/file", code=0).stdout.splitlines()
        assert out == [f". 2750 70:71 directory {WHEN}", f"file 4711 70:71 regular file {WHEN}", f"link 777 0:0 symbolic link {WHEN}",
                       f"pipe 600 0:0 fifo {WHEN}", f"deep/er 1777 0:0 directory {WHEN}", f"deep/er/file 644 5:0 regular file {WHEN}",
                       ".hidden", "again", "deep", "file", "link", "pipe", "1", "contentbelow"], out
        disk = self.disk("one")
        assert 'user.note (4) = "kept"' in self.debug(disk, "ea_list /file"), self.debug(disk, "ea_list /file")
        assert 'trusted.holm.fill (6) = "filled"' in self.debug(disk, "ea_list /"), self.debug(disk, "ea_list /")

    def once(self):
        """What was changed or emptied stays so, also for another container; a volume in use is not filled over."""
        self.run("one:/data", "rm -r /data/deep && echo mine >/data/file", code=0)
        assert self.run("one:/data", "cat /data/file; ls /data", code=0).stdout == "mine\nagain\nfile\nlink\npipe\n"
        self.run("one:/data", "rm -rf /data/* /data/.hidden", code=0)
        assert self.run("one:/data", "ls -A /data", code=0).stdout == ""
        self.run("own:/nowhere", "echo mine >/nowhere/own", code=0)
        assert self.run("own:/data", "ls -A /data", code=0).stdout == "own\n"

    def left_out(self):
        assert self.run("none:/data:nocopy", "ls -A /data", code=0).stdout == ""
        assert self.house.do("run", "--rm", "--mount", "source=none,target=/data,volume-nocopy", "full:1", "ls", "-A", "/data") == ""
        refused = self.run("x:/data:nocopy,wrong", "true")
        assert refused.returncode == 125 and "nocopy" in refused.stderr, refused

    def read_only(self):
        """Filled also where the first container only reads; two then read it at a time."""
        script = "cat /data/link && ! echo no >/data/new"
        assert self.run("read:/data:ro", script, code=0).stdout == "content"
        self.house.do("run", "-d", "--name", "reader", "-v", "read:/data:ro", "full:1", "sleep", "100000")
        assert self.run("read:/data:ro", script, code=0).stdout == "content"
        self.house.do("rm", "-f", "reader")

    def inner(self):
        """A volume in a volume's place is not copied into it."""
        self.run("inside:/data/deep", "echo volume >/data/deep/own", code=0)
        self.house.do("run", "--rm", "-v", "inside:/data/deep", "-v", "outside:/data", "full:1", "true")
        assert self.run("outside:/data", "ls /data/deep", code=0).stdout == "er\n"

    def too_small(self):
        self.house.do("volume", "create", "--size", "16m", "small")
        refused = self.run("small:/large", "true")
        assert refused.returncode == 125 and "fill the new volume" in refused.stderr and "No space left" in refused.stderr, refused
        refused = self.run("small:/large:ro", "true")
        assert refused.returncode == 125 and "left half filled" in refused.stderr, refused
        # Left half filled, and none of it stays for who has room for the folder.
        assert self.run("small:/data", "cat /data/file && ls /data", code=0).stdout == "contentagain\ndeep\nfile\nlink\npipe\n"

    def killed(self):
        """The machine ends midway: the process has not begun, and the next start fills the volume anew."""
        self.house.do("create", "--name", "begun", "-v", "half:/large", "full:1", "sh", "-c",
                      f"ls /large | wc -l && md5sum /large/blob && cat /large/{FILES - 1}")
        disk = self.disk("half")
        start = self.house.start("start", "-a", "begun")
        wait_until(lambda: os.stat(disk).st_blocks * 512 > LARGE // 4, "the beginning of the copy")
        killed = [pid for pid in self.house.processes("holm-shim", QEMU)]
        for pid in killed:
            self.house.kill(pid)
        out, _ = start.communicate(timeout=60)
        assert killed and out == b"", (killed, out)
        self.house.holm("wait", "begun")
        copy = f"{self.house.folder}/copy"
        subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
        assert subprocess.run(["e2fsck", "-fy", copy], capture_output=True).returncode in (0, 1)
        marks = self.debug(copy, "ea_list /")
        assert 'trusted.holm.fill (7) = "filling"' in marks, marks
        os.unlink(copy)
        out = self.house.do("start", "-a", "begun").split()
        assert out == [str(FILES + 1), self.digest, "/large/blob", str(FILES - 1)], out


def main():
    need_busybox()
    with House(image=False) as house:
        test = Fill(house, make_image(house))
        run_steps(test.kept, test.once, test.left_out, test.read_only, test.inner, test.too_small, test.killed)


main()
