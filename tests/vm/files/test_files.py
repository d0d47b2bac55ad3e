"""What programs expect of a file system (names, links, locks, maps, attributes, many files), in a folder of the host, in a volume
and in a container's own layer; and that the host sees the same.

    test_files.py CHECK [FILES]     how many files one folder gets: 5000
"""
import contextlib
import os
import resource
import shutil
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import need_busybox, need_virtiofsd, read, run_steps, wait_until  # noqa: E402
from user import house_of_user  # noqa: E402

DESCRIPTORS = 2048  # as a hard limit: fewer than there are files in one folder
CHECK, COUNT = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "5000"


class Files:
    def __init__(self, house, owner):
        self.house, self.owner = house, owner
        self.folder, self.small = f"{house.folder}/s", f"{house.folder}/small"
        for path in (self.folder, self.small):
            os.mkdir(path)
            os.chown(path, *owner)
        shutil.copy(CHECK, f"{self.folder}/check")

    def check(self, *arguments):
        """A check in the container; what it says is not so is the failure."""
        done = self.house.holm("exec", "one", "/bind/check", *arguments, timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        more = ["-v", f"{self.small}:/small"] if self.is_small else []
        self.house.do("run", "-d", "--name", "one", "-c", "1", "-m", "256m", "-v", f"{self.folder}:/bind", "-v", "data:/volume", *more,
                      "busybox", "sleep", "100000")

    def bind(self):
        self.check("/bind", COUNT, "/dev/shm")

    def volume(self):
        self.check("/volume", "500", "/bind")

    def layer(self):
        self.check("/home", "500", "/bind")

    def full(self):
        if self.is_small:
            self.check("full", "/small")
        else:
            print("not root: no file system with little room can be mounted")

    def host_sees(self):
        """What was written through a map is there, and what the host writes is seen at the next open."""
        mapped = f"{self.folder}/mapped/a"
        content = read(mapped, "rb")
        assert (len(content), content[:2], content[-1:]) == (4096, b"fm", b"c"), content[:8]
        self.house.do("exec", "one", "cat", "/bind/mapped/a")
        with open(mapped, "r+b") as file:
            file.write(b"host")
        wait_until(lambda: self.house.do("exec", "one", "head", "-c", "4", "/bind/mapped/a") == "host", "what the host has written")
        attributes = f"{self.folder}/attribute"
        self.house.do("exec", "one", "touch", "/bind/attribute")
        os.setxattr(attributes, "user.host", b"said")
        assert os.listxattr(attributes) == ["user.host"]
        many = os.stat(f"{self.folder}/special/socket")
        assert (many.st_uid, many.st_gid) == self.owner, many

    def small_begin(self, stack):
        """A file system of one MiB, where one may be mounted."""
        self.is_small = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size=1m,uid={self.owner[0]},gid={self.owner[1]}", "small", self.small]).returncode == 0
        if self.is_small:
            stack.callback(subprocess.run, ["umount", "-l", self.small], check=True)


def main():
    need_busybox()
    need_virtiofsd()
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with house_of_user() as (house, owner, _), contextlib.ExitStack() as stack:
        test = Files(house, owner)
        test.small_begin(stack)
        run_steps(test.start, test.bind, test.host_sees, test.full, test.volume, test.layer)


main()
