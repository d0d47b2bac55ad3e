"""What a container mounts comes to a machine that waited as it does to one that is booted for it."""
import os
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/policies")
sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from cli import world  # noqa: E402
from house import need_virtiofsd, read, share_daemons  # noqa: E402
from pool import PoolCase, ready, spares, wait_for  # noqa: E402

WATCH = sys.argv.pop(1)


class PoolMounts(PoolCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(world.folder.name, "host")
        os.makedirs(f"{cls.folder}/rw")
        for name in ("file", "single"):
            with open(f"{cls.folder}/{name}", "w", encoding="ascii") as file:
                file.write(name)

    def taker(self, *command):
        """The shim of a container that goes on, which was a spare before this command."""
        self.fill(1)
        before = spares()
        world.run(*command)
        [shim] = [pid for pid, program in world.processes() if program == "holm-shim" and pid in before]
        return shim

    def hold(self, *options):
        self.addCleanup(lambda: world.run("rm", "-f", "holder"))
        return self.taker("run", "-d", "--name", "holder", *options, "busybox", "sleep", "100000")

    def sh(self, script):
        return world.run("exec", "holder", "sh", "-c", script).splitlines()

    def test_there_before_the_process(self):
        """All kinds at once. The first program comes from a volume, which has been filled for it."""
        answers = self.taken("-v", "programs:/bin", "-v", f"{self.folder}:/host:ro", "-v", "data:/data", "-v",
                             f"{self.folder}/rw:/data/rw", "--mount", f"type=bind,src={self.folder}/single,dst=/etc/single",
                             "--mount", "type=tmpfs,target=/fast", program=("sh", "-c", """
            cat /host/file /etc/single; echo
            touch /host/new 2>&1 | grep -o Read-only
            echo kept >/data/file && echo guest >/data/rw/file && echo quick >/fast/file && cat /data/file
            grep -c ' /bin ext4 rw' /proc/mounts
            cmp /sys/devices/system/cpu/online /sys/devices/system/cpu/present && echo all
            """))
        self.assertEqual(answers, ["filesingle", "Read-only", "kept", "1", "all"])
        self.assertEqual(read(f"{self.folder}/rw/file"), "guest\n")
        self.assertFalse(os.path.exists(f"{self.folder}/new"))
        # Read-only is the machine's, not the guest's word alone.
        answers = self.taken("-v", "data:/data:ro", "-v", "programs:/programs:nocopy", program=("sh", "-c", """
            cat /data/file; touch /data/new 2>&1 | grep -o Read-only
            cat /sys/block/vdc/ro /sys/block/vdd/ro
            /programs/busybox echo filled"""))
        self.assertEqual(answers, ["kept", "Read-only", "1", "0", "filled"])
        wait_for(lambda: not share_daemons(self.folder))

    def test_lives_on(self):
        """It is changed, restarted, told of the host's changes and killed as any other."""
        os.makedirs(f"{self.folder}/tools", exist_ok=True)
        shutil.copy(WATCH, f"{self.folder}/tools/watch")
        options = ("-v", "live:/data", "-v", f"{self.folder}/rw:/host", "-v", f"{self.folder}/tools:/tools:ro")
        self.hold(*options)
        watch = subprocess.Popen([world.holm, "exec", "holder", "/tools/watch", "/host"], env=world.environment,
                                 stdout=subprocess.PIPE, text=True)
        self.assertEqual(watch.stdout.readline(), "ready\n")
        with open(f"{self.folder}/rw/seen", "w", encoding="ascii"):
            pass
        self.assertIn("/host/seen", watch.stdout.readline())
        watch.kill()
        watch.communicate()
        self.assertEqual(self.sh("echo one >/data/file; sync; cat /data/file"), ["one"])
        world.run("mount", "rm", "holder", "/data")
        world.run("mount", "add", "holder", "live:/data")
        world.run("mount", "add", "holder", f"{self.folder}:/more:ro")
        self.assertEqual(self.sh("cat /data/file /more/file"), ["one", "file"])
        shim = self.taker("restart", "-t", "0", "holder")
        self.assertEqual(self.sh("cat /data/file /more/file; ls /host/seen"), ["one", "file/host/seen"])
        world.run("mount", "rm", "holder", "/more")
        # Killed: what was synced is there at the next start, which has a spare again.
        os.kill(shim, signal.SIGKILL)
        world.run("wait", "holder")
        wait_for(lambda: not share_daemons(self.folder))
        self.taker("start", "holder")
        self.assertEqual(self.sh("cat /data/file; ls /host/seen"), ["one", "/host/seen"])

    def test_in_use(self):
        """Who cannot have a volume is told who has it, costs no more than the one machine, and leaves nothing."""
        self.hold("-v", "one:/data")
        self.fill(2)
        said = world.refused("run", "--rm", "-v", f"{self.folder}:/host", "-v", "two:/free", "-v", "one:/data", "busybox", "true")
        self.assertIn('"one" is in use by holder', said or "")
        self.assertGreaterEqual(ready(), 1)
        wait_for(lambda: not share_daemons(self.folder))
        self.assertEqual(self.taken("-v", "two:/free", program=("echo", "free")), ["free"])
        said = world.refused("run", "--rm", "--mount", f"type=bind,src={self.folder}/nowhere,dst=/x", "busybox", "true")
        self.assertIn("nowhere", said or "")


if __name__ == "__main__":
    need_virtiofsd()
    with world:
        unittest.main(verbosity=2)
