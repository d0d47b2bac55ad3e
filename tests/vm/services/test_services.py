"""Debian's nginx and PostgreSQL in containers of their own: the web server hands a published port on to the database, which it
knows by name, both have their data in volumes. What was committed is there after each death: of a shim, of the network's process,
of a machine, of both containers by restart, and with a new container on the old volume.
"""
import contextlib
import os
import select
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import QEMU, SOURCE, House, read, run_steps, wait_until  # noqa: E402

PACKAGES = ("nginx", "libnginx-mod-stream", "postgresql-15", "postgresql-client-15")
DATABASE = """
export PATH=/usr/lib/postgresql/15/bin:$PATH
if [ ! -f /data/ready ]; then
    rm -rf /data/db
    install -d -o postgres -m 700 /data/db
    setpriv --reuid postgres --regid postgres --clear-groups initdb -D /data/db -A trust -E UTF8 --locale=C --no-instructions --no-sync
    echo 'host all all all trust' >>/data/db/pg_hba.conf
    sync
    : >/data/ready
fi
exec setpriv --reuid postgres --regid postgres --clear-groups postgres -D /data/db -k /tmp -c listen_addresses='*' -c jit=off \
    -c shared_buffers=16MB
"""
SERVER = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
stream { server { listen 5432; proxy_pass db:5432; } }
http { server { listen 80; root /site/html; access_log /site/access.log; } }
"""


class Writer(threading.Thread):
    """Writes row after row through the published port, and keeps those whose commit it was told of."""

    def __init__(self, command):
        super().__init__(daemon=True)
        self.command, self.committed, self.number, self.over = command, [], 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            # What it did not take any more is known at its end only.
            with contextlib.suppress(BrokenPipeError), subprocess.Popen(
                    self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
                    env={**os.environ, "PGCONNECT_TIMEOUT": "5"}) as client:
                self.write(client)

    def write(self, client):
        while not self.over.is_set():
            self.number += 1
            client.stdin.write(f"INSERT INTO rows VALUES ({self.number}) RETURNING number;\n")
            if client.stdout.readline().strip() != str(self.number):
                return  # that one may be there or not
            self.committed.append(self.number)


class Services:
    def __init__(self, house):
        self.house = house

    def image(self):
        archive = f"{self.house.folder}/root.tar"
        subprocess.run([f"{SOURCE}/tests/tools/debian_root.sh", archive, *PACKAGES[:3]], check=True)
        self.house.do("image", "import", archive, "servers:latest")
        os.unlink(archive)

    def run_database(self):
        self.house.do("run", "-d", "--name", "db", "--network", "shop", "--restart", "always", "-c", "1", "-m", "384m", "-v", "data:/data",
                      "servers", "sh", "-ec", DATABASE)

    def start(self):
        self.house.do("network", "create", "shop")
        self.house.do("volume", "create", "site")
        self.house.do("run", "--rm", "-i", "-v", "site:/site", "servers", "sh", "-ec", "mkdir /site/html; cat >/site/nginx.conf; "
                      "echo first page >/site/html/page", input=SERVER)
        self.run_database()
        self.house.do("run", "-d", "--name", "web", "--network", "shop", "--restart", "always", "-c", "1", "-m", "256m", "-v", "site:/site",
                      "-p", "127.0.0.1::80", "-p", "127.0.0.1::5432", "servers", "nginx", "-c", "/site/nginx.conf")
        # A server that does not find the database's name yet ends, and is started again.
        self.ports = wait_until(lambda: (found := [line.rsplit(":", 1)[1] for line in self.house.do("port", "web").splitlines()])[1:]
                                and found, "the published ports")
        self.client = ["/usr/lib/postgresql/15/bin/psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.ports[1],
                       "-U", "postgres"]
        wait_until(lambda: self.ask("SELECT 1") == "1", "the database's first answer", 180)
        self.ask("CREATE TABLE rows (number int PRIMARY KEY)")
        self.writer = Writer(self.client)
        self.writer.start()
        self.go_on()

    def ask(self, question):
        done = subprocess.run([*self.client, "-c", question], capture_output=True, text=True, env={**os.environ, "PGCONNECT_TIMEOUT": "5"})
        return done.stdout.strip() if done.returncode == 0 else None

    def page(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}/page", timeout=10) as answer:
                return answer.read()
        except OSError:
            return None

    def go_on(self):
        """Rows are committed again, the page is there, and nothing that was told to be committed is missing."""
        before = len(self.writer.committed)
        wait_until(lambda: self.page() == b"first page\n", "the page", 120)
        wait_until(lambda: len(self.writer.committed) > before + 5, "commits", 120)
        told = set(self.writer.committed)
        found = wait_until(lambda: self.ask("SELECT number FROM rows"), "the rows", 60)
        missing = told - set(map(int, found.split()))
        assert not missing, missing
        print(f"  {len(told)} rows", flush=True)

    def machine(self, name):
        """(its shim, its QEMU)"""
        shim = self.house.shim(self.house.json("inspect", name)[0]["id"])
        return shim, next(pid for pid in self.house.processes(QEMU)
                          if int(read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[1]) == shim)

    def end(self, pid):
        """Kills it, and waits until it is gone."""
        watched = os.pidfd_open(pid)
        self.house.kill(pid)
        select.select([watched], [], [], 60)
        os.close(watched)

    def network_lost(self):
        for pid in self.house.processes("holm-net"):
            self.end(pid)
        self.go_on()

    def machine_lost(self):
        for name in ("db", "web"):
            self.end(self.machine(name)[1])
            self.go_on()

    def shim_lost(self):
        """What was lost with its shim is started by the next list."""
        for name in ("db", "web"):
            self.end(self.machine(name)[0])
            wait_until(lambda: self.house.containers()[name]["status"]["state"] == "running", f"the next start of {name}")
            self.go_on()

    def restarted(self):
        self.house.do("restart", "db", "web")
        self.go_on()

    def another_container(self):
        self.house.do("rm", "-f", "db")
        self.run_database()
        self.go_on()

    def over(self):
        self.writer.over.set()
        self.writer.join()
        assert self.house.do("exec", "web", "grep", "-c", "GET /page.* 200 ", "/site/access.log").strip() >= "1"


def main():
    missing = [name for name in PACKAGES if subprocess.run(["dpkg-query", "-W", name], capture_output=True).returncode]
    if missing:
        print("not installed:", ", ".join(missing))
        sys.exit(77)
    with House(image=False) as house:
        test = Services(house)
        run_steps(test.image, test.start, test.network_lost, test.machine_lost, test.shim_lost, test.restarted, test.another_container,
                  test.over)


main()
