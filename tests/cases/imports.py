#!/usr/bin/env python3
"""Logs of real sites that an import once changed in silence, with the real binary: each with what a reader expects.

    tests/cases/imports.py build/release/upnext [CASE ...]
"""
import csv
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from case import Failed, require

HEADER = ("user", "item", "time")
START = 1_704_067_200
EVENTS = """SELECT "user", item, time, 'complete' AS type FROM {}"""


class Site:
    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)

    def table(self, name, rows):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def load(self, *args, events="read_csv('{data}/e.csv')", items="", more=""):
        """Imports; returns the exit code, the report and all words on stderr."""
        lines = ["[import]", more, f"events = '''{EVENTS.format(events)}'''"]
        if items:
            lines.append(f"items = '''{items}'''")
        (self.folder / "site.toml").write_text("\n".join(lines) + '\n[labels]\ncomplete = "event"\n')
        done = subprocess.run([self.upnext, "import", "-c", self.folder / "site.toml", "--json", *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else {}, done.stderr

    def taken(self, *args, **sql):
        code, report, words = self.load(*args, **sql)
        require(code == 0, "import ended with", code, words)
        return report

    def refused(self, expected, **sql):
        code, _, words = self.load(**sql)
        require(code == 1, "import ended with", code, words)
        for word in expected:
            require(word in words, "the message should have", repr(word), "it is", words)


def plain(n=400, users=20, items=20):
    """Events of users u00.. with items i00.., 9 minutes apart."""
    return [(f"u{k * 7 % users:02}", f"i{k * 13 % items:02}", START + 556 * k) for k in range(n)]


def ids_after_the_sniffed_rows_keep_their_text(site):
    rows = [(7 + k % 9, k % 8, START + k) for k in range(20_600)]
    rows += [(f"00{7 + k}", "0x10", START + 21_000 + k) for k in range(4)] + [("12.6", 3, START + 22_000)]
    site.table("e.csv", [HEADER, *rows])
    report = site.taken()
    require((report["users"], report["items"]) == (9 + 4 + 1, 8 + 1), report)
    require(report["rejected"]["events"] == 0, report)


def tables_that_do_not_join_are_reported(site):
    site.table("e.csv", [HEADER, *((u, f"77{i[1:]}", t) for u, i, t in plain())])
    site.table("items.csv", [("item", "title"), *((f"077{k:02}", f"Title {k}") for k in range(20))])
    warnings = site.taken(items="SELECT * FROM read_csv('{data}/items.csv')")["warnings"]
    require(any("0 of 400 events" in w and "0 of its 20 rows" in w for w in warnings), warnings)


def placeholders_for_no_id_are_counted(site):
    words = ["NULL", "undefined", "nan", "None", "(not set)", r"\N"]
    site.table("e.csv", [HEADER, *((words[k % 6] if k % 3 == 0 else u, i, t) for k, (u, i, t) in enumerate(plain()))])
    warnings = site.taken()["warnings"]
    require(any("users: 134 of 400 events (33.5 %)" in w and "'NULL'" in w for w in warnings), warnings)


def a_time_in_another_format_says_how_to_read_it(site):
    for text, expected in (("{:02}-03-2024 12:00", "strptime(..., '%d-%m-%Y %H:%M')"),
                           ("2024-03-{:02} 12:00:00 -0300", "strptime(..., '%Y-%m-%d %H:%M:%S %z')"),
                           ("Sun, {:02} Mar 2024 12:00:00 GMT", "strptime(..., '%a, %d %b %Y %H:%M:%S %Z')"),
                           ("202403{:02}", "strptime(CAST(... AS VARCHAR), '%Y%m%d')")):
        site.table("e.csv", [HEADER, *(("u", "i", text.format(day)) for day in range(13, 25))])
        site.refused([expected, "nothing was published"])


def structures_are_no_topics(site):
    site.table("e.csv", [HEADER, *plain()])
    rows = "SELECT format('i{:02}', range) AS item, {} AS topics FROM range(20)"
    site.refused(["list_transform(..., x -> x.FIELD)"],
                 items=rows.replace("{} AS", "[{'name': 't' || range % 4, 'score': 1}] AS"))
    site.refused(["is the text of a list", "->> '$[*].name'", "20 of 20 rows"],
                 items=rows.replace("{} AS", """'[{"name": "t' || range % 4 || '"}]' AS"""))
    report = site.taken(items=rows.replace("{} AS", """('[{"name": "t' || range % 4 || '"}]') ->> '$[*].name' AS"""))
    require(report["items"] == 20 and not report["warnings"], report)


def times_of_a_32_bit_column_are_refused(site):
    site.table("e.csv", [HEADER, *((u, i, START + 15 * k) for k, (u, i, _) in enumerate(plain()))])
    narrow = "(SELECT * REPLACE (time::FLOAT{} AS time) FROM read_csv('{data}/e.csv'))"
    site.refused(["'time' is FLOAT", "steps of 128"], events=narrow.replace("{}", "", 1))
    warnings = site.taken(events=narrow.replace("{}", "::DOUBLE", 1))["warnings"]
    require(any("32-bit float" in w for w in warnings), warnings)


def clocks_that_are_years_off_stay_out_of_the_log(site):
    far = [("u01", "i01", 2_147_483_647), ("u02", "i02", 946_684_800), ("u03", "i03", 4_000_000_000)]
    site.table("e.csv", [HEADER, *plain(), *far])
    report = site.taken()
    require((report["implausible_times"], report["log_events"]) == (3, 400), report)
    require(pathlib.Path(report["rejects_file"]).read_text().count("the bulk of the log") == 3, report)
    require(site.taken(more="max_days_ahead = 109573\nmax_days_behind = 109573")["log_events"] == 403, "limits")


def a_day_of_events_alone_is_appended(site):
    rows = plain(480)
    items = "SELECT * FROM read_csv('{data}/items.csv')"
    site.table("d0/e.csv", [HEADER, *rows[:400]])
    site.table("d0/items.csv", [("item", "title"), *((f"i{k:02}", f"T{k}") for k in range(20))])
    site.table("d1/e.csv", [HEADER, *rows[400:]])
    site.taken("--data", str(site.folder / "d0"), items=items)
    report = site.taken("--data", str(site.folder / "d1"), "--append", items=items)
    require(report["appended"] and report["log_events"] == 480 and report["items"] == 20, report)


def a_file_that_is_cut_short_is_refused_by_name(site):
    site.table("e.csv", [HEADER, *plain(20_000)])
    packed = gzip.compress((site.folder / "e.csv").read_bytes())
    for length in (len(packed) - 8, len(packed) // 2):
        (site.folder / "e.csv.gz").write_bytes(packed[:length])
        site.refused(["e.csv.gz is cut short", "nothing was published"],
                     events="read_csv('{data}/e.csv.gz', store_rejects = true)")
    (site.folder / "e.csv.gz").write_bytes(packed)
    require(site.taken(events="read_csv('{data}/e.csv.gz')")["log_events"] == 20_000, "the whole file")
    (site.folder / "e.parquet").write_bytes(b"PAR1" + bytes(1000))
    site.refused(["e.parquet"], events="read_parquet('{data}/e.parquet')")


def other_machines_are_not_asked(site):
    for source in ("read_csv('s3://bucket/e.csv')", "'https://example.org/e.parquet'",
                   "postgres_scan('host=db', 'public', 'events')"):
        site.refused(["allow_remote = true"], events=source)


CASES = (ids_after_the_sniffed_rows_keep_their_text, tables_that_do_not_join_are_reported,
         placeholders_for_no_id_are_counted, a_time_in_another_format_says_how_to_read_it, structures_are_no_topics,
         times_of_a_32_bit_column_are_refused, clocks_that_are_years_off_stay_out_of_the_log,
         a_day_of_events_alone_is_appended, a_file_that_is_cut_short_is_refused_by_name, other_machines_are_not_asked)


def main():
    os.environ.pop("UPNEXT_DATA", None)  # each case has its own data
    upnext, chosen = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    failed = 0
    for case in CASES:
        if chosen and case.__name__ not in chosen:
            continue
        with tempfile.TemporaryDirectory(prefix="upnext-case-") as folder:
            try:
                case(Site(upnext, folder))
                print("passed", case.__name__)
            except Failed as failure:
                failed += 1
                print("FAILED", case.__name__, failure)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
