"""Folders and files of the host in containers: written both ways, read-only where asked, and nothing beside them."""
import glob
import os
import select
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import need_virtiofsd, read, run_steps, share_daemons, wait_until  # noqa: E402
from user import house_of_user  # noqa: E402

ANY_GROUP = 100


class Binds:
    def __init__(self, house, owner, name):
        self.house, self.owner, self.name = house, owner, name
        self.folder = f"{house.folder}/s"
        self.mkdir(self.folder)

    def mkdir(self, path):
        os.mkdir(path)
        os.chown(path, *self.owner)

    def write(self, path, text):
        with open(path, "w") as file:
            file.write(text)
        os.chown(path, *self.owner)

    def sh(self, script, **more):
        return self.house.holm("exec", "one", "sh", "-c", script, **more)

    def start(self):
        for name in ("rw", "ro"):
            self.mkdir(f"{self.folder}/{name}")
            self.write(f"{self.folder}/{name}/from-host", name)
        self.write(f"{self.folder}/single", "first")
        self.write(f"{self.folder}/secret", "not shared")
        os.symlink("../secret", f"{self.folder}/rw/relative")
        os.symlink(f"{self.folder}/secret", f"{self.folder}/rw/absolute")
        self.house.do("create", "--name", "one", "-v", f"{self.folder}/rw:/rw", "-v", f"{self.folder}/ro:/ro:ro",
                      "--mount", f"type=bind,src={self.folder}/single,dst=/etc/single", "-v", f"{self.folder}/made/new:/made",
                      "-v", f"{self.house.folder}:/all", "--mount", "type=tmpfs,target=/fast,tmpfs-size=1m",
                      "busybox", "sleep", "100000")
        assert os.path.isdir(f"{self.folder}/made/new")  # -v makes what is missing
        self.house.do("start", "one")

    def both_ways(self):
        assert self.sh("cat /rw/from-host && mkdir /rw/d && echo guest >/rw/d/file && mv /rw/d/file /rw/moved", code=0).stdout == "rw"
        assert read(f"{self.folder}/rw/moved") == "guest\n"
        self.write(f"{self.folder}/rw/later", "later")
        assert self.sh("cat /rw/later", code=0).stdout == "later"
        assert self.sh("cat /etc/single; echo second >/etc/single", code=0).stdout == "first"
        assert read(f"{self.folder}/single") == "second\n"
        self.sh("mount | grep -q '/fast.*tmpfs'", code=0)

    def read_only(self):
        assert self.sh("cat /ro/from-host", code=0).stdout == "ro"
        refused = self.sh("echo no >/ro/file")
        assert refused.returncode != 0 and "Read-only" in refused.stderr, refused
        # Not by the guest's word alone: who mounts all that the machine has is refused by the host.
        forced = self.house.holm("run", "--rm", "--privileged", "-v", f"{self.folder}/ro:/ro:ro", "busybox", "sh", "-c",
                                 "mkdir /m && mount -t virtiofs holm /m && cat /m/0/from-host && echo no >/m/0/file")
        assert forced.stdout == "ro" and "Read-only" in forced.stderr, forced
        assert not os.path.exists(f"{self.folder}/ro/file")

    def subordinate(self):
        """The first of the user's subordinate ids; None: he has none."""
        first = [[int(line.split(":")[1]) for line in read(f"/etc/{kind}").splitlines() if line.startswith(f"{self.name}:")]
                 for kind in ("subuid", "subgid")]
        return (first[0][0], first[1][0]) if all(first) else None

    def many_owners(self):
        """Other users of the guest have ids of their own on the host, where the user has some to give."""
        first = self.subordinate()
        if not first:
            print("no subordinate ids: other users of the guest are not tried")
            return
        self.sh("touch /rw/as-root /rw/given && chmod 600 /rw/as-root /rw/given && mkdir -m 700 /rw/db && mkdir -m 777 /rw/open && "
                "chown 999:998 /rw/given /rw/db", code=0)
        # As a database does: files of its own that it alone can read, and reads again.
        self.house.do("exec", "--user", "999:998", "one", "sh", "-c", "umask 077; cd /rw/db && echo own >file && cat file ../given")
        self.house.do("exec", "--user", "65534", "one", "touch", "/rw/open/as-nobody")
        other = (first[0] + 998, first[1] + 997)
        for name, owner in (("as-root", self.owner), ("given", other), ("db", other), ("db/file", other),
                            ("open/as-nobody", (first[0] + 65533, first[1] + 65533))):
            status = os.stat(f"{self.folder}/rw/{name}")
            assert (status.st_uid, status.st_gid) == owner, (name, status, owner)
        assert self.sh("stat -c %u:%g /rw/db/file /rw/as-root", code=0).stdout.split() == ["999:998", "0:0"]
        assert self.sh("chown 70000 /rw/given").returncode != 0
        self.sh("rm -r /rw/as-root /rw/open /rw/db /rw/given", code=0)
        # From now on without them. (usermod would wait for all of the user's processes.)
        subprocess.run(["sed", "-i", f"/^{self.name}:/d", "/etc/subuid", "/etc/subgid"], check=True)
        assert not self.subordinate()
        self.house.do("restart", "-t", "0", "one")

    def owners(self):
        self.sh("touch /rw/as-root && chmod 600 /rw/as-root && mkdir -m 777 /rw/open", code=0)
        self.house.do("exec", "--user", "65534", "one", "touch", "/rw/open/as-nobody")
        for name in ("as-root", "open/as-nobody"):
            status = os.stat(f"{self.folder}/rw/{name}")
            assert (status.st_uid, status.st_gid) == self.owner, (name, status)
        assert self.sh("stat -c %u:%g /rw/open/as-nobody", code=0).stdout.strip() == "0:0"
        assert self.sh("chown 999 /rw/as-root").returncode != 0

    def walls(self):
        """Links lead where they lead inside, and holm's own folders are empty."""
        for name in ("relative", "absolute"):
            assert self.sh(f"cat /rw/{name}").returncode != 0, name
        assert self.sh("cat /all/s/secret", code=0).stdout == "not shared"
        for name in ("d/holm", "c/holm", "r/holm"):
            assert self.sh(f"ls -A /all/{name}", code=0).stdout == "", name
        own = self.house.holm("run", "--rm", "-v", f"{self.house.data}/images:/own", "busybox", "true")
        assert own.returncode == 125 and "holm's own" in own.stderr, own
        assert all(line.strip() for line in own.stderr.splitlines()), own

    def confined(self):
        """The daemon sees the shares and nothing else, and cannot gain rights."""
        [daemon] = share_daemons(self.house.folder)
        assert sorted(os.listdir(f"/proc/{daemon}/root")) == ["0", "1", "2", "3", "4"]
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{daemon}/status").splitlines() if ":\t" in line)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
        assert int(status["CapEff"], 16) & ~0x880000db == 0, status["CapEff"]  # files, ids, mknod
        for space in ("user", "mnt", "net", "ipc"):
            assert os.readlink(f"/proc/{daemon}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}"), space

    def restart(self):
        self.house.do("restart", "-t", "0", "one")
        assert self.sh("cat /rw/moved /etc/single", code=0).stdout == "guest\nsecond\n"

    def second_try(self):
        """A clone that has got its share and does not wake is booted, with another daemon."""
        templates = f"{self.house.folder}/c/holm/templates"
        [memory] = wait_until(lambda: glob.glob(f"{templates}/*/memory"), "a template")
        with open(memory, "r+b") as file:  # what the machine's own parts need is below
            size = file.seek(0, os.SEEK_END)
            file.truncate(1 << 20)
            file.truncate(size)
        self.house.do("restart", "-t", "0", "one")
        [log] = glob.glob(f"{self.house.data}/containers/*/log/shim.log")
        assert "booting instead" in read(log) and "cannot load" not in read(log), read(log)
        assert self.sh("cat /rw/moved", code=0).stdout == "guest\n"
        wait_until(lambda: len(share_daemons(self.house.folder)) == 1, "the end of the first daemon", 30)

    def refusals(self):
        for arguments, words in (
                (("--mount", f"type=bind,src={self.folder}/nowhere,dst=/x"), "nowhere"),
                (("--mount", f"type=bind,src={self.folder}/rw,dst=x"), "absolute"),
                (("--mount", "type=bind,dst=/x"), "source="),
                (("--mount", "type=other,dst=/x"), "other"),
                (("-v", f"{self.folder}/rw:x"), "absolute")):
            refused = self.house.holm("create", *arguments, "busybox", "true")
            assert refused.returncode != 0 and words in refused.stderr and refused.stderr.count("\n") <= 3, refused
        assert not os.path.exists(f"{self.folder}/nowhere")

    def shown(self):
        mounts = self.house.json("inspect", "one")[0]["configuration"]["mounts"]
        assert {"type": "bind", "source": f"{self.folder}/ro", "destination": "/ro", "readOnly": True} in mounts, mounts

    def daemon_lost(self):
        """The container ends rather than hang, and starts again."""
        [daemon] = share_daemons(self.house.folder)
        self.house.kill(daemon)
        wait_until(lambda: self.house.status("one")["state"] == "exited", "the end of a container without its daemon", 30)
        self.house.do("start", "one")
        assert self.sh("cat /rw/moved", code=0).stdout == "guest\n"

    def ends(self):
        assert len(share_daemons(self.house.folder)) == 1, share_daemons(self.house.folder)
        shims = {shim: os.pidfd_open(shim) for shim in self.house.processes("holm-shim")}
        for shim in shims:
            self.house.kill(shim)
        for end in shims.values():  # what comes in its last moment is for the tests of kills
            select.select([end], [], [], 60)
            os.close(end)
        wait_until(lambda: not share_daemons(self.house.folder), "the end of the daemon of a killed shim", 30)
        self.house.holm("wait", "one")
        self.house.do("start", "one")
        assert self.sh("cat /rw/moved", code=0).stdout == "guest\n"
        self.house.do("stop", "-t", "0", "one")
        wait_until(lambda: not share_daemons(self.house.folder), "the end of the daemon of a stopped container", 30)


def main():
    need_virtiofsd()
    with house_of_user([ANY_GROUP]) as (house, owner, name):  # with a group more, as people have it: the daemon cannot give it up
        test = Binds(house, owner, name)
        run_steps(test.refusals, test.start, test.shown, test.both_ways, test.read_only, test.many_owners, test.owners, test.walls,
                  test.confined, test.restart, test.second_try, test.daemon_lost, test.ends)


main()
