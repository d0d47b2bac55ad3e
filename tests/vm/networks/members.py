"""The holm of a test of networks, and what its containers are and hear on them."""
import json
import os
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/bench")
from world import World  # noqa: E402

world = World(f"{os.environ['HOLM_BUILD']}/bin/holm")
SERVER = "exec nc -ll -p 80 -e echo word"  # in a container: says a word to each who comes


def places(name):
    """Where it is on its networks."""
    return json.loads(world.run("inspect", name))[0]["status"]["networks"]


def inside(name, command):
    """What a shell in it says, whether it fails or not."""
    return subprocess.run([world.holm, "exec", name, "sh", "-c", command], env=world.environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout


def heard(name, address, wait=60):
    """What a server tells it. The wait only bounds a test that fails, but where nothing is to be heard."""
    return inside(name, f"nc -w {wait} {address} 80 2>/dev/null")
