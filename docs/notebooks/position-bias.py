"""Position bias on a simulated site whose truth is known: `scripts/notebooks position-bias` executes it."""
# %% [markdown]
# # Position bias
#
# An item at the top of a page is clicked more, and for two reasons: it is better, and it is *at the top*. A ranker that
# learns from clicks cannot tell the two apart by itself. This notebook takes a site where the truth is known, looks at
# what the position does to clicks, and at what the ranker's position tower finds of it.
#
# The site is simulated. Nobody knows for a real site how often position 7 is looked at; here it is a parameter, and the simulator
# writes the truth next to the log. The figures say what is possible, not what your site gains.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import upnext

# P(an item is looked at) falls with its position to a floor, faster on a phone than on a television: a strong bias.
LOOKS = {"phone": (0.045, 1.3), "desktop": (0.11, 1.8), "tablet": (0.08, 1.6), "tv": (0.14, 2.4)}
Path("world.toml").write_text("".join(f"[examination.{device}]\nfloor = {floor}\nscale = {scale}\n"
                                      for device, (floor, scale) in LOOKS.items()))
upnext.Simulator(users=1200, items=800, days=16, seed=1, world="world.toml", truth=True).write("data", progress=False)

# %% [markdown]
# ## What the log shows, and what is true
#
# The truth has a row for each impression: the probability that the item was looked at, `examination`, and that it is clicked
# *if* it is looked at, `click`. The second is what a feed should be ordered by. The log has their product only, as clicks.

# %%
truth = pd.read_parquet("data/truth.parquet")
events = pd.read_parquet("data/events.parquet")
clicks = events[events.type == "click"][["user", "item", "request"]].drop_duplicates().assign(clicked=1)
shown = truth.merge(clicks, how="left", on=["user", "item", "request"]).fillna({"clicked": 0})
by_position = shown.groupby("position")[["clicked", "examination", "click"]].mean()

figure, axes = plt.subplots(figsize=(6, 3))
for column, label in (("clicked", "clicks in the log"), ("examination", "looked at (true)"), ("click", "clicked if looked at (true)")):
    axes.plot(by_position.index, by_position[column] / by_position[column].iloc[0], marker="o", label=label)
axes.set_title("by position, relative to the first")
axes.set_xlabel("position")
axes.set_ylim(0, None)
axes.legend(fontsize=8)
figure.tight_layout()

# %%
first, last = by_position.loc[1], by_position.loc[10]
print(f"position 10 has {last.clicked / first.clicked:.0%} of the clicks of position 1, "
      f"and its items are worth {last.click / first.click:.0%} of those of position 1")

# %% [markdown]
# From the clicks alone one would conclude that what is shown below is nearly worthless. The truth is that it is hardly seen.
#
# ## Can this log tell?
#
# If every item always had the same position, nobody could separate the two: a good item at the bottom and a bad one at the top
# would give the same clicks. What helps is that **the same items** were seen at several positions. The report of a training says
# whether that is so.

# %%
def project_of(name, bias):
    project = upnext.Project(
        name=name,
        split={"kind": "time", "validation_days": 1, "test_days": 1},
        retrieval={"preset": "linear", "dim": 16, "epochs": 1},
        ranking={"widths": [64], "epochs": 4, "bias": {"method": bias},
                 "objective": [{"name": "click", "label": "click", "score_weight": 1.0}]},
    )
    project.import_events("data/events.parquet", "data/items.parquet", "data/users.parquet", progress=False)
    return project


without = project_of("without", "none").train(progress=False).report
print(next(note for note in without.notes if note.startswith("positions")))

# %% [markdown]
# ## The tower
#
# `[ranking.bias] method = "tower"` gives the ranker a second, small input: a number for each position and device, added to the logit
# of the click. In training it explains the part of the clicks that the position explains best, so that the rest of the
# ranker does not have to. When serving there is no position yet and all candidates get the same number, so the order is that of
# the rest (Zhao et al. 2019, section 5.3).

# %%
tower = project_of("tower", "tower").train(progress=False).report
bias = tower.json["ranker"]["bias"]
positions = np.array(bias["positions"])
learned = {line["device"]: np.array(line["logit"]) for line in bias["learned"]}
planted = pd.read_parquet("data/examination.parquet").set_index(["device", "position"]).probability

figure, all_axes = plt.subplots(1, len(learned), figsize=(9, 2.6), sharey=True)
for axes, (device, logit) in zip(all_axes, learned.items()):
    true = np.log(planted[device].loc[positions].to_numpy())
    log = shown[shown.device == device].groupby("position").clicked.mean().loc[positions].to_numpy()
    axes.plot(positions, true - true[0], "k--", label="true")
    axes.plot(positions, logit, color="tab:blue", marker=".", label="learned")
    axes.plot(positions, np.log(log / log[0]), color="tab:red", lw=1, label="click rate")
    axes.set_title(f"{device}, r = {np.corrcoef(true, logit)[0, 1]:.3f}", fontsize=9)
    axes.set_xlabel("position")
all_axes[0].set_ylabel("log, less position 1")
all_axes[0].legend(fontsize=7)
figure.suptitle("What the tower has learned, and what is true", fontsize=10)
figure.tight_layout()

# %% [markdown]
# The learned number is a logit and the planted one the logarithm of a probability, so the lines need not be equal; `r` is their
# correlation over the positions. The tower has found the shape of the bias and how it differs between devices, without being told
# that there is one. It lies below the truth, near the click rate: what stands further down on this site is less relevant by a
# quarter (the green line above), and the tower takes most of that for position too. On a site whose order is much better than this one's,
# this part would be larger. That is the limit of the method, and the reason to look at the two lines in the report.
#
# ## What it is good for
#
# Suppose the site had always shown one half of its items in the first three places, and the other half below the fifth. The
# impressions of such a site are in this log: keep those, and take the simplest use of clicks, the click rate of an item. Then divide the
# clicks by the looks that the positions had according to the tower, instead of by the impressions.

# %%
is_even = shown.item.str[-1].isin(list("02468"))
kept = shown[(is_even & (shown.position <= 3)) | (~is_even & (shown.position >= 6))]
looks = np.exp([learned[device][position - 1] for device, position in zip(kept.device, kept.position)])
sums = kept.assign(looks=looks, shows=1).groupby("item").agg(
    clicked=("clicked", "sum"), looks=("looks", "sum"), shows=("shows", "sum"), place=("position", "mean"), truth=("click", "mean"))
often = sums[sums.shows >= 100]
figure, all_axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
for axes, column, name in zip(all_axes, ("shows", "looks"), ("clicks / impressions", "clicks / learned looks")):
    rate = often.clicked / often[column]
    for where, color in (("top", "tab:orange"), ("below", "tab:blue")):
        chosen = (often.place <= 3) == (where == "top")
        axes.scatter(rate[chosen], often.truth[chosen], s=8, color=color, label=f"shown {where}")
    axes.set_title(f"{name}: r = {np.corrcoef(rate, often.truth)[0, 1]:.2f}", fontsize=9)
    axes.set_xlabel(name)
all_axes[0].set_ylabel("true P(click if looked at)")
all_axes[0].legend(fontsize=7)
figure.suptitle("Appeal of items, estimated without and with the learned looks", fontsize=10)
figure.tight_layout()

# %% [markdown]
# By clicks per impression every item that was shown below looks worse than nearly all that were shown at the top. By clicks per
# look the two halves lie on one line. A ranker without the tower is in the place of the left picture as far as it can see from
# its features who was shown where.
#
# %% [markdown]
# ## What the offline figures say
#
# The held-out day was shown by the same policy and has the same bias. Compare the two rankers on it:

# %%
pd.DataFrame({name: {"AUC of clicks": report.value("auc.click"), "lost watch time (less is better)": report.value("weighted_user_loss")}
              for name, report in (("without", without), ("tower", tower))}).round(4)

# %% [markdown]
# A model that has learned the position along with relevance predicts the clicks of a *biased* day well. So a figure that stays
# the same, or falls a little, does not speak against the tower, and one that rises does not prove it. On this site the truth
# can be asked: [the study over seeds](../results/study-position-bias.md) orders held-out pages and compares with the true
# P(click if looked at). There the tower finds the planted bias (correlation above .97 with a usual or strong one) and the order is
# nearer to the truth only where the bias is strong, by .0043 ± .0033 of NDCG; five rounds of training on its own slates gave no
# method more watch time than none.
#
# So, for a site of your own: log positions, read the note of the training, train with the tower if it says yes, and let an
# [A/B test](../howto/ab-tests.md) decide. If the note says no, show a share of the pages with neighbours swapped for some days
# ([how to](../howto/position-bias.md)).
