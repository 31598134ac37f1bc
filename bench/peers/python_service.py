"""The same two stages as a service in Python, for bench/serve_peers.py: FastAPI and uvicorn, Redis for what users did, faiss
for retrieval, ONNX Runtime for the models that `upnext export --onnx` wrote.

    pip install fastapi uvicorn[standard] redis hiredis orjson onnxruntime faiss-cpu numpy
    python bench/peers/python_service.py --models EXPORTED --port 8090 --workers 2

It does less than upnext for each request: features of items are rows of arrays that were made before, features of a user
are one value in Redis, and only the retrieval by the candidate model proposes. Posted watches are appended to the user's
list, from which the items to leave out and the newest 50 watches are read.
"""

import argparse
import json
import os
import pathlib

import numpy as np


class Models:
    """The exported models with inputs of the right shapes; those of items are gathered from arrays over all items."""

    def __init__(self, folder, candidates):
        import faiss
        import onnxruntime

        faiss.omp_set_num_threads(1)
        self.candidates = candidates
        self.manifest = json.loads((folder / "manifest.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.sessions, self.inputs = {}, {}
        for name, model in self.manifest["models"].items():
            self.sessions[name] = onnxruntime.InferenceSession(str(folder / model["file"]), options)
            example = json.loads((folder / model["example"]).read_text())["inputs"]
            self.inputs[name] = {i["name"]: np.array(example[i["name"]], i["type"]) for i in model["inputs"]}
        self.vectors = np.load(folder / "items.npy")
        self.items = len(self.vectors)
        names = (folder / "vocabulary.item.txt").read_text().split("\n")
        self.names = names[: self.items]
        self.row_of = {name: row for row, name in enumerate(self.names) if name}
        index_file = folder / "peer.faiss"
        if index_file.exists():
            self.index = faiss.read_index(str(index_file), faiss.IO_FLAG_MMAP)
        else:
            lists = max(1, int(4 * self.items**0.5)) if self.items > 20000 else 1
            quantizer = faiss.IndexFlatIP(self.vectors.shape[1])
            self.index = faiss.IndexIVFFlat(quantizer, self.vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
            sample = self.vectors[1:][:: max(1, self.items // (40 * lists))]
            self.index.train(np.ascontiguousarray(sample))
            self.index.add(self.vectors[1:])
            faiss.write_index(self.index, str(index_file))
        # The smallest number of lists with recall@500 of .95 is found by the caller and given in the environment.
        self.index.nprobe = int(os.environ.get("PEER_NPROBE", "16"))
        self.columns = self.item_columns()

    def item_columns(self):
        """For each input of impressions the values of every item, drawn from the example's: the work is gathering them."""
        rng = np.random.default_rng(1)
        columns = {}
        for name, value in self.inputs.get("ranker", {}).items():
            if name == "query_of" or not (name.startswith("impression.") or name in ("numbers.impression", "duration_s")):
                continue
            columns[name] = value[rng.integers(0, len(value), self.items)]
        return columns

    def query_inputs(self, name, history):
        inputs = {}
        for key, value in self.inputs[name].items():
            if key.startswith("query.") or key == "numbers.query":
                inputs[key] = value[:1]
        for key in inputs:
            if key.endswith("watches") or "history" in key:
                length = inputs[key].shape[1] if inputs[key].ndim == 2 else 0
                if length and len(history):
                    rows = np.zeros((1, length), inputs[key].dtype)
                    rows[0, -min(length, len(history)):] = history[-length:]
                    inputs[key] = rows
        return inputs

    def feed(self, history, n):
        candidate = self.query_inputs("candidate", history)
        vector = self.sessions["candidate"].run(None, candidate)[0]
        _, found = self.index.search(vector, self.candidates + min(len(history), 200))
        rows = found[0][found[0] >= 0] + 1
        if len(history):
            rows = rows[~np.isin(rows, history)]
        rows = rows[: self.candidates]
        if "ranker" not in self.sessions:
            return rows[:n], np.arange(n, 0, -1)
        inputs = self.query_inputs("ranker", history)
        for name, column in self.columns.items():
            inputs[name] = column[rows]
        inputs["query_of"] = np.zeros(len(rows), np.int64)
        outputs = self.sessions["ranker"].run(["score"], inputs)[0].ravel()
        best = np.argpartition(-outputs, min(n, len(rows) - 1))[:n]
        best = best[np.argsort(-outputs[best])]
        return rows[best], outputs[best]


def make_app():
    import fastapi
    import orjson
    import redis.asyncio

    models = Models(pathlib.Path(os.environ["PEER_MODELS"]), int(os.environ["PEER_CANDIDATES"]))
    store = redis.asyncio.Redis(port=int(os.environ["PEER_REDIS"]))
    app = fastapi.FastAPI()

    @app.get("/v1/recommendations")
    async def recommendations(user: str, n: int = 20):
        history = np.frombuffer(await store.get("w:" + user) or b"", np.int64)
        rows, scores = models.feed(history, n)
        items = [{"item": models.names[row], "score": float(score)} for row, score in zip(rows, scores)]
        return fastapi.Response(orjson.dumps({"user": user, "items": items}), media_type="application/json")

    @app.post("/v1/events")
    async def events(request: fastapi.Request):
        batch = orjson.loads(await request.body())["events"]
        pipe = store.pipeline(transaction=False)
        for event in batch:
            row = models.row_of.get(event["item"])
            if row is not None and event["type"] == "watch":
                pipe.append("w:" + event["user"], np.int64(row).tobytes())
        await pipe.execute()
        return fastapi.Response(orjson.dumps({"accepted": len(batch)}), media_type="application/json")

    return app


def main():
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="folder of upnext export --onnx")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--redis", type=int, default=6379)
    parser.add_argument("--candidates", type=int, default=500)
    given = parser.parse_args()
    os.environ.update(PEER_MODELS=given.models, PEER_REDIS=str(given.redis), PEER_CANDIDATES=str(given.candidates))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    uvicorn.run("python_service:make_app", factory=True, port=given.port, workers=given.workers, log_level="warning",
                access_log=False, app_dir=str(pathlib.Path(__file__).parent))


if __name__ == "__main__":
    main()
