"""A volume that a lost machine has left behind: readers recover it each for itself, at the same time, and whoever dies
meanwhile harms none of the others; the next writer recovers it for good."""
import fcntl
import os
import struct
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import QEMU, House, need_busybox, read, run_steps, wait_until  # noqa: E402

RECOVER = 0x4  # of s_feature_incompat, at 0x60 of the superblock
QEMU_CONSISTENT_READ, QEMU_WRITE = 100, 101  # bytes of a file that QEMU locks
LOCK = "hhqqi4x"


class Recover:
    def __init__(self, house):
        self.house = house

    # ---- on the host ----

    def file(self):
        return f"{self.house.data}/volumes/{self.house.json('volume', 'inspect', 'data')[0]['status']['file']}"

    def is_dirty(self):
        with open(self.file(), "rb") as file:
            return os.pread(file.fileno(), 1, 1024 + 0x60)[0] & RECOVER != 0

    def lose(self, name, what="holm-shim"):
        """kill -9 of its shim, or of its VMM."""
        identity = self.house.json("inspect", name)[0]["id"]
        shim = self.house.shim(identity)
        if what == QEMU:
            [victim] = [pid for pid in self.house.processes(QEMU)
                        if int(read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[1]) == shim]
            self.house.kill(victim)
        else:
            self.house.kill(shim)
        self.house.holm("wait", name)

    def reader(self, name, *options):
        self.house.do("run", "-d", "--name", name, "--network", "none", "-v", "data:/data:ro", *options, "busybox", "sleep", "100000")

    def sh(self, name, script, *options):
        return self.house.holm("exec", *options, name, "sh", "-c", script).stdout.strip()

    # ---- the steps ----

    def left_behind(self):
        self.house.do("run", "-d", "--name", "writer", "--network", "none", "-v", "data:/data", "busybox", "sleep", "100000")
        self.sh("writer", "mkdir /data/d; for i in $(seq 100); do echo $i >/data/d/$i; done; sync")
        self.lose("writer")
        assert self.is_dirty()
        self.before = os.stat(self.file()).st_mtime_ns

    def readers(self):
        """Two at the same time, and one to which it is added; none of them writes."""
        self.reader("one")
        self.reader("two")
        self.house.do("run", "-d", "--name", "live", "--network", "none", "busybox", "sleep", "100000")
        self.house.do("mount", "add", "live", "data:/data:ro")
        for name in ("one", "two", "live"):
            assert self.sh(name, "cat /data/d/* | wc -l; grep -c ' /data ext4 ro' /proc/mounts") == "100\n1", name
        refused = self.house.holm("run", "--rm", "-v", "data:/data", "busybox", "true")
        assert refused.returncode != 0 and "is in use by" in refused.stderr, refused
        self.unwritten()

    def privileged(self):
        """Not by the guest's word alone."""
        self.reader("root", "--privileged")
        wrote = self.sh("root", "dd if=/dev/zero of=/dev/vdc bs=4k count=64 conv=fsync 2>&1", "--privileged")
        assert "64+0 records out" in wrote, wrote
        self.house.do("rm", "-f", "root")
        self.unwritten()

    def unwritten(self):
        assert self.is_dirty() and os.stat(self.file()).st_mtime_ns == self.before

    def lost(self):
        """One that dies while it recovers, right after, and its VMM: the others go on, and the next one starts."""
        for fault in ("run.machine-ready", "run.prepared"):
            self.house.environment["HOLM_FAULT"] = fault
            self.house.holm("run", "-d", "--name", "torn", "--network", "none", "-v", "data:/data:ro", "busybox", "sleep", "100000")
            del self.house.environment["HOLM_FAULT"]
            wait_until(lambda: self.house.status("torn")["state"] in ("exited", "created"), "the end of a shim that was killed")
            self.house.do("rm", "-f", "torn")
            self.reader("next")
            assert self.sh("next", "cat /data/d/100") == "100"
            self.house.do("rm", "-f", "next")
        self.lose("one")
        self.lose("two", QEMU)
        assert self.sh("live", "cat /data/d/100") == "100"
        self.reader("next")
        assert self.sh("next", "cat /data/d/100") == "100"
        self.house.do("rm", "-f", "next", "one", "two")
        self.house.do("mount", "rm", "live", "/data")
        self.unwritten()
        left = [name for folder in self.house.folders() for name in os.listdir(f"{self.house.data}/containers/{folder}") if "scratch" in name]
        assert not left, left

    def for_good(self):
        assert self.house.do("run", "--rm", "--network", "none", "-v", "data:/data", "busybox", "cat", "/data/d/100") == "100"
        assert not self.is_dirty()
        self.reader("one")
        self.house.do("rm", "-f", "one")

    def not_gone_yet(self):
        """A VMM whose shim was killed goes a moment later than its lock on the volume: it is waited for, and ends the wait."""
        for access, byte in (("data:/data:ro", QEMU_WRITE), ("data:/data", QEMU_CONSISTENT_READ)):
            with open(self.file(), "rb+") as held:
                fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack(LOCK, fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
                run = self.house.start("run", "--rm", "--network", "none", "-v", access, "busybox", "cat", "/data/d/100", text=True)
                inode = f":{os.stat(held.fileno()).st_ino} "
                # The kernel lists who waits for a lock beneath it.
                wait_until(lambda: any("->" in line and inode in line for line in read("/proc/locks").splitlines()), "who waits for the lock")
            out, problem = run.communicate(timeout=60)
            assert (run.returncode, out) == (0, "100\n"), (access, out, problem)


def main():
    need_busybox()
    with House() as house:
        test = Recover(house)
        run_steps(test.left_behind, test.readers, test.privileged, test.lost, test.for_good, test.not_gone_yet)


main()
