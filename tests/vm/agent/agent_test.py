"""The agent, driven in a real machine by a gRPC client that shares no code with it."""
import hashlib
import io
import socket
import subprocess
import tarfile
import threading
import time
import unittest

import grpc

import guest
from guest import Guest, pb

SPIN = "while :; do :; done"


def code_of(call, *arguments):
    """(gRPC code, holm's word for it) of a call that must fail."""
    try:
        call(*arguments)
    except grpc.RpcError as error:
        return error.code(), dict(error.trailing_metadata()).get("holm-error")
    return None, None


class Once(unittest.TestCase):
    """Tests that need a machine each."""

    def setUp(self):
        self.guest = Guest()

    def tearDown(self):
        self.guest.stop()

    def test_init_ends_with_its_code_and_takes_the_rest_along(self):
        self.guest.prepare()
        self.guest.start("init", ["sh", "-c", "sleep 1000 & echo $$; read line; exit 7"], stdin_open=True)
        self.guest.start("x", ["sleep", "1000"])
        out, _, end = self.guest.collect("init", [pb.AttachInput(stdin=b"go\n")])
        self.assertEqual((out, end.exit_code, end.signal), (b"1\n", 7, 0))
        self.assertEqual(self.guest.agent.WaitProcess(pb.ProcessRequest(name="x")).signal, 9)
        self.assertEqual(len(self.guest.agent.ListProcesses(pb.Empty()).processes), 0)

    def test_shutdown_leaves_clean_disks(self):
        self.guest.prepare()
        self.guest.start("init", ["sh", "-c", "trap 'echo bye > /kept; exit' TERM; echo up; while :; do sleep 0.1; done"])
        self.guest.start("x", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        self.assertEqual(next(self.guest.attach("init")).stdout, b"up\n")
        answer = self.guest.agent.Shutdown(pb.ShutdownRequest(grace_ms=3000))
        self.assertTrue(answer.clean, answer.problem)
        self.guest.stop()
        state = subprocess.run(["dumpe2fs", "-h", self.guest.writable], capture_output=True, text=True).stdout
        self.assertIn("clean", [line for line in state.splitlines() if line.startswith("Filesystem state")][0])
        self.assertNotIn("needs_recovery", state)
        kept = subprocess.run(["debugfs", "-R", "cat upper/kept", self.guest.writable], capture_output=True, text=True)
        self.assertEqual(kept.stdout, "bye\n")

    def test_shutdown_kills_those_who_do_not_listen(self):
        self.guest.prepare()
        self.guest.start("init", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        begin = time.monotonic()
        self.assertTrue(self.guest.agent.Shutdown(pb.ShutdownRequest(grace_ms=500)).clean)
        self.assertGreaterEqual(time.monotonic() - begin, 0.4)
        self.assertEqual(code_of(self.guest.start, "y", ["true"])[1], "state")

    def test_reaper_hands_signals_on_and_reaps_ten_thousand_orphans(self):
        self.guest.prepare()
        self.guest.start("init", ["sh", "-c", "trap 'exit 5' USR1; i=0; while [ $i -lt 1000 ]; do "
                                  "(true & true & true & true & true & true & true & true & true & true &); i=$((i+1)); done; "
                                  "echo done; while :; do sleep 0.2; done"], init=True)
        stream = self.guest.attach("init")
        self.assertEqual(next(stream).stdout, b"done\n")
        out, _, _ = self.guest.run("sleep 1; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l")
        self.assertEqual(out, "0\n")
        self.guest.agent.SignalProcess(pb.SignalProcessRequest(name="init", signal=10))
        self.assertEqual(self.guest.agent.WaitProcess(pb.ProcessRequest(name="init")).exit_code, 5)

    def test_memory_killer_is_named(self):
        self.guest.prepare(limits=pb.Limits(memory_bytes=48 << 20, process_count=100))
        self.guest.start("init", ["sleep", "1000"])
        events = self.guest.agent.Events(pb.Empty())
        self.assertEqual(next(events).WhichOneof("what"), "ready")
        self.guest.start("x", ["sh", "-c", "tail -c 100000000 /dev/zero"])
        end = self.guest.agent.WaitProcess(pb.ProcessRequest(name="x"))
        self.assertTrue(end.out_of_memory)
        self.assertNotEqual(end.exit_code, 0)
        seen = {next(events).WhichOneof("what") for _ in range(2)}
        self.assertEqual(seen, {"out_of_memory", "process_exit"})
        statistics = self.guest.agent.Statistics(pb.Empty())
        self.assertEqual(statistics.out_of_memory_kills, 1)
        self.assertEqual(statistics.memory_limit_bytes, 48 << 20)

    def test_read_only_root_and_mounts(self):
        self.guest.prepare(
            root=pb.RootFilesystem(read_only=True), hostname="isle",
            mounts=[pb.MountRequest(type="tmpfs", source="tmpfs", destination="/data/deep", create=True,
                                    options=["size=1m", "noexec", "nosuid"]),
                    pb.MountRequest(type="tmpfs", source="shm", destination="/dev/shm",
                                    options=["size=2m", "mode=1777"])],
            sysctls=[pb.KeyValue(key="kernel.shmmax", value="123456"),
                     pb.KeyValue(key="net.ipv4.ip_forward", value="1")],
            machine_id="0123456789abcdef0123456789abcdef")
        self.guest.start("init", ["sleep", "1000"])
        out, err, code = self.guest.run("touch /x")
        self.assertIn("Read-only", err)
        out, _, _ = self.guest.run("cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward /etc/machine-id; hostname; "
                                   "grep -e ' /data/deep ' /proc/mounts; df -k /dev/shm | tail -1; touch /data/deep/x && echo ok")
        lines = out.splitlines()
        self.assertEqual(lines[:4], ["123456", "1", "0123456789abcdef0123456789abcdef", "isle"])
        self.assertIn("nosuid", lines[4])
        self.assertIn("noexec", lines[4])
        self.assertEqual(lines[5].split()[1], "2048")
        self.assertEqual(lines[6], "ok")
        # a mount that comes while the container runs is seen inside
        self.guest.agent.Mount(pb.MountRequest(type="tmpfs", source="live", destination="/var", options=["ro"]))
        self.assertIn("live /var tmpfs ro", self.guest.run("cat /proc/mounts")[0])
        self.guest.agent.Unmount(pb.UnmountRequest(destination="/var"))
        self.assertNotIn("live", self.guest.run("cat /proc/mounts")[0])

    def test_nothing_compacts_ahead(self):
        """It would wake an idle machine twice a second."""
        self.guest.prepare()
        self.guest.start("init", ["sleep", "1000"])
        self.assertEqual(self.guest.run("cat /proc/sys/vm/compaction_proactiveness")[0], "0\n")

    def test_an_idle_container_gives_its_page_cache_back(self):
        """One that works keeps it."""
        def cache():
            return self.guest.agent.Statistics(pb.Empty()).memory_cache_bytes
        self.guest.prepare()
        self.guest.start("init", ["sleep", "1000"])
        self.guest.start("busy", ["sh", "-c", SPIN])
        _, err, code = self.guest.run("dd if=/dev/zero of=/big bs=1M count=48 && sync && cat /big >/dev/null")
        self.assertEqual(code, 0, err)
        full = cache()
        self.assertGreater(full, 48 << 20)
        time.sleep(21)  # four looks
        self.assertGreaterEqual(cache(), full)
        self.guest.agent.SignalProcess(pb.SignalProcessRequest(name="busy", signal=9))
        deadline = time.monotonic() + 120
        while (left := cache()) > 12 << 20:
            self.assertLess(time.monotonic(), deadline, f"{left} bytes of page cache are left")
            time.sleep(1)
        self.assertEqual(self.guest.run("wc -c </big")[0], f"{48 << 20}\n")

    def test_privileged(self):
        self.guest.prepare()
        self.guest.start("init", ["sleep", "1000"], privileged=True)
        out, err, code = self.guest.run("grep -e CapEff -e Seccomp: /proc/self/status; mkdir -p /mnt/x && "
                                        "mount -t tmpfs x /mnt/x && ls /dev/vda; echo 1 > /proc/sys/vm/drop_caches && echo ok",
                                        privileged=True)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.split(), ["CapEff:", "000001ffffffffff", "Seccomp:", "0", "/dev/vda", "ok"])

    def test_terminal_of_the_first_process(self):
        self.guest.prepare()
        self.guest.start("init", ["sh", "-c", "stty size; tty; test -t 0 && echo yes; ls -l /dev/console; read x; echo got $x"],
                         terminal=True, columns=132, rows=43, stdin_open=True)
        out, _, end = self.guest.collect("init", [pb.AttachInput(stdin=b"word\n")])
        text = out.decode().replace("\r", "")
        self.assertIn("43 132\n/dev/pts/0\nyes\n", text)
        self.assertIn("136,   0", text)
        self.assertTrue(text.endswith("got word\n"), text)
        self.assertEqual(end.exit_code, 0)


class Shared(unittest.TestCase):
    """Tests that share one machine, whose container only sleeps."""

    @classmethod
    def setUpClass(cls):
        cls.guest = Guest()
        cls.prepared = cls.guest.prepare(
            interfaces=[pb.Interface(name="net7", mac=guest.MAC, mtu=1400, up=True,
                                     addresses=["10.9.8.7/24", "fd00:9::7/64"])],
            routes=[pb.RouteRequest(gateway="10.9.8.1"), pb.RouteRequest(destination="10.50.0.0/16", gateway="10.9.8.2"),
                    pb.RouteRequest(gateway="fd00:9::1", interface="net7")],
            dns=pb.Dns(nameservers=["10.9.8.1"], searches=["holm"], options=["ndots:1"]),
            hosts=pb.Hosts(entries=[pb.HostEntry(address="10.9.8.7", names=["island", "isle"])]),
            environment=["BASE=1"])
        cls.guest.start("init", ["sleep", "100000"])

    @classmethod
    def tearDownClass(cls):
        cls.guest.stop()

    def run_in(self, command, **process):
        return self.guest.run(command, **process)

    def test_changes_are_those_of_a_share(self):
        report = self.guest.agent.ReportChanges
        self.assertEqual(code_of(report, pb.ReportChangesRequest(source="a/b"))[1], "invalid")
        self.assertEqual(code_of(report, pb.ReportChangesRequest(source="x", changes=[pb.Change()] * 1025))[1], "invalid")
        # The kernel can, and has no such share.
        self.assertNotIn(code_of(report, pb.ReportChangesRequest(source="nothing"))[1], (None, "unsupported"))

    def test_ping_and_steps(self):
        answer = self.guest.agent.Ping(pb.PingRequest(payload=b"\0x"))
        self.assertEqual(answer.payload, b"\0x")
        self.assertEqual([step.name for step in self.prepared.steps][:6],
                         ["entropy", "clock", "names", "rescan", "network", "root"])
        self.assertRegex(self.prepared.boot_id, "^[0-9a-f-]{36}$")

    def test_layers_and_clock(self):
        out, _, _ = self.run_in("cat /etc/layer; hostname; date +%Y")
        self.assertEqual(out, "second\nisland\n2027\n")

    def test_exit_codes(self):
        self.assertEqual(self.run_in("exit 7")[2], 7)
        self.assertEqual(self.run_in("kill -9 $$")[2], 128 + 9)
        create = self.guest.start
        self.assertEqual(code_of(create, "e", ["no-such-program"])[1], "program-not-found")
        self.assertEqual(code_of(create, "e", ["/bin/none"])[1], "program-not-found")
        self.assertEqual(code_of(create, "e", ["/bin/not-executable"])[1], "not-executable")
        self.assertEqual(code_of(create, "e", ["wrong-format"])[1], "not-executable")
        self.assertEqual(code_of(create, "e", ["/etc"])[1], "not-executable")
        self.assertEqual(code_of(create, "e", [])[1], "invalid")
        code, word = code_of(lambda: self.guest.start("e", ["true"], user="nobody-knows"))
        self.assertEqual((code, word), (grpc.StatusCode.NOT_FOUND, "not-found"))
        self.assertEqual(code_of(create, "init", ["true"])[1], "exists")

    def test_streams_are_apart(self):
        self.assertEqual(self.run_in("echo out; echo err >&2"), ("out\n", "err\n", 0))

    def test_users(self):
        self.assertEqual(self.run_in("id", user="alice")[0], "uid=1000(alice) gid=1000(alice) groups=29(audio),50(staff),1000(alice)\n")
        self.assertEqual(self.run_in("id", user="1000:50")[0], "uid=1000(alice) gid=50(staff) groups=50(staff)\n")
        self.assertEqual(self.run_in("id", user="4321")[0], "uid=4321 gid=0(root) groups=0(root)\n")
        self.assertEqual(self.run_in("id -G", user="alice:staff", additional_groups=["audio", "7777"])[0], "50 29 7777\n")
        self.assertEqual(self.run_in("echo $HOME; cd; pwd", user="alice")[0], "/home/alice\n/home/alice\n")
        # who is not root can still open its own streams by name
        self.assertEqual(self.run_in("echo hi > /dev/stdout; echo ho > /dev/stderr", user="alice"), ("hi\n", "ho\n", 0))

    def capabilities(self, **process):
        out, _, _ = self.run_in("grep -e CapEff -e CapBnd /proc/self/status", **process)
        return [int(line.split()[1], 16) for line in out.splitlines()]

    def test_capabilities(self):
        default = 0xa80425fb
        self.assertEqual(self.capabilities(), [default, default])
        self.assertEqual(self.capabilities(capabilities_add=["NET_ADMIN"]), [default | 1 << 12] * 2)
        self.assertEqual(self.capabilities(capabilities_drop=["ALL"]), [0, 0])
        self.assertEqual(self.capabilities(capabilities_drop=["all"], capabilities_add=["cap_chown"]), [1, 1])
        self.assertEqual(self.capabilities(capabilities_drop=["MKNOD"]), [default & ~(1 << 27)] * 2)
        self.assertEqual(self.capabilities(user="alice"), [0, default])
        self.assertEqual(code_of(lambda: self.guest.start("e", ["true"], capabilities_add=["FLYING"]))[1], "invalid")

    def test_seccomp_masks_and_new_privileges(self):
        out, err, _ = self.run_in("grep -e NoNewPrivs -e Seccomp: /proc/self/status; unshare -m true; mount -t tmpfs x /tmp",
                                  no_new_privileges=True)
        self.assertEqual(out.split(), ["NoNewPrivs:", "1", "Seccomp:", "2"])
        self.assertEqual(err.count("ermission denied") + err.count("not permitted"), 2, err)
        out, err, _ = self.run_in("wc -c < /proc/keys; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic; echo 1 > /sys/x")
        self.assertEqual(out.split(), ["0", "0"])
        self.assertEqual(err.count("Read-only"), 2, err)

    def test_disks_of_the_machine_are_out_of_reach(self):
        _, err, code = self.run_in("mknod /tmp/disk b 254 16 && cat /tmp/disk | head -c 1")
        self.assertIn("not permitted", err)

    def test_limits_of_a_process(self):
        out, _, _ = self.run_in("ulimit -n; ulimit -Hn; ulimit -c", rlimits=[
            pb.Rlimit(name="nofile", soft=123, hard=456), pb.Rlimit(name="RLIMIT_CORE", soft=0, hard=2**64 - 1)])
        self.assertEqual(out, "123\n456\n0\n")
        self.assertEqual(code_of(lambda: self.guest.start("e", ["true"], rlimits=[pb.Rlimit(name="luck")]))[1], "invalid")

    def test_folder_and_environment(self):
        self.assertEqual(self.run_in("pwd", directory="/made/for/this")[0], "/made/for/this\n")
        out, _, _ = self.run_in("echo $A $BASE $TERM; echo $PATH", environment=["A=x", "A=y"])
        self.assertEqual(out, "y 1\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n")
        self.guest.agent.Setenv(pb.SetenvRequest(environment=["LATER=z"]))
        self.assertEqual(self.guest.agent.Getenv(pb.GetenvRequest(name="LATER")).value, "z")
        self.assertEqual(self.run_in("echo $LATER")[0], "z\n")

    def test_signals_are_ordinary(self):
        self.assertEqual(self.guest.start("s", ["cat", "/proc/self/status"]) > 0, True)
        out, _, _ = self.guest.collect("s")
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="s"))
        fields = dict(line.split(":\t", 1) for line in out.decode().splitlines() if ":\t" in line)
        self.assertEqual((fields["SigIgn"], fields["SigBlk"]), ("0" * 16, "0" * 16))

    def test_no_descriptor_of_the_agent_is_left(self):
        out, _, _ = self.run_in("ls /proc/self/fd")
        self.assertLessEqual(len(out.split()), 4)  # 0, 1, 2 and the folder itself

    def test_terminal_session(self):
        self.guest.start("t", ["sh", "-c", "tty; stty size; read x; stty size; echo $x"], terminal=True, columns=80, rows=24)
        stop = threading.Event()

        def inputs():
            time.sleep(0.3)
            yield pb.AttachInput(resize=pb.WindowSize(columns=100, rows=30))
            yield pb.AttachInput(stdin="gr\u00fc\u00df\n".encode())
            stop.wait(10)
        out, _, end = self.guest.collect("t", inputs())
        stop.set()
        text = out.decode().replace("\r", "")
        self.assertRegex(text, r"^/dev/pts/\d+\n24 80\n")
        self.assertIn("30 100\ngr\u00fc\u00df\n", text)
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="t"))

    def test_input_to_its_end(self):
        block = bytes(range(256)) * 256
        total = 256

        def inputs():
            for _ in range(total):
                yield pb.AttachInput(stdin=block)
            yield pb.AttachInput(close_stdin=True)
        self.guest.start("d", ["sha256sum"], stdin_open=True)
        out, _, end = self.guest.collect("d", inputs())
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="d"))
        self.assertEqual(out.decode().split()[0], hashlib.sha256(block * total).hexdigest())
        self.assertEqual(end.exit_code, 0)

    def stands_still_at(self, path):
        """The number in a file that does not grow any more."""
        written = [-2, -1]
        while written[-1] != written[-2]:
            time.sleep(1)
            written.append(int(self.run_in(f"cat {path}")[0] or 0))
        return written[-1]

    def test_slow_reader_slows_the_writer(self):
        self.guest.start("w", ["sh", "-c", "i=0; while [ $i -lt 200 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > /tmp/w; done"])
        stream = self.guest.attach("w")
        first = next(stream)
        self.assertLess(self.stands_still_at("/tmp/w"), 150)
        received = len(first.stdout)
        for message in stream:
            received += len(message.stdout)
        self.assertEqual(received, 200 * 65536)
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="w"))

    def test_output_waits_for_whoever_comes(self):
        self.guest.start("l", ["sh", "-c", "echo early; exit 3"])
        self.guest.agent.WaitProcess(pb.ProcessRequest(name="l"))
        out, _, end = self.guest.collect("l")
        self.assertEqual((out, end.exit_code), (b"early\n", 3))
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="l"))

    def hand_over(self, first, out):
        """Another attachment comes, and what both were told is put together."""
        out2, _, end = self.guest.collect("h")
        with self.assertRaises(grpc.RpcError) as raised:
            for message in first:  # what had left, or begun to leave, before the other one came
                out += message.stdout
        self.assertEqual(raised.exception.code(), grpc.StatusCode.ABORTED)
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="h"))
        return (out + out2).decode()

    def test_attachments_hand_over_without_a_gap(self):
        # more than what can be on its way to one reader, so that it cannot have ended before the other one comes
        self.guest.start("h", ["sh", "-c", "read x; seq 10000 20000 > /tmp/b; i=0; "
                               "while [ $i -lt 200 ]; do cat /tmp/b; i=$((i+1)); done"], stdin_open=True)
        first = self.guest.attach("h", iter([pb.AttachInput(stdin=b"\n")]))
        out = b""
        while len(out) < 20000:
            out += next(first).stdout
        self.assertEqual(self.hand_over(first, out), 200 * "".join(f"{i}\n" for i in range(10000, 20001)))

    def test_a_reader_that_stands_still_is_taken_over_without_a_gap(self):
        self.guest.start("h", ["sh", "-c", "seq 10000 20000 > /tmp/b; i=0; "
                               "while [ $i -lt 200 ]; do cat /tmp/b; i=$((i+1)); echo $i > /tmp/h; done"])
        first = self.guest.attach("h")
        out = next(first).stdout
        self.assertLess(self.stands_still_at("/tmp/h"), 150)
        self.assertEqual(self.hand_over(first, out), 200 * "".join(f"{i}\n" for i in range(10000, 20001)))

    def test_create_then_start(self):
        self.guest.agent.CreateProcess(pb.CreateProcessRequest(name="c", process=pb.Process(arguments=["echo", "now"])))
        self.assertEqual(len([p for p in self.guest.agent.ListProcesses(pb.Empty()).processes if p.name == "c"]), 1)
        self.guest.agent.StartProcess(pb.ProcessRequest(name="c"))
        self.assertEqual(self.guest.collect("c")[0], b"now\n")
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="c"))
        self.guest.agent.CreateProcess(pb.CreateProcessRequest(name="c", process=pb.Process(arguments=["none"])))
        self.assertEqual(code_of(self.guest.agent.StartProcess, pb.ProcessRequest(name="c"))[1], "program-not-found")
        self.assertEqual(code_of(self.guest.agent.StartProcess, pb.ProcessRequest(name="c"))[1], "not-found")

    def test_network(self):
        out, _, _ = self.run_in("cat /sys/class/net/net7/mtu; ip -4 addr show net7; ip -6 addr show net7; ip route; ip -6 route; "
                                "cat /etc/resolv.conf /etc/hosts; ip addr show lo; ping -c 1 -W 1 127.0.0.1 >/dev/null && echo pong")
        for text in ("1400\n", "inet 10.9.8.7/24 brd 10.9.8.255", "fd00:9::7/64", "default via 10.9.8.1 dev net7",
                     "10.50.0.0/16 via 10.9.8.2", "default via fd00:9::1 dev net7",
                     "nameserver 10.9.8.1\nsearch holm\noptions ndots:1\n", "10.9.8.7 island isle\n", "pong"):
            self.assertIn(text, out)

    def test_errors_of_a_file_system_are_told(self):
        events = self.guest.agent.Events(pb.Empty())
        self.assertEqual(next(events).WhichOneof("what"), "ready")
        self.guest.agent.WriteFile(pb.WriteFileRequest(path="/sys/fs/ext4/vdb/trigger_fs_error", content=b"made up", outside=True))
        for event in events:
            if event.WhichOneof("what") == "filesystem_error":
                break
        self.assertEqual(event.filesystem_error.path, "/")
        events.cancel()

    def test_paths_stay_inside(self):
        agent = self.guest.agent
        self.run_in("ln -s / /tmp/up; ln -s ../../../../etc /tmp/etc")
        agent.WriteFile(pb.WriteFileRequest(path="/tmp/etc/../../../written", content=b"here", mode=0o600))
        self.assertEqual(self.run_in("cat /written; stat -c %a /written")[0], "here600\n")
        self.assertTrue(agent.Stat(pb.StatRequest(path="/tmp/up/etc/passwd")).found)
        link = agent.Stat(pb.StatRequest(path="/tmp/etc"))
        self.assertEqual((link.target, link.mode & 0o170000), ("../../../../etc", 0o120000))
        self.assertFalse(agent.Stat(pb.StatRequest(path="/run/holm/rootfs")).found)
        agent.Mkdir(pb.MkdirRequest(path="/a/b/c", mode=0o700, parents=True))
        self.assertEqual(code_of(agent.Mkdir, pb.MkdirRequest(path="/a/b/c"))[1], "exists")
        self.assertEqual(code_of(agent.Mkdir, pb.MkdirRequest(path="/q/b/c"))[1], "not-found")

    def test_folders_as_they_are(self):
        agent = self.guest.agent
        _, err, code = self.run_in(
            "mkdir -p /look/sub /look/shut; cd /look; printf 'text\n' > file; chmod 640 file; chown alice:staff file; "
            "touch -d '2020-01-02 03:04:05' file; ln -s sub in; ln -s ../../../.. out; ln -s nothing gone; mkfifo pipe; "
            "mknod null c 1 3; touch \"$(printf 'bad\\377name')\" \"$(printf 'esc\\033[2J')\" \"$(printf 'new\\nline')\" -- -rf; "
            "chmod 0 shut; ln -s /proc/1/root magic")
        self.assertEqual((code, err), (0, ""))
        answer = agent.ListFolder(pb.FolderRequest(path=b"/look"))
        entries = {entry.name: entry for entry in answer.entries}
        self.assertEqual(set(entries), {b"sub", b"shut", b"file", b"in", b"out", b"gone", b"pipe", b"null", b"bad\xffname",
                                        b"esc\x1b[2J", b"new\nline", b"-rf", b"magic"})
        self.assertEqual([entry.name for entry in answer.entries][:3], [b"shut", b"sub", b"-rf"])
        self.assertEqual((answer.left_out, answer.more), (0, False))
        file = entries[b"file"]
        self.assertEqual((file.mode, file.uid, file.gid, file.user, file.group, file.size, file.mtime_ns),
                         (0o100640, 1000, 50, "alice", "staff", 5, 1577934245 * 10**9))
        self.assertEqual((entries[b"in"].target, entries[b"in"].target_mode & 0o170000), (b"sub", 0o040000))
        self.assertEqual((entries[b"gone"].target, entries[b"gone"].target_mode), (b"nothing", 0))
        self.assertEqual(entries[b"magic"].target_mode, 0)
        # what climbs stays in the container's root, and no mode shuts the agent out
        for path in (b"/look/out", b"/look/../../..", b"", b"look/out/look/../"):
            names = {entry.name for entry in agent.ListFolder(pb.FolderRequest(path=path)).entries}
            self.assertIn(b"look", names)
            self.assertNotIn(b"init", names)
        self.assertEqual(len(agent.ListFolder(pb.FolderRequest(path=b"/look/shut")).entries), 0)
        for path, word in ((b"/look/file", "invalid"), (b"/look/none", "not-found"), (b"/look/gone", "not-found"),
                           (b"/look/a\0b", "invalid"), (b"/x" * 3000, "invalid")):
            self.assertEqual(code_of(agent.ListFolder, pb.FolderRequest(path=path))[1], word, path)
        self.run_in("rm -rf /look/sub")
        self.assertEqual(code_of(agent.ListFolder, pb.FolderRequest(path=b"/look/sub"))[1], "not-found")

    def test_long_folders_are_bounded(self):
        _, err, code = self.run_in("mkdir /long; cd /long; seq 10000 14999 | sed s,^,n, | xargs touch; mkdir zzz")
        self.assertEqual((code, err), (0, ""))
        begin = time.monotonic()
        answer = self.guest.agent.ListFolder(pb.FolderRequest(path=b"/long"))
        print(f"5001 entries: {time.monotonic() - begin:.2f} s")
        self.assertEqual((len(answer.entries), answer.left_out, answer.more), (4096, 905, False))
        self.assertEqual([entry.name for entry in answer.entries[:3]], [b"zzz", b"n10000", b"n10001"])
        self.run_in("rm -rf /long")

    def test_files_are_looked_into(self):
        agent = self.guest.agent
        self.run_in("mkdir /peek; cd /peek; printf 'a\\0b' > bin; head -c 300000 /dev/zero > big; mkfifo pipe; ln -s ../etc/layer up")
        file = agent.ReadFile(pb.FileRequest(path=b"/peek/up"))
        self.assertEqual((file.content, file.size), (b"second\n", 7))
        self.assertEqual(agent.ReadFile(pb.FileRequest(path=b"/peek/bin")).content, b"a\0b")
        big = agent.ReadFile(pb.FileRequest(path=b"/peek/big"))
        self.assertEqual((len(big.content), big.size), (256 << 10, 300000))
        for path, word in ((b"/peek", "invalid"), (b"/peek/pipe", "invalid"), (b"/peek/none", "not-found")):
            self.assertEqual(code_of(agent.ReadFile, pb.FileRequest(path=path))[1], word, path)

    def test_lists_and_statistics(self):
        self.guest.start("p", ["sleep", "777"], user="alice")
        processes = self.guest.agent.ListProcesses(pb.Empty()).processes
        sleeper = [p for p in processes if p.name == "p"][0]
        self.assertEqual((sleeper.command, sleeper.user, sleeper.uid, sleeper.state), ("sleep 777", "alice", 1000, "S"))
        self.assertEqual([p.pid for p in processes if p.name == "init"], [1])
        self.guest.agent.SignalProcess(pb.SignalProcessRequest(name="p", signal=15))
        self.assertEqual(self.guest.agent.WaitProcess(pb.ProcessRequest(name="p")).exit_code, 143)
        self.guest.agent.DeleteProcess(pb.ProcessRequest(name="p"))
        statistics = self.guest.agent.Statistics(pb.Empty())
        self.assertGreater(statistics.cpu_usage_ns, 0)
        self.assertGreater(statistics.memory_usage_bytes, 0)
        self.assertIn("net7", [i.name for i in statistics.interfaces])
        self.assertGreater(statistics.root_total_bytes, 200 << 20)

    def test_limits_while_running(self):
        self.guest.agent.SetLimits(pb.Limits(process_count=30, cpu_quota_us=50000))
        _, err, _ = self.run_in("for i in $(seq 40); do sleep 3 & done; wait")
        self.assertIn("fork", err)
        self.guest.agent.SetLimits(pb.Limits())
        self.assertEqual(self.guest.agent.Statistics(pb.Empty()).process_limit, 0)

    def copy_in(self, path, archive, **header):
        def messages():
            yield pb.CopyMessage(header=pb.CopyHeader(**{"in": True}, path=path, **header))
            for i in range(0, len(archive), 50000):
                yield pb.CopyMessage(data=archive[i:i + 50000])
        return [m.result for m in self.guest.agent.Copy(messages())][-1]

    def copy_out(self, path, **header):
        messages = list(self.guest.agent.Copy(iter([pb.CopyMessage(header=pb.CopyHeader(path=path, **header))])))
        self.assertEqual(messages[-1].WhichOneof("part"), "result")
        return tarfile.open(fileobj=io.BytesIO(b"".join(m.data for m in messages[:-1])))

    def archive(self, *entries):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, content, fields in entries:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                for key, value in fields.items():
                    setattr(info, key, value)
                tar.addfile(info, io.BytesIO(content))
        return out.getvalue()

    def test_copies_in_and_out(self):
        long_name = "n" * 120 + "/" + "m" * 120
        content = bytes(range(256)) * 4000
        entries = (("a", b"", {"type": tarfile.DIRTYPE, "mode": 0o750}), ("a/file", content, {"mode": 0o4755, "uid": 7, "gid": 8, "mtime": 1500000000.25}),
                   ("a/" + long_name, b"long", {"mode": 0o600}), ("a/link", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
                   ("a/hard", b"", {"type": tarfile.LNKTYPE, "linkname": "a/file"}), ("a/pipe", b"", {"type": tarfile.FIFOTYPE}))
        self.run_in("mkdir /in")
        result = self.copy_in("/in", self.archive(*entries), keep_owner=True)
        self.assertEqual((result.entries, result.bytes), (6, len(content) + 4))
        out, _, _ = self.run_in("stat -c '%a %u %g %Y %h' /in/a/file; sha256sum < /in/a/file; readlink /in/a/link; stat -c %F /in/a/pipe")
        self.assertEqual(out.splitlines(), ["4755 7 8 1500000000 2", hashlib.sha256(content).hexdigest() + "  -", "/etc/passwd", "fifo"])
        with self.copy_out("/in/a") as tar:
            got = {m.name: m for m in tar.getmembers()}
            self.assertEqual(set(got), {"a", "a/file", "a/link", "a/hard", "a/pipe", "a/" + long_name, "a/" + "n" * 120})
            self.assertEqual({got["a/file"].type, got["a/hard"].type}, {tarfile.REGTYPE, tarfile.LNKTYPE})
            self.assertEqual(tar.extractfile("a/hard").read(), content)
            self.assertEqual((got["a/file"].mtime, got["a"].mode, got["a/link"].linkname), (1500000000.25, 0o750, "/etc/passwd"))
        with self.copy_out("/in/a/link", follow=True) as tar:
            self.assertEqual(tar.extractfile("passwd").read().decode(), guest.PASSWD)
        self.assertEqual(code_of(lambda: self.copy_out("/in/none"))[1], "not-found")
        self.assertEqual(code_of(lambda: self.copy_in("/in/none", b""))[1], "not-found")

    def test_hostile_archives_land_nowhere_else(self):
        self.run_in("mkdir -p /trap /out; ln -s /out /trap/away")
        for name in ("../climbed", "x/../../climbed"):
            self.assertEqual(code_of(lambda: self.copy_in("/trap", self.archive((name, b"x", {}))))[1], "invalid")
        self.copy_in("/trap", self.archive(("/absolute", b"x", {}), ("away/file", b"x", {})))
        out, _, _ = self.run_in("ls /out /climbed; find /trap | sort")
        self.assertEqual(out, "/out:\nfile\n/trap\n/trap/absolute\n/trap/away\n")
        climbing = self.archive(("hard", b"", {"type": tarfile.LNKTYPE, "linkname": "../etc/passwd"}))
        self.assertEqual(code_of(lambda: self.copy_in("/trap", climbing))[1], "invalid")
        self.assertEqual(code_of(lambda: self.copy_in("/trap", b"no archive" * 100))[1], "integrity")

    def test_relays_both_ways(self):
        # the host dials port 2000 of the guest, which leads to a socket inside, which leads to the host's port 5000: an echo
        agent = self.guest.agent
        inner = agent.RelaySocket(pb.RelaySocketRequest(**{"in": True}, path="/made/echo.sock", port=5000, mode=0o666, uid=1000))
        outer = agent.RelaySocket(pb.RelaySocketRequest(path="/made/echo.sock", port=2000))
        self.assertEqual(self.run_in("stat -c '%F %a %u' /made/echo.sock")[0], "socket 666 1000\n")
        with socket.socket(socket.AF_UNIX) as dialled:
            dialled.settimeout(60)
            dialled.connect(f"{self.guest.folder}/vsock.sock")
            dialled.sendall(b"CONNECT 2000\n")
            self.assertTrue(dialled.recv(100).startswith(b"OK "))
            sent = bytes(range(256)) * 4096
            writer = threading.Thread(target=lambda: (dialled.sendall(sent), dialled.shutdown(socket.SHUT_WR)))
            writer.start()
            got = b""
            while len(got) < len(sent):
                part = dialled.recv(65536)
                if not part:
                    break
                got += part
            writer.join()
            self.assertEqual((len(got), hashlib.sha256(got).digest()), (len(sent), hashlib.sha256(sent).digest()))
        agent.StopRelay(pb.StopRelayRequest(id=inner.id))
        agent.StopRelay(pb.StopRelayRequest(id=outer.id))
        self.assertEqual(code_of(agent.StopRelay, pb.StopRelayRequest(id=outer.id))[1], "not-found")
        self.assertFalse(agent.Stat(pb.StatRequest(path="/made/echo.sock")).found)
        self.assertEqual(code_of(agent.RelaySocket, pb.RelaySocketRequest(path="/x", port=1024))[1], "invalid")

    def test_file_system_operations(self):
        usage = self.guest.agent.FilesystemOperation(pb.FilesystemOperationRequest(operation=4, path="/"))
        self.assertGreater(usage.bytes_free, 0)
        self.guest.agent.FilesystemOperation(pb.FilesystemOperationRequest(operation=0, path="/"))
        self.guest.agent.Sync(pb.Empty())


def tearDownModule():
    guest.clean_up()


if __name__ == "__main__":
    unittest.main()
