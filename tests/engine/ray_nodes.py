"""Real Ray nodes on this machine: a head and one more, each with its own processes, listening on loopback alone."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# `ray start` for a node at 127.0.0.1. Ray itself replaces that by an address that other machines can reach; two
# nodes that listen on loopback alone are for tests only, and there is no option for them.
_START = """
import sys
from ray._private import services
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
sys.argv[0] = "ray"
main()
"""
_SECONDS = 90
_SHORT = "/tmp" if Path("/tmp").is_dir() else None  # a socket's path has room for some hundred letters


@dataclass(frozen=True)
class Node:
    process: subprocess.Popen

    def family(self) -> list[psutil.Process]:
        """The node's processes, raylet and workers among them; empty once it has ended."""
        try:
            parent = psutil.Process(self.process.pid)
            return [*parent.children(recursive=True), parent]
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Its workers that run a task now."""
        found = []
        for process in self.family():
            try:
                name = process.cmdline()[:1]
            except psutil.Error:
                continue
            if name and name[0].startswith("ray::_run"):
                found.append(process)
        return found

    def kill(self) -> None:
        """End all of it at once, with SIGKILL: nothing is said to the cluster."""
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


class Nodes:
    """A head with one core; `join` adds machines with one core each. All share one token."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="wk", dir=_SHORT)
        self._folder = folder = Path(self._place.name)
        self._started: list[Node] = []
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "COV_"))},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        }
        self.address = f"127.0.0.1:{_free_port()}"
        port = self.address.rpartition(":")[2]
        self.head = self._start("--head", "--port", port, "--include-dashboard", "false")

    @property
    def driver_environment(self) -> dict[str, str]:
        """For a driver, which stays on loopback as the nodes do."""
        return {**self.environment, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

    def join(self) -> Node:
        return self._start("--address", self.address)

    def _start(self, *options: str) -> Node:
        name = f"n{len(self._started)}"
        log = self._folder / f"{name}.log"
        command = [
            sys.executable, "-c", _START, "start", *options, "--block", "--node-ip-address", "127.0.0.1",
            "--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats",
            "--include-log-monitor", "false", "--temp-dir", str(self._folder / name),
        ]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        node = Node(process)
        self._started.append(node)
        limit = time.monotonic() + _SECONDS
        while b"Ray runtime started" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(log.read_text())
            time.sleep(0.2)
        return node

    def stop(self) -> None:
        for node in reversed(self._started):
            node.kill()
        self._place.cleanup()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
