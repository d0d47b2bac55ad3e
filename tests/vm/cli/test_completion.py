"""The completions in the shells they are for: a line is typed in a terminal, tab is pressed, and the line is read back."""
import os
import pty
import re
import select
import shutil
import signal
import unittest

from house import BUILD, House

# What is typed before a tab, and the line that it must become.
LINES = (
    ("holm netw", "holm network"),
    ("holm doct", "holm doctor"),
    ("holm renam", "holm rename"),
    ("holm container renam", "holm container rename"),
    ("holm --debug volume inspe", "holm --debug volume inspect"),
    ("holm rename some", "holm rename something"),
    ("holm container rename some", "holm container rename something"),
    ("holm start some", "holm start something"),
    ("holm stop some", "holm stop some"),  # it does not run
    ("holm run --hostn", "holm run --hostname"),
    ("holm container run --hostn", "holm container run --hostname"),
    ("holm run --rm busy", "holm run --rm busybox:latest"),
    ("holm run --name x busybox:lat", "holm run --name x busybox:latest"),
    ("holm run --network bac", "holm run --network back"),
    ("holm run --pull alw", "holm run --pull always"),
    ("holm ls --format ya", "holm ls --format yaml"),
    ("holm run --env-file vari", "holm run --env-file variables"),
    ("holm volume inspect dat", "holm volume inspect data"),
    ("holm completion fi", "holm completion fish"),
)
# What follows the image is the program's. fish is not told where that begins.
PROGRAM = (("holm run busybox:latest --hostn", "holm run busybox:latest --hostn"),)


class Shell:
    """An interactive shell in a terminal of its own."""

    def __init__(self, words, environment, folder, mark, setup):
        self.mark = mark
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        for line in setup:
            self.line(line)

    def read_until(self, pattern):
        seen = ""
        while not (found := re.search(pattern, seen)):
            if not select.select([self.fd], [], [], 60)[0]:
                raise AssertionError(f"{pattern} does not come: {seen!r}")
            seen += os.read(self.fd, 65536).decode(errors="replace")
        return found

    def line(self, text):
        """Runs a command, which ends when the mark after it has been printed."""
        os.write(self.fd, f"{text}\n".encode())
        os.write(self.fd, f"echo {self.mark}:\n".encode())
        self.read_until("L1NE:\\s*\r?\n")

    def completed(self, text):
        """What a tab makes of the line; ctrl-a and echo print it."""
        os.write(self.fd, f"{text}\t\x01echo {self.mark}: \r".encode())
        return self.read_until("L1NE: ([^\r\n]*)\r?\n")[1].strip()

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House()
        cls.house.do("create", "--name", "something", "busybox", "true")
        cls.house.do("network", "create", "back")
        cls.house.do("volume", "create", "data")
        cls.folder = f"{cls.house.folder}/h"
        open(f"{cls.folder}/variables", "w").close()
        for shell, name in (("bash", "holm"), ("zsh", "_holm"), ("fish", "holm.fish")):
            os.mkdir(f"{cls.folder}/{shell}")
            with open(f"{cls.folder}/{shell}/{name}", "w") as file:
                file.write(cls.house.do("completion", shell))
        cls.environment = cls.house.environment | {"PATH": f"{BUILD}/bin:{os.environ['PATH']}", "TERM": "xterm",
                                                   "HISTFILE": "/dev/null"}

    @classmethod
    def tearDownClass(cls):
        cls.house.__exit__(None)

    def shell(self, words, mark, *setup):
        if not shutil.which(words[0]):
            self.skipTest(f"{words[0]} is not installed")
        shell = Shell(words, self.environment, self.folder, mark, setup)
        self.addCleanup(shell.end)
        return shell

    def hold(self, shell, lines=LINES + PROGRAM):
        for typed, wanted in lines:
            with self.subTest(typed):
                self.assertEqual(shell.completed(typed), wanted)

    def test_bash(self):
        self.hold(self.shell(["bash", "--norc", "--noprofile", "-i"], "L$((1))NE", ". bash/holm"))

    def test_zsh(self):
        self.hold(self.shell(["zsh", "-f", "-i"], "L$((1))NE", "autoload -U compinit && compinit -u -D",
                             "bindkey -e; . zsh/_holm"))

    def test_zsh_finds_it_by_itself(self):
        self.hold(self.shell(["zsh", "-f", "-i"], "L$((1))NE", "bindkey -e; fpath=($PWD/zsh $fpath)",
                             "autoload -U compinit && compinit -u -D"))

    def test_fish(self):
        self.hold(self.shell(["fish", "--no-config", "-i"], "L(math 1)NE", "source fish/holm.fish"), LINES)

    def test_a_list(self):
        """Two tabs where several things fit: all of them, and nothing else."""
        shell = self.shell(["bash", "--norc", "--noprofile", "-i"], "L$((1))NE", ". bash/holm")
        os.write(shell.fd, b"holm image \t\t")
        shown = shell.read_until("tag")
        for verb in ("pull", "load", "prune"):
            self.assertIn(verb, shown.string)
        self.assertNotIn("rename", shown.string)


if __name__ == "__main__":
    unittest.main(verbosity=2)
