"""Searches for the best items: upnext's index next to hnswlib, faiss, usearch and SVS.

    upnext bench index -c PROJECT --export DIR
    pip install numpy hnswlib faiss-cpu usearch scalable-vs      (those that are missing are left out)
    python bench/index_peers.py --vectors DIR --upnext build/release/upnext

DIR has items.fvecs and users.fvecs (of each row its length, then its floats). Seven of ten users build an index that
is built with queries, one tunes upnext's effort, at most a thousand of the others are searched for, by every program
the same. One thread, processor time, so that programs can be compared on a machine that does other work. Of each
program the settings that reach the recall with the most queries per second are shown, or the largest recall that it
reached.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np

K = 200
EFFORTS = [200, 260, 340, 450, 600, 900, 1400, 2000, 3000, 5000]


def read(path):
    raw = np.fromfile(path, np.int32)
    return np.ascontiguousarray(raw.reshape(-1, raw[0] + 1)[:, 1:]).view(np.float32)


def parts(users):
    place = np.arange(len(users)) % 10
    return users[place < 7], users[place >= 8][:1000]


class Peer:
    """Builds with build(), then searches once for each setting."""

    def __init__(self, name, build, search, settings):
        self.name, self.build, self.search, self.settings = name, build, search, settings


def hnswlib_peer(items, degree):
    import hnswlib

    def build():
        index = hnswlib.Index("ip", items.shape[1])
        index.init_index(len(items), M=degree, ef_construction=200, random_seed=1)
        index.set_num_threads(1)
        index.add_items(items, num_threads=1)
        return index

    def search(index, queries, effort):
        index.set_ef(effort)
        return index.knn_query(queries, K, num_threads=1)[0]

    return Peer(f"hnswlib M {degree}", build, search, EFFORTS)


def faiss_peer(items, name, factory, parameter, values, rescored=""):
    import faiss

    faiss.omp_set_num_threads(1)

    def build():
        index = faiss.index_factory(items.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        index.train(items)
        index.add(items)
        return index

    def search(index, queries, value):
        faiss.ParameterSpace().set_index_parameters(index, f"{parameter}={value}{rescored}")
        return np.concatenate([index.search(query[None], K)[1] for query in queries])

    return Peer(name, build, search, values)


def usearch_peer(items, dtype):
    from usearch.index import Index

    def build():
        index = Index(ndim=items.shape[1], metric="ip", dtype=dtype, connectivity=32, expansion_add=200)
        index.add(np.arange(len(items)), items, threads=1)
        return index

    def search(index, queries, effort):
        index.expansion_search = effort
        found = index.search(queries, K, threads=1)
        return np.asarray(found.keys).astype(np.int64)

    return Peer(f"usearch {dtype}", build, search, EFFORTS)


def svs_peer(items):
    import svs

    def build():
        parameters = svs.VamanaBuildParameters(graph_max_degree=64, window_size=200, alpha=0.95)
        return svs.Vamana.build(parameters, items, svs.DistanceType.MIP, num_threads=1)

    def search(index, queries, effort):
        index.search_window_size = effort
        index.num_threads = 1
        return index.search(queries, K)[0]

    return Peer("SVS Vamana fp32", build, search, EFFORTS)


def peers(items):
    lists = int(4 * np.sqrt(len(items)))
    probes = [4, 8, 16, 32, 64, 128, 256, 512]
    makers = [
        lambda: hnswlib_peer(items, 16),
        lambda: hnswlib_peer(items, 32),
        lambda: faiss_peer(items, "faiss HNSW", "HNSW32", "efSearch", EFFORTS),
        lambda: faiss_peer(items, "faiss IVF", f"IVF{lists},Flat", "nprobe", probes),
        lambda: faiss_peer(
            items,
            "faiss IVF-PQ fast scan",
            f"IVF{lists},PQ{items.shape[1] // 2}x4fs,RFlat",
            "nprobe",
            probes,
            ",k_factor_rf=8",  # so many times the best are scored again in full
        ),
        lambda: usearch_peer(items, "i8"),
        lambda: usearch_peer(items, "f32"),
        lambda: svs_peer(items),
    ]
    for make in makers:
        try:
            yield make()
        except ImportError as missing:
            print(f"left out: {missing}", file=sys.stderr)


def best_of(items, queries, searched):
    best = [np.argpartition(-(items @ query), K)[:K] for query in queries[:searched]]
    return np.stack(best)


def recall(found, best):
    return float(np.mean([len(np.intersect1d(f, b)) for f, b in zip(found, best)])) / K


def measure(peer, queries, best):
    begin = time.process_time()
    index = peer.build()
    build = time.process_time() - begin
    rows = []
    for setting in peer.settings:
        begin = time.process_time()
        found = peer.search(index, queries, setting)
        seconds = time.process_time() - begin
        rows.append((recall(found, best), len(queries) / seconds))
        print(f"  {peer.name} {setting}: recall {rows[-1][0]:.4f}, {rows[-1][1]:.0f}/s", file=sys.stderr, flush=True)
        if rows[-1][0] > 0.995:
            break
    return build, rows


def cell(rows, target):
    reached = [rate for found, rate in rows if found >= target]
    return f"{max(reached):,.0f}" if reached else f"never ({max(found for found, _ in rows):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--upnext", help="the binary")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--only", default="", help="peers whose names contain this")
    args = parser.parse_args()
    items = read(f"{args.vectors}/items.fvecs")
    _, queries = parts(read(f"{args.vectors}/users.fvecs"))
    queries = queries[: args.queries]
    best = best_of(items, queries, len(queries))
    print(f"{len(items):,} items, dim {items.shape[1]}, best {K}, {len(queries)} queries\n")
    print("| index | build, CPU s | queries/s at .95 | queries/s at .99 |\n|---|---:|---:|---:|")
    if args.upnext:
        command = [args.upnext, "bench", "index", "--vectors", args.vectors, "-k", str(K), "--json"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows = [(row["recall"], row["queries_s"]) for row in ours["graph"]]
        cells = [f"{rate:,.0f} (recall {found:.3f})" for found, rate in rows]
        print(f"| **upnext graph** | {ours['build_cpu_s']:.0f} | {' | '.join(cells)} |")
        exact = f"{ours['exact']['queries_s']:,.0f}"
        print(f"| **upnext exact** | | {exact} | {exact} |", flush=True)
    for peer in peers(items):
        if args.only not in peer.name:
            continue
        build, rows = measure(peer, queries, best)
        print(f"| {peer.name} | {build:.0f} | {cell(rows, 0.95)} | {cell(rows, 0.99)} |", flush=True)


if __name__ == "__main__":
    main()
