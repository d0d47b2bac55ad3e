"""What the host changes in shared folders is an event in the container, and what the container changes is one only once."""
import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import need_busybox, need_virtiofsd, read, run_steps, wait_until  # noqa: E402
from user import house_of_user  # noqa: E402

SECONDS = 60  # until an event that does not come is missed


class Watcher:
    """watch_changes in the container: its lines, as they come."""

    def __init__(self, house, *paths, name="one"):
        self.process = subprocess.Popen([*house.program, "exec", name, "/tools/watch_changes", *paths], env=house.environment,
                                        cwd=house.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line.strip()) for line in self.process.stdout], daemon=True).start()
        assert self.next() == "ready"

    def next(self, after=()):
        try:
            return self.lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"an event is missing after {after}") from None

    def until(self, last):
        """All lines up to this one."""
        got = []
        while not got or got[-1] != last:
            # Who is slow may have made a file and not written it yet.
            got.append(re.sub(r"^(create .*) '.*'$", r"\1", self.next(got)))
            assert len(got) < 1000, got
        return got

    def end(self):
        self.process.kill()
        self.process.wait()


class Changes:
    def __init__(self, house, owner, tool):
        self.house, self.owner, self.count = house, owner, 0
        self.folder, self.tools = f"{house.folder}/s", f"{house.folder}/t"
        for path in (self.folder, self.tools, f"{self.folder}/deep"):
            self.mkdir(path)
        shutil.copy(tool, f"{self.tools}/watch_changes")

    # ---- on the host ----

    def own(self, path):
        os.chown(path, *self.owner)
        return path

    def mkdir(self, path):
        os.mkdir(path)
        self.own(path)

    def write(self, name, text, mode="w"):
        """Opened, written, and closed; a new file is the user's only then."""
        with open(f"{self.folder}/{name}", mode) as file:
            file.write(text)

    def replace(self, name, text):
        """As editors do."""
        self.write(f"{name}.new", text)
        os.rename(f"{self.folder}/{name}.new", f"{self.folder}/{name}")

    # ---- in the container ----

    def sh(self, script):
        return self.house.do("exec", "one", "sh", "-c", script)

    def seen(self, watcher, place="/s"):
        """All events until now: those of one more file, made by the host, come last."""
        self.count += 1
        self.write(f"end{self.count}", "end")
        return self.without_end(watcher.until(f"close {place}/end{self.count} 'end'"))

    def without_end(self, lines):
        return [line for line in lines if f"/end{self.count}" not in line]

    def expect(self, *lines, twice=()):
        """These events, in this order; at the other place of a folder that is shared twice those."""
        seen = self.seen(self.watcher)
        first, second = [[line for line, _ in itertools.groupby(line for line in seen if (" /deep/" in line) == other)]
                         for other in (False, True)]  # two writes are two events or one
        assert (first, second) == (list(lines), list(twice)), seen

    # ---- the steps ----

    def start(self):
        self.write("old", "first")
        self.write("single", "first")
        self.house.do("run", "-d", "--name", "one", "--network", "none", "-v", f"{self.tools}:/tools:ro", "-v", f"{self.folder}:/s",
                      "-v", f"{self.folder}/deep:/deep:ro", "--mount", f"type=bind,src={self.folder}/single,dst=/etc/single",
                      "busybox", "sleep", "100000")
        self.watcher = Watcher(self.house, "/s", "/s/deep", "/s/old", "/deep", "/etc/single")

    def confined(self):
        """It sees what is shared and nothing else, and can read only."""
        [watcher] = self.watchers()
        assert sorted(os.listdir(f"/proc/{watcher}/root/share")) == ["0", "1", "2", "3"]
        assert not os.path.exists(f"/proc/{watcher}/root{self.folder}")
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{watcher}/status").splitlines() if ":\t" in line)
        assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapPrm"], 16)) == ("1", "2", 1 << 2), status

    def kinds(self):
        """Each kind, with what is there at that moment."""
        self.write("new", "content")
        self.expect("create /s/new", "modify /s/new", "close /s/new 'content'")
        self.write("new", " and more", "a")
        self.expect("modify /s/new", "close /s/new 'content and more'")
        os.rename(f"{self.folder}/new", f"{self.folder}/deep/moved")
        self.expect("from /s/new none", "to /s/deep/moved 'content and more'", twice=["to /deep/moved 'content and more'"])
        os.chmod(f"{self.folder}/deep/moved", 0o600)
        self.expect("attrib /s/deep/moved", twice=["attrib /deep/moved"])
        os.unlink(f"{self.folder}/deep/moved")
        self.expect("delete /s/deep/moved none", twice=["delete /deep/moved none"])
        # Who watches the file itself hears of it there, too, and when it is another one.
        self.write("old", "second")
        lines = self.seen(self.watcher)
        assert lines.count("close /s/old 'second'") == 2 and len(set(lines)) == 2, lines
        self.replace("old", "third")
        lines = self.seen(self.watcher)
        assert "to /s/old 'third'" in lines and lines[-1] == "gone /s/old", lines
        self.write("single", "second")
        lines = self.seen(self.watcher)
        assert "close /etc/single 'second'" in lines and "close /s/single 'second'" in lines, lines

    def folders(self):
        """What is made in a new folder is told as soon as it can be watched; a renamed one is watched further."""
        self.mkdir(f"{self.folder}/tree")
        self.expect("create /s/tree folder", "attrib /s/tree")
        inner = Watcher(self.house, "/s/tree")
        self.write("tree/in", "text")
        assert inner.until("close /s/tree/in 'text'")[0] == "create /s/tree/in"
        os.rename(f"{self.folder}/tree", f"{self.folder}/other")
        self.expect("from /s/tree none", "to /s/other folder")
        assert inner.next() == "moved /s/tree"
        self.write("other/in", "again")
        assert inner.until("close /s/tree/in none")[0] == "modify /s/tree/in"  # by its old name
        inner.end()
        shutil.rmtree(f"{self.folder}/other")
        self.expect("delete /s/other none")

    def once(self):
        """The container's own changes come once, at once; the host's after them come."""
        self.sh("echo one >/s/own; echo two >>/s/own; mkdir /s/dir; echo x >/s/dir/x; mv /s/own /s/deep/own; chmod 600 /s/deep/own; "
                "ln /s/deep/own /s/link; rm /s/deep/own; rm /s/link; rm -r /s/dir; : >/s/last")
        lines = [re.sub(r" ('.*'|none|folder)$", "", line) for line in self.seen(self.watcher)]
        own = ["create /s/own", "modify /s/own", "close /s/own", "modify /s/own", "close /s/own", "create /s/dir", "from /s/own",
               "to /s/deep/own", "attrib /s/deep/own", "create /s/link", "delete /s/deep/own", "delete /s/link", "delete /s/dir",
               "create /s/last", "close /s/last"]
        there = [line for line in lines if " /deep/" not in line]
        assert [line for line in there if line != "attrib /s/deep/own"] == [line for line in own if line != "attrib /s/deep/own"], there
        self.write("last", "by the host")
        self.expect("modify /s/last", "close /s/last 'by the host'")

    def reused(self):
        """virtiofsd gives the id of a file that the container has removed to the next one, which can be the host's."""
        for _ in range(20):
            self.sh("for i in 1 2 3 4; do : >/s/gone$i; done; rm /s/gone*")
            lines = self.seen(self.watcher)
            assert len([line for line in lines if "/gone" in line]) == 12, lines

    def much(self):
        """As much as a build writes: nothing comes twice."""
        self.sh("cd /s; for i in $(seq 100); do echo $i >f$i; mv f$i deep/g$i; done; rm deep/g*")
        lines = [line for line in self.seen(self.watcher) if " /deep/" not in line]
        for number in range(1, 101):
            mine = [line.split()[0] for line in lines if re.search(rf"/[fg]{number}( |$)", line)]
            assert mine == ["create", "modify", "close", "from", "to", "delete"], (number, mine)

    def forgotten(self):
        """A file that is watched by itself, in a folder that nobody watches, after the guest's kernel has forgotten its name."""
        self.mkdir(f"{self.folder}/quiet")
        self.write("quiet/alone", "first")
        self.seen(self.watcher)
        alone = Watcher(self.house, "/s/quiet/alone")
        self.house.do("exec", "--privileged", "one", "sh", "-c", "mount -o remount,rw /proc/sys && echo 2 >/proc/sys/vm/drop_caches")
        self.write("quiet/alone", "second")
        assert "close /s/quiet/alone 'second'" in alone.until("close /s/quiet/alone 'second'")
        alone.end()

    def live(self):
        other = f"{self.house.folder}/live"
        self.mkdir(other)
        self.house.do("mount", "add", "one", f"{other}:/live")
        watcher = Watcher(self.house, "/live")
        with open(f"{other}/file", "w") as file:
            file.write("live")
        assert watcher.until("close /live/file 'live'")[0] == "create /live/file"
        watcher.end()
        self.house.do("mount", "rm", "one", "/live")
        self.write("deep/after", "x")
        self.watcher.until("close /deep/after 'x'")

    def latency(self):
        """Told, not judged: the machine may be busy."""
        took = []
        for number in range(40):
            begin = time.monotonic()
            self.write(f"deep/l{number}", "x")
            self.watcher.until(f"close /deep/l{number} 'x'")
            took.append(1000 * (time.monotonic() - begin))
        took.sort()
        print(f"from a write on the host to its line from the container: median {took[20]:.1f} ms, 95 % {took[38]:.1f} ms", flush=True)

    def ends(self):
        self.watcher.end()
        self.house.do("restart", "-t", "0", "one")
        self.watcher = Watcher(self.house, "/s")
        self.replace("old", "fourth")
        assert "to /s/old 'fourth'" in self.seen(self.watcher)
        self.watcher.end()
        self.house.do("stop", "-t", "0", "one")
        wait_until(lambda: not self.watchers(), "the end of the watcher of a stopped container", 30)

    def watchers(self):
        return [pid for pid in self.house.processes() if read(f"/proc/{pid}/comm").strip() == "holm-watch"]

    def limited(self):
        """Where the watches are used up the container says so, and it goes on with those it has: those of a user namespace can be few."""
        *prefix, holm = self.house.program
        few = 'echo 3 >/proc/sys/user/max_inotify_watches && exec "$@"'
        subprocess.run([*prefix, "unshare", "-r", "sh", "-c", few, "sh", holm, "start", "one"], env=self.house.environment,
                       cwd=self.house.directory, stdin=subprocess.DEVNULL, timeout=180, check=True)
        told = wait_until(lambda: self.house.status("one").get("error"), "a word about the limit")
        assert "fs.inotify.max_user_watches" in told, told
        self.house.do("stop", "-t", "0", "one")


def main():
    need_busybox()
    need_virtiofsd()
    with house_of_user() as (house, owner, _):
        test = Changes(house, owner, sys.argv[1])
        run_steps(test.start, test.confined, test.kinds, test.folders, test.once, test.reused, test.much, test.forgotten, test.live,
                  test.latency, test.ends, test.limited)


main()
