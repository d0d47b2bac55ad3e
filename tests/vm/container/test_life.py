"""The life of a container in a real machine: streams, sessions, stops, losses."""
import hashlib
import os
import queue
import select
import signal
import subprocess
import threading
import unittest

import grpc

from world import (Container, DATA, ENVIRONMENT, LAB, RUNTIME, create, lab, pb, processes_of, rows, shim_of, status, wait_until)

MEBIBYTE = 1 << 20
BYTES = int(os.environ.get("HOLM_TEST_BYTES", 16 * MEBIBYTE))


def attach(container, *inputs, timeout=180):
    """Runs init with these inputs: (exit code, standard output, standard error)."""
    process = subprocess.run([LAB, "attach", "-i", container], env=ENVIRONMENT, input=b"".join(inputs),
                             capture_output=True, timeout=timeout)
    return process.returncode, process.stdout, process.stderr


class Streams(unittest.TestCase):
    def test_exit_code_and_streams_apart(self):
        container = create("sh", "-c", "echo out; echo err >&2; exit 7")
        process = subprocess.run([LAB, "attach", container], env=ENVIRONMENT, capture_output=True, timeout=120)
        self.assertEqual((process.returncode, process.stdout, process.stderr), (7, b"out\n", b"err\n"))
        self.assertEqual(status(container)["state"], "exited")
        self.assertEqual(status(container)["exitCode"], 7)
        self.assertEqual(status(container)["reason"], "exited")
        self.assertFalse(os.path.exists(f"{RUNTIME}/c/{container[:12]}"))
        lab("remove", container)

    def test_input_arrives_whole(self):
        data = os.urandom(BYTES)
        container = create("sha256sum", options=["-i"])
        code, output, _ = attach(container, data, timeout=900)
        self.assertEqual(code, 0)
        self.assertEqual(output.split()[0].decode(), hashlib.sha256(data).hexdigest())

    def test_a_stopped_reader_slows_the_writer(self):
        container = create("head", "-c", str(BYTES), "/dev/zero")
        process = subprocess.Popen([LAB, "attach", container], env=ENVIRONMENT, stdout=subprocess.PIPE)
        first = process.stdout.read(65536)
        shim = shim_of(container)
        peaks = []
        for _ in range(20):
            with open(f"/proc/{shim}/status") as f:
                peaks.append(int(next(line for line in f if line.startswith("VmRSS")).split()[1]))
            threading.Event().wait(0.25)  # the reader rests: nothing to wait for
        rest = process.stdout.read()
        process.stdout.close()
        self.assertEqual(process.wait(timeout=900), 0)
        self.assertEqual(len(first) + len(rest), BYTES)
        self.assertLess(max(peaks) - peaks[0], 8 * 1024, "the shim's memory grows while its reader rests")

    def test_a_program_that_is_not_there(self):
        container = create("/no/such/program")
        process = subprocess.run([LAB, "attach", container], env=ENVIRONMENT, capture_output=True, timeout=120)
        self.assertEqual(process.returncode, 125)
        self.assertEqual(status(container)["exitCode"], 127)
        self.assertEqual(status(container)["reason"], "start-failed")
        self.assertIn("/no/such/program", status(container)["error"])

    def test_out_of_memory_says_so(self):
        container = Container("sh", "-c", "tail /dev/zero", options=["-m", "64"]).start()
        exit_status = container.wait()
        self.assertEqual((exit_status.exit_code, exit_status.reason), (137, "out-of-memory"))
        self.assertEqual(status(container.id)["reason"], "out-of-memory")

    def test_removed_on_exit(self):
        container = create("true", options=["-r"])
        self.assertEqual(attach(container)[0], 0)
        self.assertNotIn(container, rows())
        self.assertFalse(os.path.exists(f"{DATA}/containers/{container}"))


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 1; done").start()

    @classmethod
    def tearDownClass(cls):
        exit_status = cls.container.stop(grace_ms=20000)
        assert (exit_status.exit_code, exit_status.reason) == (3, "exited"), exit_status
        assert status(cls.container.id)["exitCode"] == 3

    def test_exec(self):
        self.assertEqual(self.container.exec("sh", "-c", "echo $A; pwd; exit 5", environment=["A=b"], directory="/tmp"),
                         (5, b"b\n/tmp\n"))

    def test_exec_of_nothing(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.container.exec("/no/such/program")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_a_kept_terminal_is_repainted(self):
        shim, inputs = self.container.shim, queue.Queue()
        process = pb.ProcessConfiguration(arguments=["sh"], terminal=True, stdin_open=True, environment=["PS1=> "])
        inputs.put(pb.AttachInput(header=pb.AttachHeader(process="console", exec=process, stdin=True, keep=True,
                                                         columns=60, rows=12)))
        stream = shim.Attach(iter(inputs.get, None), timeout=120)
        self.assertEqual(next(stream).attached.process, "console")
        inputs.put(pb.AttachInput(stdin=b"stty size; printf '\\033[1;31mm%sker\\n' ar\n"))
        seen = b""
        while b"marker" not in seen:
            seen += next(stream).stdout
        self.assertIn(b"12 60", seen)
        stream.cancel()
        sessions = {each.name: each for each in shim.Sessions(pb.Empty()).sessions}
        self.assertTrue(sessions["console"].running)
        again = shim.Attach(iter([pb.AttachInput(header=pb.AttachHeader(process="console", repaint=True, columns=60,
                                                                        rows=12))]), timeout=60)
        self.assertTrue(next(again).attached.terminal)
        screen = next(again).stdout
        self.assertIn(b"marker", screen)
        self.assertIn(b"38;5;1", screen)
        again.cancel()
        shim.Signal(pb.SignalRequest(process="console", signal=signal.SIGKILL))
        wait_until(lambda: "console" not in [each.name for each in shim.Sessions(pb.Empty()).sessions], "the console's end")

    def test_processes_and_statistics(self):
        commands = [each.command for each in self.container.shim.Processes(pb.Empty()).processes]
        self.assertTrue(any("sleep" in command or "trap" in command for command in commands), commands)
        samples = self.container.shim.Statistics(pb.StatisticsRequest(interval_ms=200), timeout=60)
        first, second = next(samples), next(samples)
        samples.cancel()
        self.assertGreaterEqual(second.cpu_usage_ns, first.cpu_usage_ns)
        self.assertGreater(first.memory_usage_bytes, 0)
        self.assertGreater(first.host_memory_bytes, 20 * MEBIBYTE)
        self.assertLess(first.host_memory_bytes, 600 * MEBIBYTE)
        self.assertGreater(first.host_cpu_ns, 0)
        self.assertGreaterEqual(first.process_count, 1)
        self.assertEqual(first.cpus, 1)

    def test_helpers_are_confined(self):
        for pid, line in processes_of(self.container.id):
            if "holm-shim" in line and pid != shim_of(self.container.id):
                continue  # the helper, which hears nothing from the guest
            with open(f"/proc/{pid}/status") as f:
                fields = dict(line.split(":", 1) for line in f)
            self.assertEqual((fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()), ("1", "2"), line)


class Ends(unittest.TestCase):
    def test_a_deaf_process_is_killed(self):
        container = Container("sh", "-c", "trap '' TERM; while :; do sleep 1; done").start()
        exit_status = container.stop(grace_ms=500)
        self.assertEqual((exit_status.exit_code, exit_status.reason), (137, "signal"))

    def test_the_launcher_goes_away(self):
        container = create("sleep", "1000")
        process = subprocess.Popen([LAB, "launch", container], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.kill()
        process.communicate()
        wait_until(lambda: not processes_of(container), "the shim's end")
        self.assertEqual(status(container)["state"], "created")

    def test_sigterm_stops_cleanly(self):
        container = Container("sh", "-c", "trap 'exit 4' TERM; > /tmp/ready; while :; do sleep 1; done").start()
        wait_until(lambda: container.exec("test", "-f", "/tmp/ready")[0] == 0, "the trap")
        os.kill(shim_of(container.id), signal.SIGTERM)
        self.assertEqual(container.wait().exit_code, 4)

    def kill_and_start_again(self, victim, reason):
        container = Container("sh", "-c", "[ -f /root/kept ] && exit 9; echo data > /root/kept; sync; sleep 1000").start()
        wait_until(lambda: container.exec("cat", "/root/kept") == (0, b"data\n"), "the data")
        os.kill(victim(container), signal.SIGKILL)
        wait_until(lambda: not processes_of(container.id), "the end of all processes")
        lab("reconcile")
        found = status(container.id)
        self.assertEqual((found["state"], found["exitCode"], found["reason"]), ("exited", 137, reason))
        self.assertFalse(os.path.exists(f"{RUNTIME}/c/{container.id[:12]}"))
        self.assertEqual(attach(container.id)[0], 9)
        lab("remove", container.id)
        self.assertFalse(os.path.exists(container.folder))

    def test_the_vmm_is_killed(self):
        self.kill_and_start_again(lambda container: container.vmm(), "vm-lost")

    def test_the_shim_is_killed(self):
        self.kill_and_start_again(lambda container: shim_of(container.id), "shim-lost")

    def test_started_at_once_after_a_kill(self):
        container = Container("sleep", "1000").start()
        shim = os.pidfd_open(shim_of(container.id))
        signal.pidfd_send_signal(shim, signal.SIGKILL)
        select.select([shim], [], [])  # its QEMU may still be there
        os.close(shim)
        lab("reconcile")
        self.assertEqual(status(container.id)["reason"], "shim-lost")
        container.start()
        container.stop(signal=signal.SIGKILL)


if __name__ == "__main__":
    unittest.main(verbosity=2)
