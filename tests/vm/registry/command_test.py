"""Registries through the command line, against stand-ins on the loopback. No machine starts here."""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from hostile import Image, Server  # noqa: E402
from house import House  # noqa: E402


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


def main():
    tests = [test for name, test in globals().items() if name.startswith("test_") and
             (len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]))]
    for test in tests:
        started = time.monotonic()
        with House(image=False) as house:
            test(house)
        print(f"ok {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)


main()
