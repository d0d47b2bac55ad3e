"""holm doctor: what is needed, what is there, and the exit code that says whether it is enough."""
import fcntl
import json
import os
import unittest

from house import House


class Doctor(unittest.TestCase):
    def checks(self, house, code, **environment):
        house.environment |= environment
        found = json.loads(house.holm("doctor", "--format", "json", code=code).stdout)
        for check in found:
            self.assertEqual(set(check), {"name", "state", "looked", "found", "advice"})
            self.assertIn(check["state"], ("good", "note", "missing"))
            self.assertTrue(check["advice"] or check["state"] == "good", check)
        return {check["name"]: check for check in found}

    def test_all_is_there(self):
        with House(image=False) as house:
            found = self.checks(house, 0)
            for name in ("guest kernel", "guest agent", "helpers", "QEMU", "seccomp", "data folder"):
                self.assertEqual(found[name]["state"], "good", found[name])
            self.assertRegex(found["QEMU"]["found"], r"version \d+\.\d+")
            table = house.do("doctor")
            self.assertIn("guest kernel", table)
            self.assertEqual(table.splitlines()[0].split()[:3], ["STATE", "CHECK", "FOUND"])
            self.assertEqual(house.do("system", "doctor"), table)

    def test_what_is_missing(self):
        with House(image=False) as house:
            found = self.checks(house, 1, HOLM_QEMU="/nonexistent/qemu")
            self.assertEqual(found["QEMU"]["state"], "missing")
            self.assertIn("/nonexistent/qemu", found["QEMU"]["looked"])
            told = house.holm("doctor", code=1).stdout
            self.assertIn("What to do:\nQEMU: install QEMU 7.2", told)

    def test_a_qemu_that_does_not_end(self):
        with House(image=False) as house:
            program = f"{house.folder}/qemu"
            with open(program, "w") as file:
                file.write("#!/bin/sh\nexec sleep 1000\n")
            os.chmod(program, 0o755)
            self.assertIn("does not end", self.checks(house, 1, HOLM_QEMU=program)["QEMU"]["found"])

    def test_the_kernel_being_built(self):
        with House(image=False) as house:
            kernels = f"{house.folder}/c/holm/kernel"
            os.remove(kernels)
            os.mkdir(kernels)
            self.assertIn("build.sh", self.checks(house, 1)["guest kernel"]["advice"])
            with open(f"{kernels}/build.lock", "w") as lock, open(f"{kernels}/build.percent", "w") as percent:
                fcntl.flock(lock, fcntl.LOCK_EX)
                percent.write("40\n")
                percent.flush()
                self.assertEqual(self.checks(house, 1)["guest kernel"]["found"], "it is being built: 40 %")
            self.assertEqual(self.checks(house, 1)["guest kernel"]["found"], "there is none")


unittest.main(verbosity=2)
