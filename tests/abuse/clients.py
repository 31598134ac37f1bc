#!/usr/bin/env python3
"""Clients that mean harm, or many at once: the server stays small, answers others, and loses no request when it
stops. usage: tests/abuse/clients.py build/release/upnext
"""

import argparse
import gzip
import http.client
import resource
import socket
import sys
import threading
import time

from abuse_site import Failed, Server, Site, require

MIB = 1 << 20
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connect(server):
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def send(client, data):
    """As much of it as the server takes."""
    try:
        client.sendall(data)
        return True
    except OSError:
        return False


def status(client):
    """Status of the next answer; None when the connection ended without one."""
    try:
        line = client.recv(4096).split(b"\r\n")[0]
        return int(line.split()[1]) if line else None
    except OSError:
        return None


class Memory:
    """Greatest growth of the resident memory of a process."""

    def __init__(self, process):
        self.path = f"/proc/{process.pid}/status"
        self.before = self.now()

    def now(self, key="VmRSS"):
        for line in open(self.path):
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        raise Failed("no memory in " + self.path)

    def grown(self):
        return self.now("VmHWM") - self.before


def within(memory, mib, what):
    grown = memory.grown()
    print(f"  {what}: memory grew by {grown / MIB:.0f} MiB, at most {mib} allowed", flush=True)
    require(grown <= mib * MIB, what, "took", grown // MIB, "MiB")


def answers(server):
    require(server.request("GET", "/v1/recommendations?user=u1&n=3")[0] == 200, "others are not served")


def at_once(count, work):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def frames(site, server):
    """Chunk extensions and trailers without end, from ten connections."""
    memory = Memory(server.process)
    seen = []

    def work(i):
        client = connect(server)
        start = [b"1;", b"0\r\nX: ", b"1;a=\"", b"0;"][i % 4]
        send(client, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + start)
        piece = b"x" * MIB
        for _ in range(60):
            if not send(client, piece):
                break
        seen.append(status(client))

    at_once(10, work)
    require(set(seen) <= {400, None} and 400 in seen, seen)
    within(memory, 40, "600 MiB of chunk extensions and trailers")
    answers(server)


def bodies(site, server):
    """150 bodies of 8 MiB, sent but for their last byte."""
    memory = Memory(server.process)
    clients = [connect(server) for _ in range(150)]
    for client in clients:
        send(client, HEAD + b"Content-Length: %d\r\n\r\n" % (8 * MIB))
    at_once(150, lambda i: send(clients[i], b" " * (8 * MIB - 1)))
    answers(server)
    for client in clients:
        client.close()
    within(memory, 160, "150 bodies of 8 MiB")
    require(server.post([{"user": "u1", "item": "i1", "type": "click"}])[0] == 200, "no room afterwards")


def costly_json(site, server):
    """Bodies whose JSON has a value in every second byte, as they are and compressed."""
    memory = Memory(server.process)
    body = b'{"events":[' + b"1," * (4 * MIB - 20) + b"1]}"
    small = gzip.compress(body, 1)

    def work(i):
        client = connect(server)
        if i % 2 == 0:
            send(client, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        else:
            send(client, HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(small) + small)
        found = status(client)
        require(found in (400, 413, 415, 503), found)

    at_once(24, work)
    answers(server)
    within(memory, 400, "24 bodies of dense JSON")


def connections(site, server):
    """More connections than are allowed, which send nothing, part of a header, or read nothing."""
    memory = Memory(server.process)
    held = []
    for i in range(6000):
        try:
            client = connect(server)
        except OSError:  # above the limit
            continue
        if i % 3 == 1:
            send(client, b"GET /healthz HTTP/1.1\r\nHost: local")
        if i % 3 == 2:
            send(client, b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        held.append(client)
    began = time.monotonic()
    fresh = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    fresh.request("GET", "/v1/recommendations?user=u1&n=3")
    require(fresh.getresponse().status == 200, "a new client is not served")
    print(f"  a new client was answered after {time.monotonic() - began:.3f} s", flush=True)
    for client in held:
        client.close()
    within(memory, 250, "6000 connections")
    fresh.close()
    server.client.close()  # it was idle and may have made room
    answers(server)


def stop(site, server):
    """SIGTERM under sixteen clients: each request is answered, or not accepted."""
    lost, answered = [], []
    go_on = True

    def work(i):
        keep = i % 2 == 0
        while go_on:
            try:
                client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                client.connect()
            except OSError:
                return
            while True:
                try:
                    if i % 4 == 0:
                        client.request("POST", "/v1/events", b'{"events":[{"user":"u1","item":"i1","type":"click"}]}',
                                       {"Content-Type": "application/json"})
                    else:
                        client.request("GET", f"/v1/recommendations?user=u{i}&n=5",
                                       headers={} if keep else {"Connection": "close"})
                    response = client.getresponse()
                    response.read()
                    answered.append(response.status)
                    if response.getheader("Connection") == "close":
                        break
                except (OSError, http.client.HTTPException) as error:
                    lost.append(repr(error))
                    break
            client.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    server.process.terminate()
    time.sleep(0.2)
    probe = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    probe.request("GET", "/readyz")
    require(probe.getresponse().status == 503, "still ready")
    require(server.process.wait(timeout=60) == 0, "the server did not stop cleanly")
    go_on = False
    for thread in threads:
        thread.join()
    print(f"  {len(answered)} answers, {len(lost)} lost", flush=True)
    require(not lost and set(answered) == {200}, lost[:3], set(answered))


# One line per case.
CASES = [frames, bodies, costly_json, connections, stop]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    failed = 0
    with Site(options.binary, stop_delay=1) as site:
        site.upnext("import")
        site.upnext("train")
        for case in CASES:
            if options.only and case.__name__ != options.only:
                continue
            server = Server(site)
            try:
                case(site, server)
                if server.process.poll() is None:
                    server.stop()
                print(f"{case.__name__}: ok", flush=True)
            except (Failed, OSError, http.client.HTTPException) as failure:
                failed += 1
                server.kill()
                print(f"{case.__name__}: FAILED: {failure!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
