"""Real clusters and sentinel sets on this machine, from the server binary that the embedded store brings."""

import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import redis

from service.tracking.embedded import die_with_parent, server_binary

PATIENCE_S = 30.0
SLOTS = 16_384


@dataclass
class Node:
    """One server process on a loopback port."""

    port: int
    process: "subprocess.Popen[bytes]"

    def client(self) -> "redis.Redis":
        """A plain connection to this server alone."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def kill(self) -> None:
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()


@dataclass
class Fleet:
    """Servers that are one store: ``url`` as REDIS_URL takes it, the data servers, and the sentinels if any."""

    url: str
    nodes: list[Node]
    sentinels: list[Node] = field(default_factory=list)
    service: str = ""

    def close(self) -> None:
        """Stop all of them."""
        for node in (*self.sentinels, *self.nodes):
            node.process.kill()
            node.process.wait()

    def primary(self) -> Node:
        """The data server that the sentinels name."""
        with self.sentinels[0].client() as asked:
            _, port = asked.sentinel_get_master_addr_by_name(self.service)
        return next(node for node in self.nodes if node.port == int(port))

    def owner(self, slot: int) -> Node:
        """The cluster node that serves a slot."""
        with next(node for node in self.nodes if node.process.poll() is None).client() as asked:
            for first, last, primary, *_ in asked.execute_command("CLUSTER", "SLOTS"):
                if int(first) <= slot <= int(last):
                    return next(node for node in self.nodes if node.port == int(primary[1]))
        raise AssertionError(f"nobody serves slot {slot}")


def start_node(directory: Path, *options: str, first: str | None = None) -> Node:
    """A server with these options; ``first`` is its configuration file. Waits until it answers."""
    directory.mkdir(parents=True)
    port = _free_port()
    command = [str(server_binary()), *([first] if first else []), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(directory), "--logfile", str(directory / "log"), "--daemonize", "no", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
    node = Node(port, process)
    await_true(lambda: node.client().ping(), f"server on port {port}")
    return node


def start_cluster(directory: Path, *, replicas: bool, node_timeout_ms: int = 2000) -> Fleet:
    """Three primaries that share the slots, and a replica of each if wanted; all know each other on return."""
    count = 6 if replicas else 3
    with ExitStack() as undo:
        nodes = []
        for number in range(count):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms), "--save", ""]
            options += ["--cluster-port", str(_free_port()), "--cluster-config-file", "nodes.conf"]
            options += ["--appendonly", "no", "--repl-diskless-sync-delay", "0"]
            nodes.append(start_node(directory / f"node{number}", *options))
            undo.callback(nodes[-1].process.kill)
        _share_slots(nodes[:3])
        _introduce(nodes)
        for replica, primary in zip(nodes[3:], nodes[:3], strict=True) if replicas else ():
            with replica.client() as asked, primary.client() as named:
                asked.execute_command("CLUSTER", "REPLICATE", named.execute_command("CLUSTER", "MYID"))
        await_true(lambda: all(_is_settled(node, count) for node in nodes), "a cluster that is complete")
        undo.pop_all()
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    return Fleet(f"redis+cluster://{hosts}", nodes)


def start_sentinels(directory: Path, *, down_after_ms: int) -> Fleet:
    """A primary with two replicas, watched by three sentinels; all know each other on return."""
    with ExitStack() as undo:
        nodes: list[Node] = []
        for number in range(3):
            follow = ["--replicaof", f"127.0.0.1 {nodes[0].port}"] if nodes else []
            options = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", *follow]
            nodes.append(start_node(directory / f"data{number}", *options))
            undo.callback(nodes[-1].process.kill)
        await_true(lambda: nodes[0].client().info("replication")["connected_slaves"] == 2, "two replicas")
        sentinels = []
        for number in range(3):
            sentinels.append(_start_sentinel(directory, number, nodes[0].port, down_after_ms))
            undo.callback(sentinels[-1].process.kill)
        await_true(lambda: all(_knows_all(sentinel) for sentinel in sentinels), "sentinels that know each other")
        undo.pop_all()
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in sentinels)
    return Fleet(f"redis+sentinel://{hosts}/mymaster/0", nodes, sentinels, "mymaster")


def await_true(condition: "object", what: str) -> None:
    """Poll until the condition holds; a server that does not answer yet counts as not yet."""
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE_S:.0f} s"
        time.sleep(0.05)


def _start_sentinel(directory: Path, number: int, primary: int, down_after_ms: int) -> Node:
    config = directory / f"sentinel{number}.conf"
    lines = [
        f"sentinel monitor mymaster 127.0.0.1 {primary} 2",
        f"sentinel down-after-milliseconds mymaster {down_after_ms}",
        "sentinel failover-timeout mymaster 3000",
    ]
    config.write_text("\n".join(lines) + "\n")
    return start_node(directory / f"sentinel{number}", "--sentinel", first=str(config))


def _knows_all(sentinel: Node) -> bool:
    with sentinel.client() as asked:
        state = asked.sentinel_master("mymaster")
    return int(state["num-slaves"]) == 2 and int(state["num-other-sentinels"]) == 2


def _share_slots(primaries: list[Node]) -> None:
    share = SLOTS // len(primaries) + 1
    for number, node in enumerate(primaries):
        first, last = number * share, min((number + 1) * share, SLOTS) - 1
        with node.client() as asked:
            asked.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            asked.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)


def _introduce(nodes: list[Node]) -> None:
    for node in nodes[1:]:
        with nodes[0].client() as asked, node.client() as met:
            bus = met.config_get("cluster-port")["cluster-port"]
            asked.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
    await_true(lambda: all(_known(node) == len(nodes) for node in nodes), "nodes that know each other")


def _known(node: Node) -> int:
    with node.client() as asked:
        return int(asked.cluster("INFO")["cluster_known_nodes"])


def _is_settled(node: Node, count: int) -> bool:
    with node.client() as asked:
        info = asked.cluster("INFO")
        rows = asked.execute_command("CLUSTER", "SLOTS")
        linked = asked.info("replication").get("master_link_status", "up") == "up"
    served = {int(member[1]) for row in rows for member in row[2:]}
    return info["cluster_state"] == "ok" and len(served) == count and linked


def _free_port() -> int:
    """A free port. Below the range that the system hands out by itself, so that nobody takes it in between."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def _candidates() -> Iterable[int]:
    import os
    import random

    order = list(range(20_000, 32_000))
    random.Random(os.getpid()).shuffle(order)
    return iter(order)


_ports = _candidates()
