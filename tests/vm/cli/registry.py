"""Debian's docker-registry on the loopback, filled by skopeo with images that umoci made."""
import json
import os
import socket
import subprocess

from house import wait_until


def run(*command, **more):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)


class Registry:
    def __init__(self, folder, **more):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        configuration = {"version": "0.1", "log": {"level": "error"}, "http": {"addr": self.host},
                         "storage": {"filesystem": {"rootdirectory": f"{folder}/registry"}}, **more}
        with open(f"{folder}/registry.json", "w") as file:
            json.dump(configuration, file)
        self.process = subprocess.Popen(["docker-registry", "serve", f"{folder}/registry.json"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.layout = f"{folder}/layout"
        run("umoci", "init", "--layout", self.layout)

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until(answers, "docker-registry")

    def push(self, name, layers, *configuration, options=()):
        """An image of these tars, the lowest first; returns its reference."""
        image = f"{self.layout}:{name}"
        run("umoci", "new", "--image", image)
        for layer in layers:
            run("umoci", "raw", "add-layer", "--image", image, layer)
        if configuration:
            run("umoci", "config", "--image", image, *configuration)
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", *options, f"oci:{image}", f"docker://{self.host}/{name}:v1")
        return f"{self.host}/{name}:v1"

    def unpack(self, name):
        """The folder of the root file system as umoci makes it. Needs root."""
        run("umoci", "raw", "unpack", "--image", f"{self.layout}:{name}", f"{self.folder}/{name}.root")
        return f"{self.folder}/{name}.root"

    def close(self):
        self.process.terminate()
        self.process.wait()
