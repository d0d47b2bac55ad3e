"""Volumes without a name: made for -v PATH and for the image's VOLUME, and gone with their container."""
import os
import sys
import tarfile

sys.path.insert(0, f"{os.environ['HOLM_SOURCE']}/tests/vm/cli")
from house import House, need_busybox, run_steps, wait_until  # noqa: E402

PLACES = {"/data", "/var/lib/store"}


class Anonymous:
    def __init__(self, house):
        self.house = house

    def volumes(self):
        return {row["id"]: row["configuration"] for row in self.house.json("volume", "ls")}

    def files(self):
        return [name for name in os.listdir(f"{self.house.data}/volumes") if name.endswith(".ext4")]

    def mounts(self, container):
        return {mount["destination"]: mount for mount in self.house.json("inspect", container)[0]["configuration"]["mounts"]}

    def expect_none(self):
        assert not self.volumes() and not self.files(), (self.volumes(), self.files())

    def image(self):
        """busybox with two volumes, one of which has something in the image."""
        path, house = f"{self.house.folder}/root.tar", self.house
        house.do("create", "--name", "base", "busybox", "true")
        with open(path, "wb") as file:
            file.write(house.holm("export", "base", text=False, code=0).stdout)
        with tarfile.open(path, "a") as archive:
            for name, kind in (("data", tarfile.DIRTYPE), ("data/file", tarfile.REGTYPE)):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = kind, 0o755
                archive.addfile(entry)
        house.do("import", "--change", 'CMD ["sh"]', "--change", "ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin", "--change",
                 'VOLUME ["/data", "/var/lib/store/"]', path, "stores:1")
        house.do("rm", "base")
        os.unlink(path)

    def made(self):
        self.house.do("create", "--name", "one", "stores:1", "ls", "/data", "/var/lib/store")
        mounts = self.mounts("one")
        assert {place.rstrip("/") for place in mounts} == PLACES, mounts
        assert {mount["source"] for mount in mounts.values()} == set(self.volumes()), (mounts, self.volumes())
        assert all(volume["anonymous"] for volume in self.volumes().values()), self.volumes()
        assert self.house.do("volume", "ls").count(" anonymous ") == 2
        assert self.house.do("start", "-a", "one") == "/data:\nfile\n\n/var/lib/store:"

    def kept_and_removed(self):
        """Without -v they stay, and with it they go but for the one that another container mounts."""
        data = self.mounts("one")["/data"]["source"]
        self.house.do("create", "--name", "two", "-v", f"{data}:/data:ro", "stores:1", "true")
        self.house.do("rm", "-v", "one")
        assert data in self.volumes() and len(self.volumes()) == 2, self.volumes()
        self.house.do("rm", "two")
        assert len(self.volumes()) == 2, self.volumes()
        assert sorted(self.house.do("volume", "ls", "-q", "--filter", "anonymous=true").split()) == sorted(self.volumes())
        self.house.do("volume", "prune", "--force")
        self.expect_none()

    def covered(self):
        self.house.do("create", "--name", "one", "-v", "named:/data/", "--tmpfs", "/var/lib/store", "stores:1", "true")
        assert list(self.volumes()) == ["named"], self.volumes()
        self.house.do("rm", "-v", "one")
        assert list(self.volumes()) == ["named"], self.volumes()
        self.house.do("volume", "rm", "named")

    def run_to_the_end(self):
        self.house.do("run", "--rm", "-v", "/more", "stores:1", "touch", "/data/new", "/more/new")
        self.expect_none()
        failed = self.house.holm("run", "--rm", "stores:1", "/no/such/program")
        assert failed.returncode == 127, failed
        wait_until(lambda: not self.volumes() and not self.files(), "the end of volumes of what did not start", 30)

    def refused(self):
        """What could not be made leaves none behind."""
        self.house.do("create", "--name", "taken", "busybox", "true")
        for arguments in (("--name", "taken"), ("--network", "nowhere"), ("--cap-add", "nonsense"),
                          [word for number in range(15) for word in ("-v", f"/{number}")]):
            assert self.house.holm("create", *arguments, "stores:1", "true").returncode == 125, arguments
        self.expect_none()
        self.house.do("rm", "taken")

    def killed(self):
        """The shim is lost: removing the container later takes its volumes along, as it was run with --rm."""
        self.house.do("run", "-d", "--rm", "--name", "lost", "stores:1", "sleep", "100000")
        for shim in self.house.processes("holm-shim"):
            self.house.kill(shim)
        wait_until(lambda: self.house.status("lost")["state"] == "exited", "the end of the container")
        assert len(self.volumes()) == 2, self.volumes()
        self.house.do("rm", "lost")
        self.expect_none()


def main():
    need_busybox()
    with House() as house:
        test = Anonymous(house)
        run_steps(test.image, test.made, test.kept_and_removed, test.covered, test.run_to_the_end, test.refused,
                  test.killed)


main()
