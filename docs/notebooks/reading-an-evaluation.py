"""What the report of a training says: `scripts/notebooks reading-an-evaluation` executes it."""
# %% [markdown]
# # Reading an evaluation
#
# Before users see a new model, the only thing there is to judge it by is the past: what would it have shown, and what did people
# choose then? This notebook goes through such a report step by step, computes its main figures by hand, and says what
# each can and cannot tell. All figures are defined in [the guide on metrics](../guides/metrics.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import upnext

upnext.Simulator("video", users=1000, items=800, days=14, seed=2).write("data", progress=False)
events, items = pd.read_parquet("data/events.parquet"), pd.read_parquet("data/items.parquet")

def project_of(**retrieval):
    return upnext.Project(
        name="video", directory="project",
        labels={"complete": "watch", "complete_share": 0.7},
        split={"kind": "time", "validation_days": 1, "test_days": 2},
        retrieval={"preset": "watch", "epochs": 6, **retrieval},
        ranking={"epochs": 4, "objective": [{"name": "watch", "label": "watch_seconds", "cap": 900, "score_weight": 1.0},
                                            {"name": "click", "label": "click"}]},
    )


project = project_of()
project.import_events(events, items, "data/users.parquet", progress=False)
training = project.train(progress=False)
report = training.report
print(report.split)

# %% [markdown]
# ## The split comes first
#
# The log is cut by time: the models learn from the part before the first bound, what has to be chosen (the best epoch, the
# order) is chosen on the day after it, and the figures are of the last two days. A random split would let a model see
# Tuesday to predict Monday, and would look better than anything in production.
#
# For the test, a *case* is one user, at the moment of the first event in the test days. The *targets* are what this user then
# chose until the end: here, all videos that were watched to 70 % or more. A list is good if it has the targets at the top.
#
# ## One case by hand
#
# `at="test"` gives the lists that are measured. Take one user with several targets:

# %%
train_until, test_from = [pd.Timestamp(word) for word in report.split.split() if word[0].isdigit()]
durations = items.set_index("item").duration
watches = events[(events.type == "watch") & (pd.to_datetime(events.time, utc=True) >= test_from)]
complete = watches[watches.value >= 0.7 * watches.item.map(durations).to_numpy()]
targets = complete.groupby("user").item.agg(set)

lists = project.recommend(all_users=True, at="test", n=10, progress=False)
found = pd.Series({user: len(targets.get(user, set()) & set(shown)) for user, shown in lists})
user = found.idxmax()
shown = lists[user]
marks = ["target" if item in targets[user] else "" for item in shown]
pd.DataFrame({"item": shown, "": marks}, index=pd.Index(range(1, 11), name="place"))

# %% [markdown]
# Three figures say how good this list is:
#
# - **hit rate** (hr@10): 1 if at least one target is among the ten, else 0;
# - **recall@10**: the share of the targets that is among the ten;
# - **NDCG@10**: every target counts 1 / log2(place + 1), so that the first place is worth 1 and the tenth .29; divided by the most
#   that this many targets could have had.

# %%
def ndcg(shown, wanted):
    gains = [1 / np.log2(place + 1) for place, item in enumerate(shown, 1) if item in wanted]
    most = sum(1 / np.log2(place + 1) for place in range(1, min(10, len(wanted)) + 1))
    return sum(gains) / most


wanted = targets[user]
print(f"user {user}: {len(wanted)} targets; hit 1, recall {len(wanted & set(shown)) / len(wanted):.3f}, NDCG {ndcg(shown, wanted):.3f}")

# %% [markdown]
# The report has the mean over all users with targets. By hand, and as reported for the row of the list as it is served:

# %%
cases = [(ndcg(shown, targets[user]), user) for user, shown in lists if user in targets.index]
by_hand = np.array([value for value, _ in cases])
print(f"{len(by_hand)} users, NDCG@10 by hand {by_hand.mean():.4f}, in the report {report.value('ndcg@10', 'ranked feed'):.4f}")

# %% [markdown]
# ## Next to what?
#
# A figure alone says nothing: whether .1 is good depends on how many items there are and how predictable people are. So the report
# ranks the same cases by simple rules too. They cost nothing, and a model that does not beat them is not worth serving.

# %%
metrics = pd.DataFrame(report.metrics)
rows = metrics[(metrics.stage == "retrieval") & (metrics.metric == "ndcg@10")].set_index("model").sort_values("value")
figure, axes = plt.subplots(figsize=(6.5, 3.4))
is_ours = rows.index.isin(["candidate model", "served order", "ranked feed"])
axes.barh(rows.index, rows.value, color=np.where(is_ours, "tab:blue", "0.75"),
          xerr=[rows.value - rows.low, rows.high - rows.value], error_kw={"lw": 1, "ecolor": "0.3"})
axes.set_title("NDCG@10 with 95 % intervals over users")
figure.tight_layout()

# %% [markdown]
# What the rows tell:
#
# - **popularity** is what everybody gets. If windows of it (1 day, 6 h) are far above it, items live for hours: train often.
# - **recently viewed** above the models: people buy or finish what they looked at before; let feeds show these items.
# - **markov** knows only the last item, **item-knn** the ten newest; above the model, they say that its history is too long or that
#   there are too few events for its size.
# - **candidate model** ranks all items with the first stage alone; **ranked feed** is what users get: candidates of all generators
#   in the order of the ranker.
#
# Where a baseline is better for certain, a note says so and what to try:

# %%
for note in report.notes:
    if "ndcg" in note or "seen before" in note:
        print("-", note)

# %% [markdown]
# The last note is a question to the owner of the site: if a third of what people choose is something they have seen before, should
# the feed hide it? `[serving] filter_seen = false` shows it.
#
# The ranked feed may be below the candidate model without being worse for users. It was asked another question: it orders by
# expected *seconds of watching*, and the targets here are videos that were watched to the end, however short. The figure measures
# agreement with what was watched under the old policy, too: nobody could choose what was never shown.
#
# ## How sure is it?
#
# Had other users come on these two days, the figures would be others. The interval answers how much: users are drawn anew, with
# replacement, a thousand times, and 95 % of the means lie within it. By hand:

# %%
random = np.random.default_rng(1)
means = [random.choice(by_hand, len(by_hand)).mean() for _ in range(1000)]
low, high = np.quantile(means, [0.025, 0.975])
ours = metrics[(metrics.model == "ranked feed") & (metrics.metric == "ndcg@10")].iloc[0]
print(f"by hand {low:.4f} to {high:.4f}, in the report {ours.low:.4f} to {ours.high:.4f}")

# %% [markdown]
# Two models are compared on **the same users**, so what counts is the interval of the difference, user by user. It is usually much
# narrower than the two intervals suggest: a user with an easy list is easy for both. Overlapping bars in the plot above do not
# mean that two rows are equal.

# %%
model_lists = dict(project.recommend(all_users=True, at="test", n=10, stage="retrieval", progress=False))
other = np.array([ndcg(model_lists.get(user, []), targets[user]) for _, user in cases])
difference = by_hand - other
means = [random.choice(difference, len(difference)).mean() for _ in range(1000)]
low, high = np.quantile(means, [0.025, 0.975])
print(f"ranked feed less the order of retrieval: {difference.mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}")

# %% [markdown]
# ## For whom?
#
# A mean hides groups. The report has slices: users by the length of their history, targets by their age. The question for each is
# whether it is better off than with a simple rule.

# %%
slices = [one for one in report.json["slices"] if one["of"] == "users" and one["by"].startswith("events of the user")]
names = [one["name"] for one in slices]
figure, axes = plt.subplots(figsize=(6.5, 2.8))
for model, color in (("candidate model", "tab:blue"), ("popularity", "0.6")):
    values = [next(m["figures"]["recall@100"][0] for m in one["models"] if m["name"] == model) for one in slices]
    axes.plot(names, values, marker="o", color=color, label=model)
axes.set_title("recall@100 by events of the user before the list")
axes.tick_params(axis="x", rotation=30, labelsize=8)
axes.set_ylim(0, None)
axes.legend(fontsize=8)
figure.tight_layout()

# %% [markdown]
# Long histories do not make it easier here. Who has watched most of what fits has little of it left to find, watches again
# what was seen before (a miss, since the feed hides it), and has so many targets that ten places cannot hold them.
#
# ## The ranker
#
# The second stage is measured on the *impressions* of the test days: what was shown, and what became of it.
#
# - **weighted_user_loss**: on a page, the share of watched seconds that was put below something nobody clicked. .5 is a random order,
#   less is better.
# - **auc.click**: how often a clicked impression has a higher prediction than one that was not clicked. .5 is random, 1 perfect.
# - **watch_rmse_s**: how far the predicted seconds are off.

# %%
rows = metrics[metrics.stage == "ranking"].pivot_table(index="model", columns="metric", values="value", sort=False)
rows[["weighted_user_loss", "auc.click", "watch_rmse_s"]].round(4)

# %% [markdown]
# Orders need only be right relative to each other, but a score multiplies predictions of several objectives, and a person who reads
# "click .12" wants it to be .12. **Calibration**: impressions in ten groups by prediction; in each, the mean of what was predicted
# next to what happened. On the dashed line both are equal.

# %%
figure, all_axes = plt.subplots(1, 2, figsize=(7, 3.2))
for axes, one in zip(all_axes, report.json["ranker"]["calibration"]):
    predicted, observed = ([group[key] for group in one["bins"]] for key in ("predicted", "observed"))
    axes.plot(predicted, observed, marker="o", color="tab:blue")
    axes.plot([0, max(predicted)], [0, max(predicted)], "k--", lw=1)
    axes.set_title(f"{one['objective']}: slope {one['slope']:.2f}", fontsize=9)
    axes.set_xlabel("predicted")
all_axes[0].set_ylabel("observed")
figure.suptitle("Calibration of watch seconds and clicks", fontsize=10)
figure.tight_layout()

# %% [markdown]
# A slope above 1 says that predictions differ less than what happens, one below 1 that they are too extreme; within 1 ± .1 is good.
# Watch seconds have a few very long watches, so their highest group is the first to be off. It does no harm to an order by seconds
# alone; with several objectives in the score it is like another exponent.
#
# ## The gate
#
# Trainings run every night, and nobody reads every report. So before models are published they are compared with those in use, on
# the same held-out events and user by user. If they are worse for certain, they are not published. Here is a training that
# went wrong, with vectors of a single number:

# %%
broken = project_of(dim=1, epochs=1).train(only="retrieval", progress=False)
print("published:", broken.published)
print(broken.gate)

# %% [markdown]
# The models of before stay in use. `force=True` publishes in spite of it, if you know better.
#
# ## What no report can say
#
# All of this asks whether a model agrees with what people chose *from what they were shown*. It cannot know whether they would
# have liked something that no list had, nor what they come back for next month. Use it to find mistakes and to choose what is worth a
# test with users; the test decides ([A/B tests](../howto/ab-tests.md)). Next: one bias of the log that can be looked at closely,
# [the position](position-bias.md).
