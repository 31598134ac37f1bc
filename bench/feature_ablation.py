#!/usr/bin/env python3
"""What groups of the ranker's features are worth: the ranker is trained again without each (RK-07 to RK-10, MT-09).

Imports the log and trains the ranker alone, for each seed with all features and without each group: [features] drop makes
a feature missing in every example, so all rankers have the same size. Adds the features that are
not among the default ones to the project file. Writes OUT/NAME-features.json and .md: differences to the ranker with all
features of the same seed, their mean and its 95 % interval over the seeds (Student's t).

usage: bench/feature_ablation.py [--upnext build/release/upnext] [--config configs/demo.toml] [--data DIR] [--seeds 1,2,3]
                                 [--work DIR] [--out DIR] [GROUP ...]
"""
import argparse, datetime, json, pathlib, re, shlex, statistics, subprocess, sys

ADDED = {
    "source_score": "request.source_score",
    "title_words": "tokens(item.title, 20000)",
    "title_asked": "overlap(tokens(item.title), tokens(last(search, query)))",
    "title_beside": "overlap(tokens(item.title), tokens(request.current_item.title))",
    "topics_beside": "overlap(item.topics, request.current_item.topics)",
    "channel_beside": "match(item.channel, request.current_item.channel)",
}
GROUPS = {
    "RK-07 user x channel, user x topic": [
        "watched_channels", "channel_watches", "channel_complete_rate", "since_channel_watch_s", "channel_mean_watch_s",
        "topic_watches", "since_topic_watch_s", "topic_mean_watch_s"],
    "RK-08 source and its score": ["source", "source_score"],
    "RK-08 the score alone": ["source_score"],
    "RK-09 impressions not watched": ["item_impressions", "since_item_impression_s"],
    "RK-10 languages, current and last item, last query, login": [
        "current_item", "last_watched", "last_query_tokens", "user_language", "language", "language_match", "logged_in"],
    "MT-09 query video, topic, title, upload time, time, location": [
        "current_item", "topics_beside", "channel_beside", "title_words", "title_asked", "title_beside", "topics",
        "item_age_days", "hour_of_day", "region", "device"],
    "MT-09 title words alone": ["title_words", "title_asked", "title_beside"],
}
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}  # by number of seeds

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--upnext", default="build/release/upnext")
a.add_argument("--config", default="configs/demo.toml")
a.add_argument("--data", help="folder of the input files (default: as the config says)")
a.add_argument("--seeds", default="1,2,3", help="2 to 10 of them")
a.add_argument("--work", default="build/feature-ablation")
a.add_argument("--out", default="build/feature-ablation")
a.add_argument("groups", nargs="*", help="beginnings of the names of groups (default: all)")
o = a.parse_args()
seeds = [int(s) for s in o.seeds.split(",")]
if len(seeds) not in T95:
    a.error("expected 2 to 10 seeds")
groups = {g: f for g, f in GROUPS.items() if not o.groups or any(g.startswith(w) for w in o.groups)}


def project(drop):
    """The project file with the added features, those in `drop` missing, and one fit per training."""
    text = pathlib.Path(o.config).read_text()
    if re.search(r"(?m)^\[(features|train)\]", text):
        sys.exit(f"{o.config}: expected no [features] and no [train], which this script adds")
    text += f"\n[train]\nfinal_fit = false\n\n[features]\ndrop = {json.dumps(drop)}\n"
    return text + "".join(f'\n[[feature]]\nname = "{n}"\nfrom = "{f}"\n' for n, f in ADDED.items())


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


name = pathlib.Path(o.config).stem
work, out = pathlib.Path(o.work), pathlib.Path(o.out)
work.mkdir(parents=True, exist_ok=True)
out.mkdir(parents=True, exist_ok=True)
config = work / f"{name}.toml"

figures, machine = {}, ""
for number, (group, drop) in enumerate({"": [], **groups}.items()):
    # A project for each, since models of other features are not replaced alone.
    where = ["-c", str(config), "--project-dir", str(work / f"{name}-{number}")] + (["--data", o.data] if o.data else [])
    config.write_text(project(drop))
    run(o.upnext, "import", *where)
    figures[group] = []
    for seed in seeds:
        report = json.loads(run(o.upnext, "train", *where, "--only", "ranking", "--seed", str(seed), "--force", "--json"))
        machine = report["machine"]
        figures[group].append({k: v[0] for k, v in report["intervals"]["ranking"]["model"]["figures"].items()})
    print(group or "all features", json.dumps(figures[group]), file=sys.stderr)


def difference(group, figure):
    """Mean over the seeds of what leaving the group out changes, and half its interval."""
    changes = [without[figure] - full[figure] for without, full in zip(figures[group], figures[""])]
    return statistics.mean(changes), T95[len(seeds)] * statistics.stdev(changes) / len(seeds) ** 0.5


commit = run("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short", "HEAD").strip()
command = shlex.join(["bench/feature_ablation.py", *sys.argv[1:]])
columns = list(figures[""][0])
head = {"date": datetime.date.today().isoformat(), "commit": commit, "machine": machine, "command": command, "seeds": seeds,
        "features": groups, "figures": figures}
(out / f"{name}-features.json").write_text(json.dumps(head, indent=2) + "\n")
lines = [f"# {name}: the ranker without groups of its features", "",
         f"{head['date']}, commit {commit}, {machine}. Seeds {o.seeds}; live states; change to all features and 95 % interval.",
         "", f"    {command}", "", "| without | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns),
         "| nothing | " + " | ".join(f"{statistics.mean(f[c] for f in figures['']):.4f}" for c in columns) + " |"]
for group in groups:
    cells = ["{:+.4f} ± {:.4f}".format(*difference(group, c)) for c in columns]
    lines.append(f"| {group} | " + " | ".join(cells) + " |")
text = "\n".join(lines) + "\n"
(out / f"{name}-features.md").write_text(text)
print(text)
