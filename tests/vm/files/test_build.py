"""git and a C build, by Debian's own programs, in a folder of the host: what they make there the host's git and eyes agree with."""
import os
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import SOURCE, House, need_virtiofsd, run_steps, wait_until  # noqa: E402

PACKAGES, FILES = ("git", "gcc", "libc6-dev", "make"), 300
MAKEFILE = """SOURCES = main.c $(wildcard part*.c)
program: $(SOURCES:.c=.o)
\tgcc -o $@ $^
%.o: %.c parts.h
\tgcc -c -o $@ $<
"""


class Build:
    def __init__(self, house):
        self.house, self.folder = house, f"{house.folder}/s"
        os.mkdir(self.folder)

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{name}"), exist_ok=True)
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)

    def sh(self, script):
        return self.house.do("exec", "-w", "/src", "-e", "HOME=/root", "one", "sh", "-ec", script, timeout=280)

    def git_here(self, *arguments):
        return subprocess.run(["git", "-C", self.folder, "-c", "safe.directory=*", *arguments], stdout=subprocess.PIPE, text=True, check=True,
                              env=self.house.environment).stdout

    def image(self):
        archive = f"{self.house.folder}/root.tar"
        subprocess.run([f"{SOURCE}/tests/tools/debian_root.sh", archive, *PACKAGES], check=True)
        self.house.do("image", "import", archive, "tools:latest")
        os.unlink(archive)

    def start(self):
        self.write("Makefile", MAKEFILE)
        self.write("parts.h", "int part1(void), part2(void);\n")
        self.write("main.c", '#include <stdio.h>\n#include "parts.h"\nint main(void) { return printf("%d\\n", part1() + part2()) < 0; }\n')
        for number in (1, 2):
            self.write(f"part{number}.c", f'#include "parts.h"\nint part{number}(void) {{ return {number} * 20; }}\n')
        for number in range(FILES):
            self.write(f"tree/d{number % 20}/file{number}", f"text {number}\n")
        self.write(".gitignore", "*.o\nprogram\n")
        self.house.do("run", "-d", "--name", "one", "-m", "512m", "-v", f"{self.folder}:/src", "tools", "sleep", "100000")

    def commit(self):
        self.sh("git config --global safe.directory '*' && git config --global user.name n && git config --global user.email e@invalid && "
                "git init -q -b main && git add . && git commit -q -m first && test -z \"$(git status --porcelain)\" && git fsck")
        assert self.git_here("ls-files").count("\n") == FILES + 6
        assert self.git_here("status", "--porcelain") == ""

    def changes(self):
        """What the host changes git inside finds, and the other way round."""
        self.write("tree/d7/file7", "changed here\n")
        wait_until(lambda: self.sh("git status --porcelain") == "M tree/d7/file7", "the change of the host")
        self.sh("git commit -q -a -m second && git mv tree/d8 tree/moved && rm -r tree/d9")
        assert self.git_here("diff", "--name-only", "--diff-filter=D").count("\n") == FILES // 20
        assert self.git_here("status", "--porcelain", "-M").count("R  tree/d8") == FILES // 20
        self.sh("git reset -q --hard && test -z \"$(git status --porcelain)\"")
        assert self.git_here("status", "--porcelain") == ""

    def build(self):
        assert "main.o" in self.sh("make -j2") and self.sh("./program") == "60"
        assert "up to date" in self.sh("make")
        self.write("part2.c", '#include "parts.h"\nint part2(void) { return 1; }\n')
        wait_until(lambda: self.sh("make >/dev/null; ./program") == "21", "the program of the changed source")
        assert os.access(f"{self.folder}/program", os.X_OK)


def main():
    missing = [name for name in PACKAGES if subprocess.run(["dpkg-query", "-W", name], capture_output=True).returncode]
    if missing:
        print("not installed:", ", ".join(missing))
        sys.exit(77)
    need_virtiofsd()
    with House(image=False) as house:
        test = Build(house)
        run_steps(test.image, test.start, test.commit, test.changes, test.build)


main()
