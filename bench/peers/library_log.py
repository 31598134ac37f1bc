"""The log of a project as matrices, split as upnext splits it, and one scorer for the lists of all programs.

The rows come from the SELECTs of the project file, by DuckDB. Which types are positive, what else is history and what a
feed hides are read from the file too; `library_peers.py` compares counts and figures with upnext's own.
"""
import datetime
import tomllib

import duckdb
import numpy as np
import scipy.sparse as sparse

TRAIN, VALIDATION, TEST = range(3)
K = 10


class Log:
    def __init__(self, config, data, split):
        """`split`: as the report of upnext describes it."""
        project = tomllib.loads(config.read_text())
        selects = {table: text.replace("{data}", str(data)) for table, text in project["import"].items()
                   if table in ("events", "items", "users")}
        labels = project.get("labels", {})
        positives = {"complete": 1} if labels.get("complete") == "event" else labels["positives"]
        self.weights = project.get("history", {}).get("types", positives)  # what the history consists of
        self.filter_seen = project.get("serving", {}).get("filter_seen", True)
        events = self.query(selects["events"], '"user", item, type, time')
        order = np.argsort(events["time"], kind="stable")
        events = {name: column[order] for name, column in events.items()}
        self.items_table = self.query(selects["items"], "*")
        self.users_table = self.query(selects["users"], "*") if "users" in selects else {"user": np.array([], object)}
        self.items = index_of(self.items_table["item"], events["item"])
        self.users = index_of(events["user"])
        self.user = np.array([self.users[name] for name in events["user"]])
        self.item = np.array([self.items[name] for name in events["item"]])
        self.weight = np.array([self.weights.get(name, 0) for name in events["type"]], np.float32)
        self.positive = np.array([name in positives for name in events["type"]])
        self.part = self.parts(split, events["time"])
        self.removed = np.zeros(len(self.items), bool)
        for name, removed in zip(self.items_table["item"], self.items_table.get("removed", [])):
            self.removed[self.items[name]] = bool(removed)
        self.targets = {part: self.targets_of(part) for part in (VALIDATION, TEST)}

    @staticmethod
    def query(select, columns):
        """{column: values}; ids are texts and times are milliseconds."""
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {select}").fetchall()}
        replaced = [f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in ("user", "item") if name in kinds]
        if "time" in kinds:
            text = "epoch_ms(time)" if kinds["time"].startswith("TIMESTAMP") else "CAST(time * 1000 AS BIGINT)"
            replaced.append(f"{text} AS time")
        found = connection.execute(f"SELECT {columns} FROM (SELECT * REPLACE ({', '.join(replaced)}) FROM ({select}))")
        return {name: np.ma.filled(values, None) if values.dtype == object else np.ma.getdata(values)
                for name, values in found.fetchnumpy().items()}

    def parts(self, split, time):
        kind, _, bounds = split.partition(": ")
        if kind == "time":  # "train < T1 <= validation < T2 <= test"
            moments = [datetime.datetime.fromisoformat(word) for word in bounds.split() if word[0].isdigit()]
            return np.searchsorted([round(moment.timestamp() * 1000) for moment in moments], time, side="right")
        assert kind == "leave-one-out" and self.positive.all(), f"cannot make the split \"{split}\" of this log"
        part, left = np.full(len(time), TRAIN), np.bincount(self.user)
        whole = left >= 3
        for row, user in enumerate(self.user):  # in order of time
            if whole[user] and left[user] <= 2:
                part[row] = TEST if left[user] == 1 else VALIDATION
            left[user] -= 1
        return part

    def targets_of(self, part):
        """{user: the items, each once} of the users who have a case."""
        found = {}
        for row in np.flatnonzero(self.positive & (self.part == part)):
            found.setdefault(self.user[row], set()).add(self.item[row])
        return found

    def matrix(self, before, what):
        """Users by items of the parts before `before`: "positives" counted once each, or "history" summed by weight."""
        kept = (self.part < before) & (self.positive if what == "positives" else self.weight > 0)
        values = np.ones(kept.sum(), np.float32) if what == "positives" else self.weight[kept]
        return sparse.csr_matrix((values, (self.user[kept], self.item[kept])), (len(self.users), len(self.items)))

    def hidden_targets(self, part):
        """How many targets no list can have, because a feed leaves them out."""
        seen = self.matrix(part, "positives") if self.filter_seen else None
        return sum(bool(self.removed[item] or (seen is not None and seen[user, item] > 0))
                   for user, items in self.targets[part].items() for item in items)

    def cases(self, part):
        return np.array(sorted(self.targets[part]))

    def best(self, scores, part, k=K):
        """The k best items for each case of `part`, of scores [cases, items], without those that a feed hides."""
        users = self.cases(part)
        scores = np.array(scores, np.float32)
        scores[:, self.removed] = -np.inf
        if self.filter_seen:
            scores[self.matrix(part, "positives")[users].nonzero()] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return {user: list(row) for user, row in zip(users, order)}

    def figures(self, lists, part):
        """recall@10 and NDCG@10 of each case, in the order of cases(part). A user without a list has no hit."""
        recall, ndcg = [], []
        for user in self.cases(part):
            targets = self.targets[part][user]
            places = [place for place, item in enumerate(lists.get(user, [])[:K]) if item in targets]
            most = sum(1 / np.log2(place + 2) for place in range(min(K, len(targets))))
            recall.append(len(places) / len(targets))
            ndcg.append(sum(1 / np.log2(place + 2) for place in places) / most)
        return {"recall@10": np.array(recall), "ndcg@10": np.array(ndcg)}

    def found_of(self, lists, part):
        """{what the user had done with a target before: [targets, share of them in the lists]}."""
        chosen, known = self.matrix(part, "positives"), self.matrix(part, "history")
        groups = {"chose it before": [], "had other events of it": [], "had none of it": []}
        for user, targets in self.targets[part].items():
            for item in targets:
                name = list(groups)[0 if chosen[user, item] else 1 if known[user, item] else 2]
                groups[name].append(item in lists.get(user, []))
        return {name: [len(hits), float(np.mean(hits))] for name, hits in groups.items() if hits}

    def attributes(self, table, index):
        """Who has which value, [names, values]: of the columns that are texts with few values, or lists of texts."""
        column_of, rows, columns = {}, [], []
        names = table["item" if "item" in table else "user"]
        for name, values in table.items():
            texts = [value if isinstance(value, (list, np.ndarray)) else [value] for value in values]
            known = {text for value in texts for text in value if text is not None}
            if name in ("item", "user", "title", "file") or not 1 < len(known) <= 200:
                continue
            if not all(isinstance(text, str) for text in known):
                continue
            for owner, value in zip(names, texts):
                for text in value:
                    if text is not None and owner in index:
                        rows.append(index[owner])
                        columns.append(column_of.setdefault((name, text), len(column_of)))
        return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(index), len(column_of)))


def index_of(*columns):
    """Numbers of names in upnext's order, which decides between items of equal score."""
    names = {name for column in columns for name in column}
    return {name: number for number, name in enumerate(sorted(names, key=lambda name: (len(name.encode()), name)))}
