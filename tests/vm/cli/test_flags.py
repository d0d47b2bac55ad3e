"""Flags as users of other tools write them, and signals to what runs in the foreground."""
import signal
import unittest

from house import House


def setUpModule():
    global house
    house = House()


def tearDownModule():
    house.__exit__(None)


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
