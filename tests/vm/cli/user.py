"""A normal user, made for a test and removed with it: what holm promises, it promises to those who are not root."""
import contextlib
import os
import pwd
import subprocess

from house import House


def reason_without():
    """Why there can be no such user; None where there can."""
    if os.geteuid() != 0:
        return "not root: no other user can be made, and what runs now already runs as a normal one"
    return None


class User:
    """with User() as user: …  user.prefix in front of a command runs it as the user, without any group or right of root's."""

    def __init__(self):
        self.name = f"holm-t{os.getpid()}"
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", self.name], check=True)
        entry = pwd.getpwnam(self.name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, entry.pw_dir
        os.chmod(self.home, 0o700)
        self.prefix = ["setpriv", "--reuid", self.name, "--regid", str(self.gid), "--clear-groups", "--inh-caps=-all", "--"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["userdel", "--remove", "--force", self.name], check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def house_of_user(groups=()):
    """A holm of such a user's, who is in these groups too, or of one's own where there can be none; and the owner's ids and name."""
    with contextlib.ExitStack() as stack:
        user = None if reason_without() else stack.enter_context(User())
        if user and groups:
            user.prefix[user.prefix.index("--clear-groups")] = f"--groups={','.join(map(str, (user.gid, *groups)))}"
        house = stack.enter_context(House(user=user))
        yield house, (user.uid, user.gid) if user else (os.getuid(), os.getgid()), user.name if user else None
