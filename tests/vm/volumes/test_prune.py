"""What holm takes on the disk, and giving it back: df and the prunes, with their filters."""
import os
import pty
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import HOLM, House, need_busybox, run_steps, wait_until  # noqa: E402

KINDS = ("images", "containers", "volumes", "templates", "kernels")
MIB = 1 << 20


class Prune:
    def __init__(self, house):
        self.house = house

    def usage(self):
        return self.house.json("df")

    def names(self):
        return set(self.house.containers())

    def make(self):
        house = self.house
        house.do("run", "-d", "--name", "runs", "-v", "kept:/kept", "busybox", "sleep", "100000")
        house.do("run", "--name", "ended", "--label", "tier=db", "-v", "/anonymous", "busybox", "sh", "-c",
                 "head -c 8388608 /dev/urandom >/anonymous/file && head -c 4194304 /dev/urandom >/file")
        house.do("create", "--name", "fresh", "busybox", "true")
        house.do("volume", "create", "--label", "keep", "named")
        house.do("network", "create", "empty")
        house.do("network", "create", "--label", "keep", "labelled")

    def df(self):
        usage = self.usage()
        assert {kind: (usage[kind]["total"], usage[kind]["active"]) for kind in KINDS[:3]} == {
            "images": (1, 1), "containers": (3, 1), "volumes": (3, 2)}, usage
        [ended] = [item for item in usage["containers"]["items"] if item["name"] == "ended"]
        assert 4 * MIB < ended["sizeBytes"] <= usage["containers"]["reclaimableBytes"] < usage["containers"]["sizeBytes"], usage
        assert 8 * MIB < usage["volumes"]["sizeBytes"] and usage["volumes"]["reclaimableBytes"] < MIB, usage
        assert usage["sizeBytes"] == sum(usage[kind]["sizeBytes"] for kind in KINDS), usage
        assert usage["reclaimableBytes"] == sum(usage[kind]["reclaimableBytes"] for kind in KINDS), usage
        table = self.house.do("df").splitlines()
        assert [line.split()[0] for line in table] == ["KIND", *KINDS, "together"], table
        assert table[2].split()[1:3] == ["3", "1"], table
        verbose = self.house.do("system", "df", "-v")
        assert "\nvolumes\n" in verbose and "ended" in verbose and "busybox" in verbose, verbose
        assert self.house.do("df", "--format", "yaml").startswith("images:"), "yaml"
        wait_until(lambda: self.usage()["templates"]["total"], "a template")
        assert self.usage()["templates"]["sizeBytes"] == self.usage()["templates"]["reclaimableBytes"] > MIB

    def asks(self):
        """At a terminal; what is not a yes leaves everything."""
        for answer, left in (("n", {"runs", "ended", "fresh"}), ("", {"runs", "ended", "fresh"})):
            ours, theirs = pty.openpty()
            process = subprocess.Popen([HOLM, "container", "prune"], env=self.house.environment, stdin=theirs, stdout=theirs,
                                       stderr=theirs, start_new_session=True)
            os.close(theirs)
            os.write(ours, f"{answer}\n".encode())
            assert process.wait(60) == 0
            os.close(ours)
            assert self.names() == left, self.names()

    def filtered(self):
        house = self.house
        for arguments, gone in ((("--filter", "until=1h"), ()), (("--filter", "label=tier=web"), ()),
                                (("--filter", "label=tier", "--filter", "label=other"), ()),
                                (("--filter", "label!=tier", "--filter", "label!=other", "--filter", "until=1h"), ()),
                                (("--filter", "label!=tier"), ("fresh",)), (("--filter", "label=tier=db", "--filter", "until=0s"), ("ended",))):
            before = self.names()
            out = house.do("container", "prune", "-f", *arguments)
            assert before - self.names() == set(gone), (arguments, self.names())
            assert [line for line in out.splitlines() if line.startswith("deleted: ")] == [f"deleted: {name}" for name in gone], out
        assert "4." in out.splitlines()[-1] and "given back" in out, out
        for noun in ("container", "volume", "network", "image"):
            refused = house.holm(noun, "prune", "-f", "--filter", "colour=red")
            assert refused.returncode == 125 and "colour" in refused.stderr, refused
        assert house.holm("prune", "-f", "--filter", "until=tomorrow").returncode == 125

    def rooms(self):
        house = self.house
        assert house.do("network", "prune", "-f", "--filter", "label!=keep").splitlines()[:-1] == ["deleted: empty"]
        out = house.do("volume", "prune", "-f").splitlines()
        assert len(out) == 2 and "8." in out[-1], out
        for keep in ("label!=keep",), ("label!=keep", "label!=other"), ("label=keep", "label=other"):
            words = [word for one in keep for word in ("--filter", one)]
            for noun in ("volume", "image"):
                assert house.do(noun, "prune", "-f", "-a", *words).splitlines() == ["0 B given back"], (noun, keep)
        assert set(house.do("volume", "ls", "-q").split()) == {"kept", "named"}
        refused = house.holm("container", "prune", "runs")
        assert refused.returncode == 125 and "arguments" in refused.stderr, refused

    def together(self):
        house = self.house
        house.do("run", "--name", "ended", "-v", "/anonymous", "busybox", "true")
        house.do("create", "--name", "later", "busybox", "true")
        out = house.do("prune", "-f")
        assert {"deleted container: ended", "deleted container: later", "deleted network: labelled"} <= set(out.splitlines()), out
        assert self.names() == {"runs"} and "volume" not in out and "template" not in out, out
        anonymous = house.do("volume", "ls", "-q", "--filter", "anonymous=true")
        out = house.do("prune", "-f", "--volumes", "-a")
        assert f"deleted volume: {anonymous}" in out and "deleted template" in out, out
        assert set(house.do("volume", "ls", "-q").split()) == {"kept", "named"} and self.usage()["templates"]["total"] == 0
        assert house.do("images", "-q") and house.do("exec", "runs", "echo", "still") == "still"
        house.do("rm", "-f", "runs")
        out = house.do("prune", "-f", "-a")
        assert "busybox" in out and house.do("images", "-q") == "", out

    def kernels(self):
        """A folder that no link of an architecture leads to, in a cache of the test's own."""
        own = f"{self.house.folder}/own"
        for name in ("0123456789abcdef", "fedcba9876543210"):
            os.makedirs(f"{own}/holm/kernel/{name}")
            with open(f"{own}/holm/kernel/{name}/vmlinux", "wb") as file:
                file.write(os.urandom(MIB))
        os.symlink("0123456789abcdef", f"{own}/holm/kernel/x86_64")
        open(f"{own}/holm/kernel/build.lock", "w").close()
        environment = self.house.environment | {"XDG_CACHE_HOME": own}
        run = lambda *words: subprocess.run([HOLM, *words], env=environment, check=True, capture_output=True, text=True).stdout  # noqa: E731
        line = [line.split() for line in run("df").splitlines() if line.startswith("kernels")][0]
        assert line[1:3] == ["2", "1"], line
        assert "deleted kernel: fedcba9876543210" in run("prune", "-af")
        assert sorted(os.listdir(f"{own}/holm/kernel")) == ["0123456789abcdef", "build.lock", "x86_64"]


def main():
    need_busybox()
    with House() as house:
        test = Prune(house)
        run_steps(test.make, test.df, test.asks, test.filtered, test.rooms, test.together, test.kernels)


main()
