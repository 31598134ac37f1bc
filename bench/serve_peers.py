"""Feeds over HTTP: upnext next to a service in Python that does the same two stages (peers/python_service.py).

    pip install fastapi uvicorn[standard] redis hiredis orjson onnxruntime faiss-cpu numpy      and a redis-server
    python bench/serve_peers.py --upnext build/release/upnext -c PROJECT.toml [--rounds 3] [--seconds 10]

Both answer the same load of `upnext bench serve`, in turn, on the same machine: a closed loop, then half and 80 % of what
that gave. The service gets the models of the project as ONNX, an IVF index of their item vectors with as many lists as
recall@500 of .95 needs, and a Redis with as many watches of each user as the project's users have on average. Prints JSON
and a table of medians.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def lists_to_search(models, k):
    """The smallest nprobe of the service's index with recall@k of .95 for random user-like vectors: items' own, scaled."""
    sys.path.insert(0, str(HERE / "peers"))
    from python_service import Models

    served = Models(models, k)
    rng = np.random.default_rng(2)
    queries = served.vectors[rng.integers(1, served.items, 200)] + rng.normal(0, 0.05, (200, served.vectors.shape[1])).astype("f4")
    scores = queries @ served.vectors[1:].T
    best = np.argpartition(-scores, k, axis=1)[:, :k] if served.items > k + 1 else np.tile(np.arange(served.items - 1), (200, 1))
    for probe in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        served.index.nprobe = probe
        found = served.index.search(queries.astype("f4"), k)[1]
        recall = np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, best)])
        if recall >= 0.95 or probe >= served.index.nlist:
            return probe, float(recall)
    return 1024, float(recall)


class Peer:
    def __init__(self, given, models, probe):
        self.redis_port, self.port = free_port(), free_port()
        self.folder = tempfile.mkdtemp()
        self.redis = subprocess.Popen([shutil.which("redis-server") or "redis-server", "--port", str(self.redis_port), "--dir", self.folder,
                                       "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL)
        environment = {**os.environ, "PEER_NPROBE": str(probe)}
        self.service = subprocess.Popen([sys.executable, HERE / "peers" / "python_service.py", "--models", models, "--port",
                                         str(self.port), "--workers", str(given.workers), "--redis", str(self.redis_port),
                                         "--candidates", str(given.candidates)], env=environment)
        self.url = f"http://127.0.0.1:{self.port}"

    def fill(self, users, items, watches):
        import redis

        store = redis.Redis(port=self.redis_port)
        rng = np.random.default_rng(3)
        pipe = store.pipeline(transaction=False)
        for number, user in enumerate(users):
            pipe.set("w:" + user, rng.integers(1, items, watches).astype(np.int64).tobytes())
            if number % 5000 == 4999:
                pipe.execute()
        pipe.execute()

    def wait(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/v1/recommendations?user=u", timeout=5).read()
                return
            except OSError:
                time.sleep(0.5)
        raise SystemExit("the service did not start")

    def stop(self):
        for process in (self.service, self.redis):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", required=True)
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--project-dir", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--watches", type=int, default=10, help="of each user in Redis")
    parser.add_argument("--models", type=pathlib.Path, help="folder for the export, kept (default: a temporary one)")
    given = parser.parse_args()
    project = ["-c", given.config] + (["--project-dir", given.project_dir] if given.project_dir else [])
    models = given.models or pathlib.Path(tempfile.mkdtemp())
    if not (models / "manifest.json").exists():
        subprocess.run([given.upnext, "export", *project, "--onnx", models], check=True)
    probe, recall = lists_to_search(models, given.candidates)
    names = (models / "vocabulary.user.txt").read_text().split("\n")[1:] if (models / "vocabulary.user.txt").exists() else []
    load = ["--seconds", str(given.seconds), "--readers", str(given.readers), "--json"]
    peer = Peer(given, models, probe)
    runs = []
    try:
        peer.wait()
        peer.fill(names or [f"u{i}" for i in range(100_000)], len(np.load(models / "items.npy", mmap_mode="r")), given.watches)
        for round_number in range(given.rounds):
            for name, more in (("upnext", []), ("python service", ["--url", peer.url, "--changes-per-s", "0"])):
                done = subprocess.run([given.upnext, "bench", "serve", *project, *load, *more, "--seed", str(round_number + 1)],
                                      capture_output=True, text=True)
                if done.returncode != 0:
                    raise SystemExit(done.stderr)
                runs.append({"program": name, "round": round_number, **json.loads(done.stdout)})
    finally:
        peer.stop()
    out = {"nprobe": probe, "recall": recall, "workers": given.workers, "runs": runs}
    print(json.dumps(out))
    print(f"\n{runs[0]['machine']}; {runs[0]['items']} items, {runs[0]['users']} users; the service's index searches {probe} lists (recall@"
          f"{given.candidates} {recall:.3f})", file=sys.stderr)
    print(f"{'':16} {'':22} {'feeds/s':>9} {'p50 ms':>8} {'p99 ms':>8}", file=sys.stderr)
    for name in ("upnext", "python service"):
        of_program = [r for r in runs if r["program"] == name]
        for i, kind in enumerate(("warm-up", "closed loop", "50 %", "80 %")):
            if i == 0:
                continue
            rate, p50, p99 = (float(np.median([f(r["runs"][i]) for r in of_program])) for f in (
                lambda x: x["feeds_per_s"], lambda x: x["feed_ms"]["p50"], lambda x: x["feed_ms"]["p99"]))
            print(f"{name:16} {kind:22} {rate:9.1f} {p50:8.2f} {p99:8.2f}", file=sys.stderr)


if __name__ == "__main__":
    main()
