"""The models of other libraries: what each can be told, and how it is fitted and gives scores.

    peer.grid                        the settings there are; library_peers.py draws as many of them for every peer
    peer.fit(log, before, setting, seed) -> scores of users, [users, items]

Models learn from the training part, and users have the history of all parts before `before`. Models that know a user only by
fitting learn from all of these parts. Every peer may choose its input: the positives alone, or everything that upnext's
history has, by its weights.
"""
import importlib.util
import itertools
import warnings

import numpy as np
import scipy.sparse as sparse
from threadpoolctl import threadpool_limits

warnings.filterwarnings("ignore", "Method expects CSR input")
THREADS = 2
TRAINING = 1  # the part after it
INPUT = ["positives", "history"]


class Peer:
    """`settings`: {name: values}, of which the grid is the product."""

    def __init__(self, name, fit, settings, needs=()):
        self.name, self.fit, self.needs = name, fit, needs
        self.grid = [dict(zip(settings, values)) for values in itertools.product(*settings.values())]

    def missing(self):
        return [module for module in self.needs if importlib.util.find_spec(module) is None]


def fit_als(log, before, setting, seed):
    from implicit.cpu.als import AlternatingLeastSquares
    with threadpool_limits(1, "blas"):  # as the library asks for: it has threads of its own
        model = AlternatingLeastSquares(factors=setting["factors"], regularization=setting["regularization"],
                                        alpha=setting["alpha"], iterations=15, num_threads=THREADS, random_state=seed)
        model.fit(log.matrix(TRAINING, setting["input"]), show_progress=False)
    history = log.matrix(before, setting["input"])
    return lambda users: model.recalculate_user(users, history[users]) @ np.asarray(model.item_factors).T


def fit_bpr(log, before, setting, seed):
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    matrix = log.matrix(before, setting["input"])
    model = BayesianPersonalizedRanking(factors=setting["factors"], learning_rate=setting["rate"],
                                        regularization=setting["regularization"], iterations=setting["iterations"],
                                        num_threads=THREADS, random_state=seed)
    model.fit(matrix, show_progress=False)
    return lambda users: np.asarray(model.user_factors)[users] @ np.asarray(model.item_factors).T


def fit_neighbours(log, before, setting, seed):
    from implicit import nearest_neighbours
    model = getattr(nearest_neighbours, setting["kind"])(K=setting["neighbours"], num_threads=THREADS)
    model.fit(log.matrix(TRAINING, setting["input"]), show_progress=False)
    history = log.matrix(before, setting["input"])
    return lambda users: (history[users] @ model.similarity).toarray()


def fit_lightfm(log, before, setting, seed):
    from lightfm import LightFM
    matrix = log.matrix(before, setting["input"])
    sides = [sparse.identity(size, np.float32, "csr") for size in matrix.shape]
    if setting["attributes"]:
        sides = [sparse.hstack([side, log.attributes(table, index)], "csr") for side, table, index
                 in zip(sides, (log.users_table, log.items_table), (log.users, log.items))]
    model = LightFM(no_components=setting["factors"], loss="warp", learning_rate=setting["rate"],
                    item_alpha=setting["alpha"], user_alpha=setting["alpha"], random_state=seed)
    model.fit(matrix.tocoo(), user_features=sides[0], item_features=sides[1], epochs=setting["epochs"],
              num_threads=THREADS)

    def scores(users):
        (user_bias, user), (item_bias, item) = (model.get_user_representations(sides[0]),
                                                model.get_item_representations(sides[1]))
        return user[users] @ item.T + item_bias + user_bias[users][:, None]

    return scores


def fit_ease(log, before, setting, seed):
    """Steck 2019, Embarrassingly shallow autoencoders for sparse data."""
    matrix = log.matrix(TRAINING, setting["input"])
    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += setting["l2"]
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    history = log.matrix(before, setting["input"])
    return lambda users: history[users] @ weights


def fit_popularity(log, before, setting, seed):
    """As upnext counts it: positives of the training part, whatever else is known by then."""
    counts = np.asarray(log.matrix(TRAINING, "positives").sum(axis=0)).ravel()
    return lambda users: np.tile(counts, (len(users), 1))


PEERS = [
    Peer("implicit ALS", fit_als, {"input": INPUT, "factors": [64, 128], "alpha": [1, 5, 20, 40],
                                   "regularization": [0.01, 0.1, 1, 10]}, needs=("implicit",)),
    Peer("implicit item-item", fit_neighbours,
         {"input": INPUT, "kind": ["CosineRecommender", "TFIDFRecommender", "BM25Recommender"],
          "neighbours": [10, 20, 50, 100, 300]}, needs=("implicit",)),
    Peer("EASE", fit_ease, {"input": INPUT, "l2": [10, 30, 100, 200, 500, 1000, 2000, 5000]}),
    Peer("implicit BPR", fit_bpr, {"input": INPUT, "factors": [64, 128], "rate": [0.03, 0.1],
                                   "regularization": [0.001, 0.01], "iterations": [30, 100]}, needs=("implicit",)),
    Peer("LightFM WARP", fit_lightfm, {"input": INPUT, "attributes": [False, True], "factors": [64, 128],
                                       "rate": [0.02, 0.05], "alpha": [0, 1e-5], "epochs": [10, 30]}, needs=("lightfm",)),
    Peer("popularity", fit_popularity, {"": [""]}),
]
