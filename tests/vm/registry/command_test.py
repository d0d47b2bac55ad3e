"""Registries through the command line, against stand-ins on the loopback. No machine starts here."""
import json
import os
import pty
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from hostile import Handler, Image, Server, basic, sha256  # noqa: E402
from house import House, read, wait_until  # noqa: E402
from registry import Registry, run  # noqa: E402

for tool in ("docker-registry", "skopeo", "umoci", "htpasswd", "openssl"):
    if not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)


def closed_port():
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_pull(house):
    server = Server({name: {"image": Image(64 << 10, seed=number)} for number, name in enumerate("abc")})
    names = [f"{server.host}/{name}:v1" for name in "abc"]
    # Several at once: digests in the order of the names, those that fail are told, and the others come.
    done = house.holm("pull", "--progress", "json", names[0], f"{server.host}/none:v1", *names[1:], code=125)
    digests = done.stdout.split()
    assert len(digests) == 3 and digests == [
        house.json("image", "inspect", name)[0]["id"] for name in names], (digests, done.stderr)
    items = lines("\n".join(line for line in done.stderr.splitlines() if line.startswith("{")))
    assert {item["subject"] for item in items} >= set(names) and any(item["done"] for item in items)
    assert "none" in done.stderr
    for kind, expected in (("none", ""), ("plain", f"{names[0]}: done")):
        told = house.holm("pull", "--progress", kind, names[0], code=0).stderr
        assert expected in told and (expected or not told), told
    for wrong in (["--progress", "loud"], ["--max-concurrent-downloads", "0"], ["--max-concurrent-downloads", "9"],
                  ["--scheme", "gopher"]):
        house.holm("pull", *wrong, names[0], code=125)


def test_pull_at_once(house):
    """One layer at a time where that is asked for, and more than one where not."""
    def most(*options, seed):
        running, peak = [], []

        def blob(handler, body):
            running.append(1)
            peak.append(len(running))
            handler.send_range(body, delay=0.01)
            running.pop()
        server = Server({"many": {"image": Image(256 << 10, seed=seed, count=4), "blob": blob}})
        house.do("pull", "-q", *options, f"{server.host}/many:v1")
        return max(peak)
    assert most("--max-concurrent-downloads", "1", seed=1000) == 1
    assert most("--max-concurrent-downloads", "4", seed=2000) > 1


# ---- logins ----

HELPER = """#!/bin/sh
tr '\\0' '\\n' </proc/$$/environ >>$HOME/seen
f=$HOME/secret
case $1 in
store) cat >$f;;
get) read s; grep -q "\\"$s\\"" $f 2>/dev/null && cat $f || { echo credentials not found; exit 1; };;
erase) rm -f $f;;
list) echo '{}';;
esac
"""


def debian_registry(house, *, password):
    """Debian's docker-registry that knows one user, filled by skopeo."""
    passwords = f"{house.folder}/htpasswd"
    subprocess.run(["htpasswd", "-Bbc", passwords, "anna", password], check=True, stderr=subprocess.DEVNULL)
    registry = Registry(house.folder, auth={"htpasswd": {"realm": "test", "path": passwords}})
    registry.push("private/image", [], options=("--dest-creds", f"anna:{password}"))
    return registry


def leaks(house, secret):
    """Where a secret stands in files of the house, or in arguments and environments of its processes."""
    found = [path for folder, _, files in os.walk(house.folder) for name in files
             if secret.encode() in read(path := os.path.join(folder, name), "rb")]
    for pid in house.processes():
        found += [f"{pid} {what}" for what in ("cmdline", "environ") if secret.encode() in read(f"/proc/{pid}/{what}", "rb")]
    return found


def test_login(house):
    secret = "s3cr3t-of-anna"
    registry = debian_registry(house, password=secret)
    auth = f"{house.folder}/f/containers/auth.json"
    image = f"{registry.host}/private/image:v1"
    try:
        told = house.holm("pull", "-q", image, code=125).stderr
        assert f"holm registry login {registry.host}" in told, told
        login = ("registry", "login", "-u", "anna", "--password-stdin", registry.host)
        house.holm(*login, input="wrong\n", code=125)
        house.holm("login", registry.host, input=secret, code=125)  # no terminal to ask on
        assert not os.path.exists(auth), "only what the registry has accepted is kept"
        assert house.do(*login, input=secret + "\n") == f"logged in to {registry.host}"
        assert os.stat(auth).st_mode & 0o777 == 0o600
        house.do("pull", "-q", image)
        assert house.json("registry", "ls") == [{"registry": registry.host, "username": "anna", "source": auth}]
        # The others read it too.
        subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--authfile", auth, f"docker://{image}"], check=True,
                       stdout=subprocess.DEVNULL)
        assert house.do("registry", "tags", f"{registry.host}/private/image") == "v1"
        assert leaks(house, secret) == []
        house.do("logout", registry.host)
        assert house.json("registry", "ls") == []
        house.holm("logout", registry.host, code=125)
        house.holm("registry", "tags", f"{registry.host}/private/image", code=125)
    finally:
        registry.close()


def test_login_with_a_helper(house):
    secret = "s3cr3t-in-the-ring"
    registry = debian_registry(house, password=secret)
    tools = f"{house.folder}/h/tools"
    os.makedirs(tools)
    with open(f"{tools}/docker-credential-ring", "w") as file:
        file.write(HELPER)
    os.chmod(f"{tools}/docker-credential-ring", 0o755)
    os.makedirs(f"{house.folder}/h/.docker")
    with open(f"{house.folder}/h/.docker/config.json", "w") as file:
        json.dump({"credsStore": "ring"}, file)
    house.environment["PATH"] = f"{tools}:{house.environment['PATH']}"
    try:
        house.do("login", "-u", "anna", "--password-stdin", registry.host, input=secret)
        house.do("pull", "-q", f"{registry.host}/private/image:v1")
        assert leaks(house, secret) == [f"{house.folder}/h/secret"], "only where the helper has put it"
        house.do("logout", registry.host)
        assert not os.path.exists(f"{house.folder}/h/secret")
    finally:
        registry.close()


def test_login_on_a_terminal(house):
    """Asked for without echo, and the terminal is as it was afterwards."""
    secret = "s3cr3t-typed"
    registry = debian_registry(house, password=secret)
    main, sub = pty.openpty()
    before = termios.tcgetattr(sub)
    try:
        process = house.start("login", registry.host, stdin=sub, stdout=sub, stderr=sub)
        shown = b""

        def wait_for(text):
            nonlocal shown
            while text not in shown:
                assert select.select([main], [], [], 60)[0], shown
                shown += os.read(main, 4096)
        wait_for(b"User name: ")
        os.write(main, b"anna\n")
        wait_for(b"Password: ")
        os.write(main, b"wrong\x15" + secret.encode() + b"x\x7f\r")
        wait_for(b"logged in")
        assert process.wait(60) == 0
        assert secret.encode() not in shown and b"wrong" not in shown, shown
        assert termios.tcgetattr(sub) == before
    finally:
        os.close(main)
        os.close(sub)
        registry.close()


def test_token_login(house):
    """A token service instead of passwords for the registry itself."""
    server = Server({})
    good = basic("anna", "t0ken-secret")
    asked = []

    def token(handler):
        asked.append(handler.path)
        return b'{"token":"abc"}' if handler.headers.get("Authorization") == good else (401, b"{}")
    server.quirks["v2"] = {"token": token}
    server.base = ('Bearer realm="http://%s/token/v2",service="s"' % server.host, ("Bearer abc",))
    login = ("login", "-u", "anna", "--password-stdin", server.host)
    house.holm(*login, input="wrong", code=125)
    house.do(*login, input="t0ken-secret")
    assert asked and not any("scope" in path for path in asked), asked
    open_server = Server({})
    told = house.holm("login", "-u", "anna", "--password-stdin", open_server.host, input="x", code=125).stderr
    assert "nobody" in told, told


# ---- tags ----

def test_tags(house):
    names = [f"v{number:04}" for number in range(2500)]
    server = Server({"many": {"tags": names}, "away": {"tags": names, "next": "http://127.0.0.1:1/v2/away/tags/list"},
                     "back": {"tags": names, "next": "/etc/passwd"}, "round": {"tags": ["a"], "next": "/v2/round/tags/list"},
                     "bad": {"tags": {"a": 1}}, "none": {"tags": None}})

    def tags(name, *options, **more):
        return house.do("registry", "tags", *options, f"{server.host}/{name}", **more).split()
    assert tags("many") == names
    assert len([path for path, _ in server.requests if "/many/" in path]) == 3
    assert tags("many", "--limit", "7") == names[:7]
    assert tags("none") == []
    assert len(tags("round")) == 100  # a page that leads to itself ends too
    for name in ("away", "back", "bad", "unknown"):
        house.holm("registry", "tags", f"{server.host}/{name}", code=125)
    document = json.loads(house.do("registry", "tags", "--limit", "2", "--format", "json", f"{server.host}/many"))
    assert document == {"tags": names[:2], "more": True}


# ---- settings ----

def configure(house, text):
    with open(f"{house.folder}/f/holm/config.toml", "w") as file:
        file.write(text)


def authority(folder):
    """A test authority's own certificate for 127.0.0.1, and one for a client; both of the same authority."""
    os.makedirs(folder)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key", "-out", f"{folder}/ca.crt",
        stderr=subprocess.DEVNULL)
    return folder


def secure(server, folder, client=False):
    """Has a stand-in speak TLS, and want a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/ca.crt", f"{folder}/key")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(f"{folder}/ca.crt")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def fresh_worker(house):
    """The configuration is read when the image worker starts."""
    for pid, name in house.processes("holm-image").items():
        house.kill(pid, signal.SIGTERM)
    wait_until(lambda: not house.processes("holm-image"), "the end of holm-image")


def test_tls_settings(house):
    folder = authority(f"{house.folder}/h/authority")
    image = {"a": {"image": Image(32 << 10, seed=1)}}
    server = secure(Server(image), folder)
    choosy = secure(Server(image), folder, client=True)
    name, picky = f"{server.host}/a:v1", f"{choosy.host}/a:v1"
    house.holm("pull", "-q", "--scheme", "https", name, code=125)
    # An authority from anywhere in the home folder; and a certificate of our own.
    configure(house, f'[registry."{server.host}"]\nca = "~/authority/ca.crt"\nscheme = "https"\n'
                     f'[registry."{choosy.host}"]\nca = "~/authority/ca.crt"\nscheme = "https"\n')
    fresh_worker(house)
    house.do("pull", "-q", name)
    house.holm("pull", "-q", picky, code=125)
    configure(house, f'[registry."{choosy.host}"]\nca = "~/authority/ca.crt"\nscheme = "https"\n'
                     f'certificate = "{folder}/ca.crt"\nkey = "{folder}/key"\n'
                     f'[registry."{server.host}"]\ninsecure = true\n')
    fresh_worker(house)
    house.do("pull", "-q", picky)
    house.do("pull", "-q", name)
    # The same from a folder of certificates; more than one authority is in it.
    configure(house, "")
    place = f"{house.folder}/f/holm/certs.d/{choosy.host}"
    os.makedirs(place)
    for source, to in (("ca.crt", "z.crt"), ("ca.crt", "client.cert"), ("key", "client.key")):
        shutil.copy(f"{folder}/{source}", f"{place}/{to}")
    other = authority(f"{house.folder}/h/other")
    shutil.copy(f"{other}/ca.crt", f"{place}/a.crt")
    fresh_worker(house)
    house.do("pull", "-q", "--scheme", "https", picky)
    configure(house, '[registry."a.b"]\ninsecure = "yes"\n')
    told = house.holm("pull", "-q", picky, code=125).stderr
    assert "config.toml:2: registry.a.b.insecure must be true or false" in told, told


def test_certificates_stay(house):
    """Neither our certificate nor the leave to be anybody goes where a registry redirects to."""
    folder = authority(f"{house.folder}/h/authority")
    image = Image(32 << 10, seed=2)
    elsewhere = secure(Server({"a": {"image": image}}), authority(f"{house.folder}/h/elsewhere"))
    server = Server({})
    moved = lambda handler, blob: handler.reply(307, Location=f"https://{elsewhere.host}/elsewhere/" + sha256(blob))
    server.quirks["a"] = {"image": image, "blob": moved}
    secure(server, folder)
    configure(house, f'[registry."{server.host}"]\ninsecure = true\n')
    house.holm("pull", "-q", f"{server.host}/a:v1", code=125)
    assert not elsewhere.requests, "nobody there has been verified"


def test_step_down(house):
    """From https nothing leads to http: no redirect, and no token service, gets anything."""
    folder = authority(f"{house.folder}/h/authority")
    os.makedirs(f"{house.folder}/f/containers")
    plain = Server({"a": {"image": Image(32 << 10, seed=3)}, "token": {"token": b'{"token":"abc"}'}})
    server = Server({})
    server.quirks["a"] = {"manifest": lambda handler, item: handler.reply(307, Location=f"http://{plain.host}/v2/a/manifests/v1")}
    server.quirks["b"] = {"image": Image(32 << 10, seed=3), "accepts": (),
                          "challenge": f'Bearer realm="http://{plain.host}/token/token"'}
    secure(server, folder)
    with open(f"{house.folder}/f/containers/auth.json", "w") as file:
        json.dump({"auths": {server.host: {"auth": basic("anna", "s3cr3t")[6:]}}}, file)
    configure(house, f'[registry."{server.host}"]\nca = "~/authority/ca.crt"\nscheme = "https"\n')
    for name in ("a", "b"):
        told = house.holm("pull", "-q", f"{server.host}/{name}:v1", code=125).stderr
        assert "s3cr3t" not in told
    assert plain.requests == []


def test_mirrors(house):
    image, other = Image(32 << 10, seed=4), Image(32 << 10, seed=5)
    home = Server({"a": {"image": image}, "b": {"image": other}, "c": {"image": Image(32 << 10, seed=6)}})
    cut = {"image": Image(32 << 10, seed=6), "blob": lambda handler, blob: handler.reply(404, b"{}")}
    mirror = Server({"a": {"image": image}, "c": cut})
    dead = f"127.0.0.1:{closed_port()}"
    os.makedirs(f"{house.folder}/f/containers")
    with open(f"{house.folder}/f/containers/auth.json", "w") as file:
        json.dump({"auths": {home.host: {"auth": basic("anna", "s3cr3t")[6:]}}}, file)
    configure(house, f'[registry."{home.host}"]\nmirrors = ["{dead}", "{mirror.host}"]\n')
    house.do("pull", "-q", f"{home.host}/a:v1")
    assert home.requests == [], "the mirror has it all"
    house.do("pull", "-q", f"{home.host}/b:v1", f"{home.host}/c:v1")
    asked = [path for path, _ in home.requests]
    assert any("/b/manifests/v1" in path for path in asked) and any("/c/blobs/" in path for path in asked), asked
    assert not any("Authorization" in headers for _, headers in mirror.requests)
    names = [row["configuration"]["references"] for row in house.json("image", "ls")]
    assert sorted(sum(names, [])) == [f"{home.host}/{name}:v1" for name in "abc"], names
    told = house.holm("pull", "-q", f"{home.host}/none:v1", code=125).stderr
    assert home.host in told, told


# ---- proxies ----

class Proxy(Server):
    """Answers what it is asked for in absolute form as the registry itself would."""

    def __init__(self, quirks):
        super().__init__(quirks)
        self.asked = []


class ProxyHandler(Handler):
    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        if not self.path.startswith("http://registry.test/"):
            return self.reply(502)
        self.path = self.path.removeprefix("http://registry.test")
        super().do_GET()


def test_proxy(house):
    secret = "pr0xy-secret"
    proxy = Proxy({"a": {"image": Image(32 << 10, seed=7)}})
    proxy.RequestHandlerClass = ProxyHandler
    direct = Server({"a": {"image": Image(32 << 10, seed=7)}})
    house.environment["HTTP_PROXY"] = f"http://user:{secret}@{proxy.host}"
    house.do("pull", "-q", "--scheme", "http", "registry.test/a:v1")
    assert proxy.asked and all(headers.get("Proxy-Authorization") == basic("user", secret) for _, headers in proxy.asked)
    count = len(proxy.asked)
    house.do("pull", "-q", f"{direct.host}/a:v1")  # on this machine: never through a proxy
    assert direct.requests and len(proxy.asked) == count
    assert all("Proxy-Authorization" not in headers for _, headers in direct.requests)
    fresh_worker(house)
    house.environment["NO_PROXY"] = "registry.test"
    told = house.holm("pull", "-q", "--scheme", "http", "registry.test/none:v1", code=125).stderr
    assert len(proxy.asked) == count, "NO_PROXY counts"
    fresh_worker(house)
    house.environment |= {"HTTP_PROXY": f"http://user:{secret}@127.0.0.1:{closed_port()}", "NO_PROXY": ""}
    told += house.holm("pull", "-q", "--scheme", "http", "registry.test/none:v1", code=125).stderr
    told += read(f"{house.runtime}/image.log")
    assert secret not in told, told


def run_tests(names):
    """The tests among these, or those of them that the command line names a part of: each in a house of its own."""
    for name, test in list(names.items()):
        if not name.startswith("test_") or not (len(sys.argv) < 2 or any(word in name for word in sys.argv[1:])):
            continue
        started = time.monotonic()
        with House(image=False) as house:
            test(house)
        print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    run_tests(globals())
