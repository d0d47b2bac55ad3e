"""Holds tree_compare against two equal trees, and against every single difference there can be."""
import os
import shutil
import subprocess
import sys
import tempfile

TOOL = sys.argv[1]


def build(root):
    """The tree all tests begin with: one of each kind that needs no root."""
    os.makedirs(root + "/folder/inner")
    for name in ("file", "other", "folder/inner/deep"):
        with open(f"{root}/{name}", "w") as file:
            file.write("content of " + name)
    os.link(root + "/file", root + "/name of file")
    os.symlink("file", root + "/link")
    os.mkfifo(root + "/fifo")
    if os.geteuid() == 0:
        os.mknod(root + "/device", 0o600 | 0o020000, os.makedev(1, 3))
    os.setxattr(root + "/file", "user.a", b"1")
    for folder, _, files in os.walk(root, topdown=False):
        for name in files + ["."]:
            os.utime(f"{folder}/{name}", ns=(10**18 + 1, 10**18 + 1), follow_symlinks=False)


def write(path, text):
    status = os.stat(path)
    with open(path, "r+") as file:
        file.write(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path, make):
    folder = os.path.dirname(path)
    before = os.stat(folder).st_mtime_ns
    os.unlink(path)
    make(path)
    os.utime(path, ns=(10**18 + 1, 10**18 + 1), follow_symlinks=False)
    os.utime(folder, ns=(before, before))


def copy_of(other):
    return lambda path: shutil.copy2(other, path)


DIFFERENCES = {
    "name": lambda r: (os.rename(r + "/other", r + "/elsewhere"), os.utime(r, ns=(10**18 + 1, 10**18 + 1))),
    "type": lambda r: replace(r + "/fifo", lambda p: open(p, "w").close()),
    "mode": lambda r: os.chmod(r + "/folder", 0o700),
    "time": lambda r: os.utime(r + "/other", ns=(10**18, 10**18 + 2)),
    "xattr": lambda r: os.setxattr(r + "/file", "user.a", b"2"),
    "size": lambda r: write(r + "/folder/inner/deep", "content of folder/inner/deeper"),
    "content": lambda r: write(r + "/folder/inner/deep", "Content"),
    "target": lambda r: replace(r + "/link", lambda p: os.symlink("other", p)),
    "link": lambda r: replace(r + "/name of file", copy_of(r + "/file")),
}
AS_ROOT = {
    "owner": lambda r: os.chown(r + "/other", 7, 8),
    "device": lambda r: replace(r + "/device", lambda p: os.mknod(p, 0o020600, os.makedev(1, 5))),
}


def run(*arguments):
    result = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout


def main():
    differences = DIFFERENCES | (AS_ROOT if os.geteuid() == 0 else {})
    with tempfile.TemporaryDirectory() as base:
        build(base + "/left")
        build(base + "/right")
        status, output = run(base + "/left", base + "/right")
        assert (status, output) == (0, ""), output
        for kind, change in differences.items():
            build(f"{base}/{kind}")
            change(f"{base}/{kind}")
            status, output = run(base + "/left", f"{base}/{kind}")
            kinds = {line.split(": ")[1] for line in output.splitlines()}
            assert status == 1 and kinds == {kind}, f"{kind}: {status} {output}"
        build(base + "/extra")
        os.setxattr(base + "/extra/other", "user.b", b"")
        assert run(base + "/left", base + "/extra")[0] == 1
        assert run("--without", "xattrs", base + "/left", base + "/extra")[0] == 0
        assert run("--without", "times", base + "/left", base + "/time")[0] == 0
        assert run(base + "/left", base + "/none")[0] == 2


main()
