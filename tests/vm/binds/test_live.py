"""Folders, files and volumes that come to a running container and go again: at once, for the next start, and leaving nothing."""
import os
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import QEMU, need_busybox, need_virtiofsd, read, run_steps, share_daemons, wait_until  # noqa: E402
from user import house_of_user  # noqa: E402

ROUNDS = 25
MOST = 16


class Live:
    def __init__(self, house, owner):
        self.house, self.owner = house, owner
        self.folder = f"{house.folder}/s"
        self.make(self.folder)

    # ---- on the host ----

    def make(self, path, text=None):
        if text is None:
            os.mkdir(path)
        else:
            with open(path, "w") as file:
                file.write(text)
        os.chown(path, *self.owner)
        return path

    def held(self):
        """What is held for containers: descriptors, daemons also where they have ended, sockets, devices, mounts."""
        processes = self.house.processes("holm-shim", QEMU)
        parents = [read(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()[1:2] for pid in filter(str.isdigit, os.listdir("/proc"))
                   if read(f"/proc/{pid}/comm").strip() in ("virtiofsd", "holm-share")]
        return (sorted((name, len(os.listdir(f"/proc/{pid}/fd"))) for pid, name in processes.items()),
                sum(int(parent[0]) in processes for parent in parents if parent),
                sorted(f"{folder}/{name}" for folder, _, files in os.walk(f"{self.house.runtime}/c") for name in files),
                self.sh("ls /sys/bus/pci/devices /sys/block | grep -c .; grep -c virtiofs /proc/self/mountinfo"))

    def stays(self, held):
        """What was held before is held again: the machine closes things after it has answered."""
        wait_until(lambda: self.held() == held, f"what was held before, {held}, not {self.held()}", 20)

    # ---- in the container ----

    def sh(self, script, name="one", code=0):
        return self.house.holm("exec", name, "sh", "-c", script, code=code).stdout.strip()

    def end_sleepers(self, seconds):
        self.sh(f"for p in /proc/[0-9]*; do grep -qs '[s]leep.{seconds}' $p/cmdline && kill ${{p#/proc/}}; done; :")

    def add(self, *arguments, name="one"):
        return self.house.do("mount", "add", name, *arguments)

    def rm(self, *arguments, name="one"):
        return self.house.do("mount", "rm", name, *arguments)

    def refused(self, words, *arguments):
        done = self.house.holm("mount", *arguments)
        assert done.returncode != 0 and words in done.stderr and done.stderr.count("\n") <= 3, (words, done)

    def places(self, name="one"):
        return [row["destination"] for row in self.house.json("mount", name)]

    def mounted(self, place, name="one"):
        return place in self.sh("cut -d' ' -f5 /proc/self/mountinfo", name).split()

    # ---- the steps ----

    def start(self):
        for name in ("given", "rw", "ro"):
            self.make(f"{self.folder}/{name}")
            self.make(f"{self.folder}/{name}/from-host", name)
        self.make(f"{self.folder}/single", "first")
        self.house.do("run", "-d", "--name", "one", "--network", "none", "-v", f"{self.folder}/given:/given",
                      "--mount", "type=tmpfs,target=/fast", "-v", "kept:/kept", "busybox", "sleep", "100000")
        assert self.sh("cat /given/from-host; echo kept >/kept/file") == "given"

    def both_ways(self):
        self.add(f"{self.folder}/rw:/live/rw")
        assert self.sh("cat /live/rw/from-host; mkdir /live/rw/d; echo guest >/live/rw/d/file; mv /live/rw/d/file /live/rw/moved") == "rw"
        assert read(f"{self.folder}/rw/moved") == "guest\n"
        self.make(f"{self.folder}/rw/later", "later")
        assert self.sh("cat /live/rw/later") == "later"
        status = os.stat(f"{self.folder}/rw/moved")
        assert (status.st_uid, status.st_gid) == self.owner, status
        self.add("--mount", f"type=bind,src={self.folder}/single,dst=/etc/single")
        assert self.sh("cat /etc/single; echo second >/etc/single") == "first"
        assert read(f"{self.folder}/single") == "second\n"
        self.add(f"{self.folder}/made/new:/made")
        assert os.path.isdir(f"{self.folder}/made/new")
        self.add("--mount", "type=tmpfs,target=/scratch,tmpfs-size=1m")
        assert "size=1024k" in self.sh("grep ' /scratch ' /proc/mounts")
        assert self.places() == ["/given", "/kept", "/live/rw", "/etc/single", "/made", "/fast", "/scratch"]
        assert len(share_daemons(self.house.folder)) == 4  # one at the start, one more for each
        table = self.house.do("mount", "one").splitlines()
        assert table[0].split() == ["PLACE", "TYPE", "SOURCE", "ACCESS"] and len(table) == 8, table

    def read_only(self):
        self.add(f"{self.folder}/ro:/ro:ro")
        assert self.sh("cat /ro/from-host") == "ro"
        assert "Read-only" in self.house.holm("exec", "one", "sh", "-c", "echo no >/ro/file").stderr
        # Not by the guest's word alone: who mounts what the machine has is refused by the host.
        forced = self.house.holm("exec", "--privileged", "one", "sh", "-c",
                                 "mkdir -p /m; for tag in mount0 mount1 mount2 mount3; do mount -t virtiofs $tag /m && "
                                 "{ grep -q ro /m/0/from-host && echo no >/m/0/file; umount /m; }; done 2>&1")
        assert "Read-only" in forced.stdout, forced
        assert not os.path.exists(f"{self.folder}/ro/file")
        self.rm("/ro")
        assert not self.mounted("/ro")

    def walls(self):
        """holm's own folders are empty, and the daemon sees its one share and no more."""
        before = share_daemons(self.house.folder)
        self.add(f"{self.house.folder}:/all")
        for name in ("d/holm", "c/holm", "r/holm"):
            assert self.sh(f"ls -A /all/{name}") == "", name
        [daemon] = set(share_daemons(self.house.folder)) - set(before)
        assert os.listdir(f"/proc/{daemon}/root") == ["0"]
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{daemon}/status").splitlines() if ":\t" in line)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
        assert int(status["CapEff"], 16) & ~0x880000db == 0, status["CapEff"]
        self.rm("/all")
        assert share_daemons(self.house.folder) == before

    def refusals(self):
        held, places = self.held(), self.places()
        self.house.do("volume", "create", "other")
        self.house.do("run", "-d", "--name", "two", "--network", "none", "-v", "other:/other", "busybox", "sleep", "100000")
        for words, *arguments in (
                ("nowhere", "--mount", f"type=bind,src={self.folder}/nowhere,dst=/x"),
                ("absolute", f"{self.folder}/rw:x"),
                ("holm's own", f"{self.house.data}/images:/own"),
                ("is mounted at /live/rw of one already", f"{self.folder}/ro:/live//rw/"),
                ("would cover the one at /live/rw", f"{self.folder}/ro:/live"),
                ("would cover it at the next start", f"{self.folder}/ro:/fast/in"),
                ("while the container one runs", f"{self.folder}/ro:/dev/in"),
                ("whole root", f"{self.folder}/ro:/"),
                ("no . and ..", f"{self.folder}/ro:/a/../b"),
                ("Not a directory", f"{self.folder}/ro:/etc/passwd"),
                ("needs a name", "/anonymous"),
                ("in use by two", "other:/x")):
            self.refused(words, "add", "one", *arguments)
        self.refused("nothing is mounted at /nowhere of one", "rm", "one", "/nowhere")
        self.house.do("rm", "-f", "two")
        assert self.places() == places
        self.stays(held)

    def within(self):
        """One in another: from the outside in, and back."""
        self.add(f"{self.folder}/ro:/live/rw/in:ro")
        assert self.sh("cat /live/rw/in/from-host") == "ro"
        self.refused("/live/rw/in is mounted in /live/rw", "rm", "one", "/live/rw")
        self.rm("/live/rw/in")
        assert self.sh("ls -A /live/rw/in") == ""

    def in_use(self):
        self.house.do("exec", "-d", "one", "sh", "-c", "cd /live/rw; exec sleep 5000")
        wait_until(lambda: self.sh("ls -l /proc/[0-9]*/cwd 2>&1 | grep -c '/live/rw$' || :") == "1", "its folder")
        self.refused("/live/rw is in use by sleep (", "rm", "one", "/live/rw")
        assert self.sh("cat /live/rw/from-host") == "rw" and "/live/rw" in self.places()
        self.house.do("exec", "-d", "one", "sh", "-c", "exec sleep 5000 <>/made/open")
        wait_until(lambda: os.path.exists(f"{self.folder}/made/new/open"), "its file")
        self.refused("/made is in use by sleep (", "rm", "one", "/made")
        self.rm("-f", "/live/rw")
        self.rm("-f", "/made")
        assert not self.mounted("/live/rw") and "/made" not in self.places()
        assert len(share_daemons(self.house.folder)) == 2
        self.end_sleepers(5000)

    def volumes(self):
        self.add("data:/srv")  # and makes it
        self.sh("echo one >/srv/file; sync; grep -q ' /srv ext4 ' /proc/mounts")
        assert self.house.holm("volume", "rm", "data").returncode != 0
        self.house.do("exec", "-d", "one", "sh", "-c", "exec sleep 6000 </srv/file")
        wait_until(lambda: self.sh("ls -l /proc/[0-9]*/fd 2>&1 | grep -c '/srv/file$' || :") == "1", "its file")
        self.refused("/srv is in use by sleep (", "rm", "one", "/srv")
        self.end_sleepers(6000)
        self.rm("/srv")
        self.house.do("run", "-d", "--name", "two", "--network", "none", "-v", "data:/data:ro", "busybox", "sleep", "100000")
        assert self.sh("cat /data/file", "two") == "one"
        self.add("data:/srv:ro")  # several can have it read-only
        assert self.sh("cat /srv/file") == "one"
        self.refused("use", "add", "two", "data:/more")
        self.rm("/srv")
        self.house.do("rm", "-f", "two")
        self.add("data:/srv")
        assert self.sh("cat /srv/file; echo two >>/srv/file") == "one"
        self.rm("/srv")
        # What it was started with goes, too.
        self.rm("/kept")
        self.house.do("run", "--rm", "--network", "none", "-v", "kept:/kept", "busybox", "grep", "kept", "/kept/file")
        self.rm("/given")
        assert self.places() == ["/etc/single", "/fast", "/scratch"], self.places()
        assert not self.mounted("/given") and not self.mounted("/kept")
        self.rm("/scratch")
        self.rm("/fast")
        self.add(f"{self.folder}/given:/given")

    def many_times(self):
        """Nothing is left of it, however often."""
        def both():
            self.add(f"{self.folder}/rw:/again")
            assert self.sh("cat /again/from-host") == "rw"
            self.add("data:/disk")
            assert self.sh("cat /disk/file") == "one\ntwo"
            self.rm("/again")
            self.rm("/disk")
        both()
        held = self.held()
        for _ in range(ROUNDS):
            both()
        self.stays(held)

    def bounded(self):
        places = self.places()
        for number in range(MOST - len(places)):
            self.add(f"{self.folder}/rw:/n/{number}")
        self.refused("16 mounts", "add", "one", f"{self.folder}/rw:/n/more")
        assert self.sh("cat /n/*/from-host") == "rw" * (MOST - len(places))
        for number in range(MOST - len(places)):
            self.rm(f"/n/{number}")
        assert self.places() == places

    def kept(self):
        """The next start has what was added; what changes at rest is there with it."""
        self.add(f"{self.folder}/rw:/live/rw")
        self.add("data:/srv")
        self.house.do("restart", "-t", "0", "one")
        assert self.sh("cat /live/rw/from-host /srv/file /etc/single") == "rwone\ntwo\nsecond"
        assert len(share_daemons(self.house.folder)) == 1
        self.rm("/srv")
        self.house.do("stop", "-t", "0", "one")
        self.rm("/live/rw")
        self.add(f"{self.folder}/ro:/dev/there:ro")
        self.refused("already", "add", "one", f"{self.folder}/ro:/dev/there")
        assert self.places() == ["/etc/single", "/given", "/dev/there"], self.places()
        self.house.do("start", "one")
        assert self.sh("cat /dev/there/from-host; ls /live/rw /srv") == "ro/live/rw:\n\n/srv:"
        self.refused("while the container one runs", "rm", "one", "/dev/there")
        self.house.do("stop", "-t", "0", "one")
        self.rm("/dev/there")
        self.house.do("start", "one")

    def root_read_only(self):
        self.house.do("run", "-d", "--name", "sealed", "--read-only", "--network", "none", "busybox", "sleep", "100000")
        self.add(f"{self.folder}/rw:/new/place", name="sealed")
        assert self.sh("cat /new/place/from-host; touch /new/place/touched; touch /no 2>&1 | grep -o Read-only", "sealed") == "rwRead-only"
        self.rm("/new/place", name="sealed")
        self.house.do("rm", "-f", "sealed")

    def daemon_lost(self):
        """The container ends rather than hang, and starts again with all it has."""
        before = share_daemons(self.house.folder)
        self.add(f"{self.folder}/rw:/live/rw")
        [daemon] = set(share_daemons(self.house.folder)) - set(before)
        self.house.kill(daemon)
        wait_until(lambda: self.house.status("one")["state"] == "exited", "the end of a container without its daemon", 30)
        wait_until(lambda: not share_daemons(self.house.folder), "the end of its other daemons", 30)
        self.house.do("start", "one")
        assert self.sh("cat /live/rw/from-host") == "rw"
        self.rm("/live/rw")

    def faults(self):
        """The shim is killed at a step: the command has done what it was asked for, and the next start knows."""
        self.house.do("stop", "-t", "0", "one")
        names = [name for name in read(f"{os.environ['HOLM_SOURCE']}/tests/vm/faults.list").split()
                 if name.startswith(("mount.", "unmount."))]
        assert len(names) == 5, names
        for what, place in ((f"{self.folder}/rw", "/live/rw"), ("data", "/srv")):
            for name in names:
                adds = name.startswith("mount.")
                before = self.places()
                if not adds:
                    self.add(f"{what}:{place}")
                self.house.environment["HOLM_FAULT"] = name  # for the shim; no step of the commands is called so
                self.house.do("start", "one")
                del self.house.environment["HOLM_FAULT"]
                if adds:
                    self.add(f"{what}:{place}")
                else:
                    self.rm(place)
                wait_until(lambda: not share_daemons(self.house.folder), "the end of its daemons", 30)
                assert self.places() == before + [place] * adds, (name, self.places())
                self.house.do("start", "one")
                assert self.mounted(place) == adds, name
                self.house.do("stop", "-t", "0", "one")
                if adds:
                    self.rm(place)
        self.house.do("start", "one")

    def told(self):
        events = self.house.do("events", "--since", "60m", "--until", "0s", "--format", "json")
        assert '"action":"mount"' in events.replace(" ", "") and '"destination":"/live/rw"' in events.replace(" ", ""), events
        assert '"action":"unmount"' in events.replace(" ", "")

    def ends(self):
        self.add(f"{self.folder}/rw:/live/rw")
        self.add("data:/srv")
        self.house.kill(self.house.shim())
        wait_until(lambda: not share_daemons(self.house.folder), "the end of the daemons of a killed shim", 30)
        self.house.holm("wait", "one")
        self.house.do("start", "one")
        assert self.sh("cat /live/rw/from-host /srv/file") == "rwone\ntwo"
        self.house.do("stop", "-t", "0", "one")
        wait_until(lambda: not share_daemons(self.house.folder), "the end of the daemon of a stopped container", 30)


def main():
    need_busybox()
    need_virtiofsd()
    with house_of_user() as (house, owner, _):
        test = Live(house, owner)
        run_steps(test.start, test.both_ways, test.read_only, test.walls, test.refusals, test.within, test.in_use, test.volumes,
                  test.many_times, test.bounded, test.kept, test.root_read_only, test.daemon_lost, test.faults, test.told, test.ends)


main()
