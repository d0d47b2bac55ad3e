"""A long stream through a published port and back, over IPv4 and IPv6: each byte as its seed says, in its place, none too many.

    test_stream.py LOAD [MIB]     how long: 64
"""
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/bench")
from bare_load import import_load  # noqa: E402
from world import World  # noqa: E402

LOAD, MIB = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 64

with World(f"{os.environ['HOLM_BUILD']}/bin/holm") as world:
    import_load(world, LOAD)
    world.run("run", "-d", "--name", "mirror", "-c", "1", "-m", "256m", "-p", "127.0.0.1::7", "-p", "[::1]::7", "load")
    with subprocess.Popen([world.holm, "logs", "-f", "mirror"], env=world.environment, stdout=subprocess.PIPE) as logs:
        assert logs.stdout.readline().startswith(b"serving")
        logs.kill()
    for port in json.loads(world.run("inspect", "mirror"))[0]["status"]["ports"]:
        address, seed = port["hostAddress"], random.getrandbits(60)
        done = subprocess.run([LOAD, "mirror", address, str(port["hostPort"]), str((MIB << 20) + 1), str(seed)],
                              stdout=subprocess.PIPE, text=True)
        print(f"{address}: seed {seed}: {MIB} MiB there and back: {done.stdout.strip()} MiB/s", flush=True)
        if done.returncode:
            sys.exit(1)
