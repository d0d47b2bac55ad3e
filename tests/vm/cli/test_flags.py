"""Flags as users of other tools write them, and signals to what runs in the foreground."""
import signal
import subprocess
import unittest

from house import House, wait_until


def setUpModule():
    global house
    house = House()


def tearDownModule():
    house.__exit__(None)


class Usage(unittest.TestCase):
    def test_help(self):
        """All commands, those about one noun, and one of them, by what it is called; no line is wider than a terminal."""
        whole = house.do("--help")
        self.assertEqual(whole, house.do("help"))
        self.assertLess(max(map(len, whole.splitlines())), 80)
        volumes = house.do("help", "volume")
        self.assertEqual(volumes, house.do("volume", "--help"))
        self.assertEqual(volumes, house.holm("volume", code=125).stderr.strip())
        self.assertIn("volume resize", volumes)
        self.assertNotIn("network", volumes)
        for words in (("volume", "ls"), ("ls",), ("port",), ("port", "add"), ("network", "disconnect")):
            said = house.do("help", *words)
            self.assertTrue(said.startswith(f"Usage: holm {' '.join(words)} "), said)
            self.assertEqual(said, house.do(*words, "--help"))
        self.assertTrue(house.do("container", "ls", "--help").startswith("Usage: holm ls "))
        # What is behind a command that takes a program is not part of it: nothing is run.
        self.assertEqual(house.do("help", "run", "busybox"), house.do("run", "--help"))
        self.assertEqual(house.do("help", "container", "exec"), house.do("exec", "--help"))
        self.assertEqual(house.do("help", "--help"), whole)

    def test_what_is_not_there(self):
        for words, said in ((("--bogus",), 'no option "--bogus"'), (("bogus",), 'no command "bogus"'),
                            (("help", "bogus"), 'no command "bogus"'), (("volume", "bogus"), 'no command "volume bogus"'),
                            (("volume", "ls", "--bogus"), "holm volume ls: unrecognized option")):
            self.assertIn(said, house.holm(*words, code=125).stderr)

    def test_closed_streams(self):
        """Nothing else gets the number of a standard stream that is closed."""
        for stream, code, said in (("<&-", 0, ""), (">&-", 125, "standard output: Bad file descriptor"), ("2>&-", 0, "")):
            done = subprocess.run(["sh", "-c", f'"$0" info {stream}', *house.program], env=house.environment, text=True,
                                  capture_output=True)
            self.assertEqual((done.returncode, said in done.stderr), (code, True), (stream, done))


class Run(unittest.TestCase):
    def test_forms(self):
        """Short flags together, = and blanks, what is the program's; no container is started for these."""
        for words in (["-it", "-eA=1", "--env=B=2", "-w/x", "--name=forms", "-l", "k=v", "-m512m", "-c2"],):
            made = house.do("create", *words, "busybox", "ls", "-l", "--name", "x")
            document = house.json("inspect", made)[0]["configuration"]
            self.assertEqual(document["name"], "forms")
            process = document["process"]
            self.assertEqual(process["command"] if "command" in process else process["arguments"], ["ls", "-l", "--name", "x"])
            self.assertTrue(process["terminal"] and process["stdinOpen"])
            self.assertEqual(document["resources"]["memoryBytes"], 512 << 20)
            house.do("rm", made)
        made = house.do("create", "--stop-timeout", "0", "busybox")
        self.assertEqual(house.json("inspect", made)[0]["configuration"]["stopTimeoutMs"], 0)
        house.do("rm", made)


    def sh(self, line, *flags, code=0):
        """What a shell line prints in a container with these flags, as lines."""
        done = house.holm("run", "--rm", *flags, "busybox", "sh", "-c", line, code=code)
        return done.stdout.splitlines()

    def test_surroundings(self):
        """Environment, folder and names; a folder that is missing is made."""
        with open(f"{house.folder}/env", "w") as file:
            file.write("# comment\nFROM_FILE=a b\nHERE\n\nOVER=file\n")
        flags = ["--env-file", f"{house.folder}/env", "-e", "OVER=flag", "-e", "EMPTY=", "-w", "/new/folder", "-h", "isle"]
        line = 'echo "$FROM_FILE|$OVER|${EMPTY-unset}|${HERE-unset}"; pwd; hostname; grep -c isle /etc/hosts'
        self.assertEqual(self.sh(line, *flags), ["a b|flag||unset", "/new/folder", "isle", "2"])  # an address of each family
        done = house.holm("run", "--rm", "--entrypoint", "/bin/echo", "busybox", "one", "two", code=0)
        self.assertEqual(done.stdout, "one two\n")

    def test_inspect_as_a_table(self):
        made = house.do("create", "--name", "shown", "-l", "k=a\tb", "-c1.5", "busybox", "ls", "-l")
        self.addCleanup(house.do, "rm", "shown")
        for words in (["inspect", "-q", "shown"], ["stats", "-q", "--no-stream"], ["version", "-q"]):
            self.assertIn("'q'", house.holm(*words, code=125).stderr) # only lists of what has ids take it
        rows = dict((line.split(None, 1) + [""])[:2] for line in house.do("inspect", "--format", "table", "shown").splitlines())
        self.assertEqual(rows["id"], made)
        self.assertEqual(rows["configuration.resources.cpus"], "1.5")
        self.assertEqual(rows["configuration.labels.k"], "a\\tb")
        self.assertEqual(rows["configuration.process.arguments.1"], "-l")
        self.assertEqual(rows["status.state"], "created")

    def test_users(self):
        line = "id -u; id -g; id -G"
        self.assertEqual(self.sh(line, "-u", "7:8", "--group-add", "9"), ["7", "8", "8 9"])
        self.assertEqual(self.sh(line, "--uid", "12", "--gid", "13"), ["12", "13", "13"])
        self.assertEqual(self.sh("id -un", "-u", "root"), ["root"])
        done = house.holm("run", "--rm", "-u", "stranger", "busybox", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("stranger", done.stderr)

    def test_resources(self):
        line = ("cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; ulimit -n; ulimit -Hn;"
                " df -m /dev/shm | awk 'NR == 2 { print $2 }'; cat /proc/sys/net/core/somaxconn; nproc")
        flags = ["--cpus", "1.5", "--memory", "300m", "--pids-limit", "50", "--ulimit", "nofile=500:600", "--shm-size", "20m",
                 "--sysctl", "net.core.somaxconn=77"]
        cpu, memory, pids, soft, hard, shm, backlog, count = self.sh(line, *flags)
        quota, period = map(int, cpu.split())
        self.assertAlmostEqual(quota / period, 1.5)
        self.assertEqual((int(memory), pids, soft, hard, shm, backlog, count), (300 << 20, "50", "500", "600", "20", "77", "2"))

    def test_file_systems(self):
        line = ("touch /x 2>/dev/null || echo refused; touch /scratch/x && echo written; touch /dev/shm/x && echo shared;"
                " df -k /scratch | awk 'NR == 2 { print $2 }'; stat -c %a /scratch")
        shown = self.sh(line, "--read-only", "--tmpfs", "/scratch:size=1m,mode=700")
        self.assertEqual(shown, ["refused", "written", "shared", "1024", "700"])

    def test_rights(self):
        effective = "awk '/^CapEff/ { print $2 } /^NoNewPrivs/ { print $2 }' /proc/self/status"
        usual, free = self.sh(effective)
        self.assertEqual((int(usual, 16), free), (0xA80425FB, "0"))  # Docker's fourteen
        self.assertEqual(self.sh(effective, "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"), [f"{1 << 12:016x}", "0"])
        self.assertEqual(self.sh(effective, "--cap-drop", "cap_chown", "--no-new-privileges"), [f"{0xA80425FA:016x}", "1"])
        self.assertEqual(self.sh("mount -t tmpfs none /tmp 2>/dev/null || echo refused"), ["refused"])
        self.assertEqual(self.sh("mount -t tmpfs none /tmp && echo mounted; echo 1 >/proc/sys/vm/swappiness && echo set",
                                 "--privileged"), ["mounted", "set"])

    def test_init(self):
        self.assertEqual(self.sh("echo $$"), ["1"])
        self.assertNotEqual(self.sh("echo $$; true", "--init"), ["1"])

    def test_ids_and_labels(self):
        path = f"{house.folder}/cid"
        made = house.do("create", "--cidfile", path, "-l", "tier=web", "-l", "bare", "--stop-signal", "USR1", "busybox")
        with open(path) as file:
            self.assertEqual(file.read().strip(), made)
        self.assertEqual(house.holm("create", "--cidfile", path, "busybox").returncode, 125)
        self.assertEqual(house.json("inspect", made)[0]["configuration"]["labels"]["tier"], "web")
        for found, *filters in (([made], "label=tier"), ([made], "label=tier=web"), ([], "label=tier=db"), ([made], "label=bare"),
                                ([], "label=bare", "status=running"), ([made], "label=bare", "status=created")):
            words = [word for one in filters for word in ("--filter", one)]
            self.assertEqual(house.do("ls", "-aq", "--no-trunc", *words).split(), found, filters)
        house.do("rm", made)


class Removal(unittest.TestCase):
    def test_with_its_end(self):
        """--rm: stop, kill and wait answer for what they have ended; a restart is no end."""
        for end in (("stop", "-t", "1"), ("kill",)):
            house.do("run", "-d", "--rm", "--name", end[0], "busybox", "sleep", "1000")
            self.assertEqual(house.do(*end, end[0]), end[0])
            wait_until(lambda: end[0] not in house.containers(), "its removal")
        house.do("run", "-d", "--rm", "--name", "brief", "busybox", "sleep", "1000")
        self.assertEqual(house.do("restart", "-t", "1", "brief"), "brief")
        self.assertEqual(house.status("brief")["state"], "running")
        waiting = house.start("wait", "brief")
        house.do("stop", "-t", "1", "brief")
        self.assertEqual(waiting.communicate(timeout=60)[0], b"137\n")
        self.assertNotIn("brief", house.containers())


class Exec(unittest.TestCase):
    def test_flags(self):
        house.do("run", "-d", "--name", "host", "-e", "A=own", "busybox", "sleep", "1000")
        self.assertEqual(house.do("exec", "-e", "B=2", "-w", "/etc", "-u", "3:4", "host", "sh", "-c", 'echo $A$B; pwd; id -u; id -g'),
                         "own2\n/etc\n3\n4")
        self.assertEqual(house.holm("exec", "-i", "host", "cat", input="in\n", code=0).stdout, "in\n")
        self.assertEqual(house.do("exec", "-t", "host", "sh", "-c", "test -t 0 && echo terminal"), "terminal")
        self.assertEqual(house.do("exec", "--privileged", "host", "sh", "-c", "mount -t tmpfs none /tmp && echo mounted"), "mounted")
        house.do("exec", "-d", "host", "sh", "-c", "mkfifo /tmp/f; echo late >/tmp/f")
        self.assertEqual(house.do("exec", "host", "sh", "-c", "until [ -p /tmp/f ]; do :; done; cat /tmp/f"), "late")
        for code, *command in ((7, "sh", "-c", "exit 7"), (126, "/etc"), (127, "/no/such/program"), (143, "sh", "-c", "kill $$")):
            self.assertEqual(house.holm("exec", "host", *command).returncode, code, command)
        house.do("rm", "-f", "host")


class Foreground(unittest.TestCase):
    def test_signals_go_through(self):
        process = house.start("run", "--rm", "--name", "fore", "busybox", "sh", "-c",
                              "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo up; while :; do sleep 1 & wait; done")
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.stdout.readline(), b"usr1\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60), (b"term\n", b""))
        self.assertEqual(process.returncode, 3)
        self.assertNotIn("fore", house.containers())


if __name__ == "__main__":
    unittest.main(verbosity=2)
