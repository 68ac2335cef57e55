#!/usr/bin/env python3
"""Signs people in beside 2,000 slow connections, and compares with the same without them.

    bench/slow_connections.py PROGRAM [--connections N] [--rounds N] [--sign-ins N] [--head BYTES]

PROGRAM is the countersign binary. Rounds without and with the slow connections alternate, so that whatever else the machine does
disturbs both. Each slow connection comes from an address of its own in 127.0.0.0/8, sends the beginning of a request's headers, and then a
byte a second; when the server closes it, another one takes its place.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

START = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


def main():
    options = arguments()
    # An end from outside ends the server as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # One file for each end of a connection that is ours.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        server = Server(options.program, folder)
        try:
            passed = asyncio.run(experiment(options, server))
        finally:
            server.stop()
    sys.exit(0 if passed else 1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each kind")
    parser.add_argument("--sign-ins", type=int, default=250, help="in each round")
    parser.add_argument("--head", type=int, default=2000, help="bytes that each slow connection sends at once")
    return parser.parse_args()


class Server:
    """countersign serve --dev on a free port, with data of its own."""

    def __init__(self, program, folder):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
        command = [program, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", f"{folder}/data"]
        self.log = open(f"{folder}/log", "wb")
        self.process = subprocess.Popen(command, env=clean, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 120
        while True:
            try:
                with open(f"{folder}/data/demo.json") as file:
                    demo = json.load(file)
                self.address = urllib.parse.urlsplit(demo["url"])
                if self.get("/readyz")[0] == 200:
                    break
            except (OSError, ValueError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the server does not start:\n" + open(f"{folder}/log").read())
            time.sleep(0.05)
        self.people = demo["people"]

    def get(self, path):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def open_connections(self):
        found = re.search(r'countersign_connections_open{listener="listen"} (\d+)', self.get("/metrics")[1])
        return int(found.group(1)) if found else 0

    def memory(self):
        """Resident memory in MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def sign_in(server, person):
    """The time for one person: the page, and then the password, on a new connection."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(server.address.hostname, server.address.port, timeout=60)
    connection.request("GET", "/sign-in")
    page = connection.getresponse()
    body = page.read().decode()
    cookie = page.getheader("set-cookie").split(";")[0]
    token = re.search(r'name="csrf_token" value="([^"]+)"', body).group(1)
    fields = {"email": person["email"], "password": person["password"], "csrf_token": token}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/sign-in", urllib.parse.urlencode(fields), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 303:
        raise RuntimeError(f"a sign-in was answered with {answer.status}")
    return time.perf_counter() - begun


async def sign_ins(server, count):
    """The times of this many sign-ins, two at a time."""
    people, times = itertools.cycle(server.people), []

    async def worker(share):
        for _ in range(share):
            times.append(await asyncio.to_thread(sign_in, server, next(people)))

    await asyncio.gather(worker(count // 2), worker(count - count // 2))
    return times


async def watch(server, opened, memory):
    """Notes how many connections are open and how much memory the server has, twice a second."""
    while True:
        await asyncio.sleep(0.5)
        opened.append(await asyncio.to_thread(server.open_connections))
        memory.append(server.memory())


class SlowConnections:
    """As many slow connections as asked for, each replaced when it is closed."""

    def __init__(self, server, count, head):
        self.server, self.head, self.tasks, self.replaced = server, head, [], 0
        self.tasks = [asyncio.create_task(self.keep(number)) for number in range(count)]

    async def keep(self, number):
        source = f"127.1.{number // 250}.{number % 250 + 1}"
        # Spread out, so that they are not all replaced in the same moment.
        await asyncio.sleep((number % 100) / 20)
        while True:
            stream = socket.socket()
            stream.setblocking(False)
            loop = asyncio.get_running_loop()
            try:
                stream.bind((source, 0))
                await loop.sock_connect(stream, (self.server.address.hostname, self.server.address.port))
                await loop.sock_sendall(stream, START + b"a" * self.head)
                await self.dribble(stream)
            except OSError:
                pass
            finally:
                stream.close()
            self.replaced += 1
            await asyncio.sleep(0.2)

    async def dribble(self, stream):
        """Sends a byte a second until the server answers or closes."""
        while True:
            try:
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(stream, 1), 1)
                return
            except TimeoutError:
                await asyncio.get_running_loop().sock_sendall(stream, b"a")

    async def all_open(self):
        """Waits until they are open, and says how many connections the server has."""
        deadline = time.monotonic() + 20
        while True:
            count = await asyncio.to_thread(self.server.open_connections)
            if count >= 0.97 * len(self.tasks) or time.monotonic() > deadline:
                return count
            await asyncio.sleep(0.1)

    async def stop(self):
        # Again, because a wait that times out at this moment can swallow the request.
        pending = self.tasks
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)


def p99(times):
    return statistics.quantiles(times, n=100)[98]


async def experiment(options, server):
    await sign_ins(server, 20)  # memory for hashing is taken once
    quiet, slow, memory, opened = [], [], [], []
    before = server.memory()
    for number in range(options.rounds):
        quiet += await sign_ins(server, options.sign_ins)
        attackers = SlowConnections(server, options.connections, options.head)
        await attackers.all_open()
        watcher = asyncio.create_task(watch(server, opened, memory))
        slow += await sign_ins(server, options.sign_ins)
        watcher.cancel()
        await attackers.stop()
        print(f"round {number + 1}: {statistics.mean(opened):.0f} connections on average, {attackers.replaced} replaced")
        while await asyncio.to_thread(server.open_connections) > 50:
            await asyncio.sleep(0.2)
    ratio, growth = p99(slow) / p99(quiet), max(memory) - before
    for name, times in (("undisturbed", quiet), ("beside them", slow)):
        print(f"{name}: {len(times)} sign-ins, median {statistics.median(times) * 1000:.0f} ms, p99 {p99(times) * 1000:.0f} ms")
    print(f"p99 ratio {ratio:.2f} (at most 2); memory {before:.0f} MiB, grew by {growth:.0f} MiB (at most 100)")
    # At any moment some have just been closed, and are being replaced.
    enough = statistics.mean(opened) >= 0.95 * options.connections
    if not enough:
        print("too few connections were open")
    return ratio <= 2 and growth <= 100 and enough


if __name__ == "__main__":
    main()
