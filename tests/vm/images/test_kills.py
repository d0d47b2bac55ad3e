"""The image worker killed at 100 random moments of pulls and removals: what is left is always sound by its own verify and for
other tools, and the next pull ends as if nothing had been. No machine starts here."""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../registry"))
from hostile import Image, Server, sha256  # noqa: E402
from worker import Worker, load_messages  # noqa: E402

KILLS = int(os.environ.get("HOLM_KILLS", "100"))


def ask(worker, reference, remove):
    try:
        if remove:
            worker.remove(reference)
        else:
            worker.pull(reference)
    except Exception:
        pass  # it was killed under us: that is what happens here


def check(worker, pb, wanted):
    """Whatever was under way: what the store names is whole."""
    last = list(worker.stream("Verify", pb.VerifyRequest()))[-1]
    assert last.done and not last.error, last.error
    folder = os.path.join(worker.data, "images")
    with open(os.path.join(folder, "index.json")) as file:
        index = json.load(file)
    for entry in index["manifests"]:
        with open(os.path.join(folder, "blobs/sha256", entry["digest"][7:]), "rb") as file:
            assert sha256(file.read()) == entry["digest"]
    assert len(index["manifests"]) <= 1
    for name in os.listdir(os.path.join(folder, "blobs/sha256")):
        if name[0] == ".":
            continue
        try:
            with open(os.path.join(folder, "blobs/sha256", name), "rb") as file:
                content = file.read()
        except FileNotFoundError:
            continue  # what a removal left over is swept meanwhile; what the index names was read above
        if name in wanted:
            assert sha256(content)[7:] == name, "a blob with the name of another"


def main():
    seed = int(os.environ.get("HOLM_SEED", "0")) or random.randrange(1 << 30)
    print("HOLM_SEED =", seed)
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="hk-", dir="/tmp") as top:
        pb = load_messages(top)
        image = Image(size=1 << 20, count=6)
        server = Server({"good": {"image": image}})
        reference = f"{server.host}/good:v1"
        wanted = {digest[7:] for digest in image.blobs} | {sha256(image.raw)[7:]}
        folder = os.path.join(top, "w")
        os.mkdir(folder, 0o700)
        worker = Worker(folder, pb).start()
        begun = time.monotonic()
        worker.pulled(reference)
        usual = time.monotonic() - begun  # a kill comes somewhere in the time that the work takes
        there = True
        for _ in range(KILLS):
            thread = threading.Thread(target=ask, args=(worker, reference, there))
            thread.start()
            thread.join(dice.uniform(0, 1.2 * (usual if not there else usual / 3)))
            worker.kill()
            thread.join()
            worker.start()
            check(worker, pb, wanted)
            with open(os.path.join(worker.data, "images/index.json")) as file:
                there = bool(json.load(file)["manifests"])
        worker.pulled(reference)
        check(worker, pb, wanted)
        assert len([name for name in worker.files("layers") if name[0] != "."]) == 6
        run = subprocess.run(["skopeo", "copy", "-q", f"oci:{worker.data}/images:{reference}", f"dir:{top}/copy"])
        assert run.returncode == 0
        worker.remove(reference)
        worker.stop()
    print(f"ok: {KILLS} kills")


main()
