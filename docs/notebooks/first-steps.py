"""First steps in Python: `scripts/notebooks first-steps` executes it."""
# %% [markdown]
# # First steps
#
# From a table of events to a feed, in Python alone. The site is simulated, so that everybody has the same data; with your own data
# frame the same calls work.
#
# A recommender is asked one question: *this user is here now, what do we show?* upnext answers it in two steps. A
# **candidate model** picks a few hundred of all items that fit what the user has done so far. A **ranker** then orders
# these by what it expects to happen if they are shown, for example seconds of watching. Both learn from the log of events alone.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import upnext

upnext.Simulator("video", users=300, items=500, days=14, seed=1).write("data", progress=False)

# %% [markdown]
# ## The data
#
# Four columns are needed: who, what, when and what kind of event. The others of this log are used where they are there: `value`
# holds the watched seconds, `request` and `position` say on which page and at which place an item was shown.

# %%
events = pd.read_parquet("data/events.parquet")
items = pd.read_parquet("data/items.parquet")
users = pd.read_parquet("data/users.parquet")
events[["user", "item", "time", "type", "value", "request", "position"]].head(6)

# %%
events.type.value_counts().to_frame("events")

# %% [markdown]
# An **impression** says that an item was shown. The ranker learns from what became of impressions; without them upnext
# trains the candidate model alone.
#
# ## The project
#
# A project is a folder with settings. What can be written in a project file can be given as keyword arguments, a dict for
# each table ([all keys](../guides/project_file.md)).

# %%
project = upnext.Project(
    name="video",
    # A watch counts as chosen from 70 % of the duration on. This is what the candidate model predicts.
    labels={"complete": "watch", "complete_share": 0.7},
    # Learn from the past, measure on what came after it: the last two days are for the test, the day before is to tune.
    split={"kind": "time", "validation_days": 1, "test_days": 2},
    retrieval={"preset": "watch", "epochs": 6},
    # The feed is ordered by expected seconds; the probability of a click is predicted next to it.
    ranking={"objective": [{"name": "watch", "label": "watch_seconds", "cap": 900, "score_weight": 1.0},
                           {"name": "click", "label": "click"}]},
)
project.import_events(events, items, users, progress=False)

# %% [markdown]
# ## Train
#
# One call trains both models, measures them on the held-out days next to simple baselines, and publishes them.

# %%
training = project.train(progress=False)
print("published:", training.published, training.version)

# %%
report = training.report
models = ["popularity", "item-knn", "candidate model", "ranked feed"]
values = [report.value("ndcg@10", model) for model in models]
figure, axes = plt.subplots(figsize=(6, 2.2))
axes.barh(models, values, color=["0.7", "0.7", "tab:blue", "tab:blue"])
axes.set_title("NDCG@10 on the last two days")
axes.set_xlabel("higher is better")
figure.tight_layout()

# %% [markdown]
# NDCG@10 is 1 if all that the user chose stands at the top of the first ten items, and 0 if none of it is among them.
# `popularity` shows everybody the same items: a model must be well above it to have learned who likes what. The ranked feed, which
# users get, was asked for seconds and not for this figure. What that means, and how sure the figures are, is the subject of
# [the next notebook](reading-an-evaluation.md).
#
# ## A feed

# %%
project.recommend("u00042", n=5)

# %% [markdown]
# Why these? `explain=True` says which generators proposed an item and what the ranker predicts for it.

# %%
feed = project.recommend("u00042", n=5, explain=True)
for item in feed:
    print(f"{item.id}  {item.predictions['watch']:6.1f} s expected, click {item.predictions['click']:.3f}, by {item.source}: {item.reason}")

# %% [markdown]
# Conditions of the site are expressions over the attributes of items ([language](../guides/expressions.md)). Here: nothing longer than
# ten minutes.

# %%
durations = items.set_index("item").duration
short = project.recommend("u00042", n=5, filter="item.duration < 10 minutes")
durations[short.ids].to_frame("seconds")

# %% [markdown]
# A visitor who is not logged in has no history in the log. What was watched in this session is enough:

# %%
project.recommend(session=feed.ids[:2], n=3)

# %% [markdown]
# Feeds of everybody, for a newsletter say, come as columns. NumPy and Arrow read them without a copy.

# %%
feeds = project.recommend(all_users=True, n=10, progress=False)
shown = pd.Series(feeds.item).value_counts()
print(f"{len(set(feeds.user.tolist()))} users, {len(shown)} of {len(items)} items are in at least one feed; "
      f"the most frequent is in {shown.iloc[0]} of them")

# %% [markdown]
# ## What the model has learned
#
# The candidate model gives each item a vector. A user has one too, made of the history, and the inner product of the two is the
# score. Items that the same people watch come to lie in the same direction, which the two main directions of all vectors show:

# %%
vectors = project.item_vectors()
matrix = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
matrix = matrix - matrix.mean(axis=0)
_, _, directions = np.linalg.svd(matrix, full_matrices=False)
places = matrix @ directions[:2].T
topic = items.set_index("item").topics.str[0].reindex(vectors.names)
figure, axes = plt.subplots(figsize=(5.5, 4))
for name in topic.value_counts().index[:5]:
    chosen = (topic == name).to_numpy()
    axes.scatter(*places[chosen].T, s=14, label=name, alpha=0.8)
axes.legend(fontsize=8)
axes.set_title("items of five topics by their vectors")
axes.set_xticks([])
axes.set_yticks([])
figure.tight_layout()

# %% [markdown]
# ## Serve
#
# `project.server()` starts the server of production in a process of its own: the HTTP API with `GET /v1/recommendations` and
# `POST /v1/events`. It takes up new events at once, and new models when they are published
# ([running it](../guides/running.md)).

# %%
import json
import urllib.request

with project.server(port=0) as server:
    with urllib.request.urlopen(f"{server.url}/v1/recommendations?user=u00042&n=3") as answer:
        print([item["item"] for item in json.load(answer)["items"]])

# %% [markdown]
# Next: [reading an evaluation](reading-an-evaluation.md), and [position bias](position-bias.md) in the log of clicks.
