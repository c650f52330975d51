"""The goals, each a figure of the rows and its bound."""

from collections.abc import Callable
from dataclasses import dataclass

import programs


@dataclass
class Goal:
    """What is to be at least, or at most, a bound."""

    title: str
    figure: Callable
    must: float
    stretch: float
    unit: str = ""
    at_most: bool = False

    def reaches(self, value, bound):
        return value <= bound if self.at_most else value >= bound

    def verdict(self, value):
        if self.reaches(value, self.stretch):
            return "stretch met"
        if self.reaches(value, self.must):
            return "met"
        by = f" by {abs(value / self.must - 1):.0%}" if self.must else ""
        return f"**missed**{by}"


def ratio(row, other, figure="pages_per_second"):
    """Returns ours over another program's, in one row."""
    return lambda rows: rows[row][programs.OURS][figure] / rows[row][other][figure]


def ours(row, figure):
    return lambda rows: rows[row][programs.OURS][figure]


def many(in_flight, figure="window_seconds"):
    return ratio(f"many-{in_flight}", "floor-list", figure)


def of_size(figure):
    return lambda rows: ours("site-100000", figure)(rows) / ours("site-20000", figure)(rows)


def per_request(rows):
    """Returns the KB that each request more in flight takes, so that neither list nor program count."""
    more, fewer = (rows[f"many-{in_flight}"][programs.OURS]["memory_mb"] for in_flight in (10_000, 2_000))
    return (more - fewer) * 1e3 / 8_000


def faults(rows):
    """Returns the faults of all runs of all rows."""
    names = ["missed", "doubled", "disallowed", "trapped", "wrong"]
    runs = [run for row in rows.values() for run in row[programs.OURS]["runs"]]
    return sum(run.get(name, 0) for run in runs for name in names)


def smallest_gap(rows):
    return min(run["gap_ms"] for run in rows["polite"][programs.OURS]["runs"])


GOALS = [
    Goal("pages/s ÷ floor L, 20,000 pages", ratio("site-20000", "floor-l"), 0.75, 1.2),
    Goal("CPU a page ÷ floor L, 20,000 pages", ratio("site-20000", "floor-l", "cpu_us"), 1.35, 0.8, at_most=True),
    Goal("pages/s ÷ spider, 20,000 pages", ratio("site-20000", "spider-lean"), 2, 3.5),
    Goal("pages/s ÷ wget2, 20,000 pages", ratio("site-20000", "wget2"), 1.2, 2),
    Goal("pages/s ÷ Scrapy, 2,000 pages", ratio("site-2000", "scrapy"), 75, 150),
    Goal("pages/s ÷ Crawlee, 2,000 pages", ratio("site-2000", "crawlee"), 50, 100),
    Goal("pages/s at 100,000 ÷ at 20,000 pages", of_size("pages_per_second"), 0.8, 0.9),
    Goal("memory at 100,000 pages", ours("site-100000", "memory_mb"), 64, 40, "MB", at_most=True),
    Goal("100 URLs of 4 s, first request to last answer", ours("slow", "window_seconds"), 4.12, 4.06, "s", at_most=True),
    Goal("10,000 URLs of 1 s, 2,000 in flight ÷ bare, first request to last answer", many("2000"), 1.15, 1.05, at_most=True),
    Goal("the same with 10,000 in flight", many("10000"), 1.25, 1.05, at_most=True),
    Goal("the same, the whole run", many("10000", "seconds"), 1.25, 1.05, at_most=True),
    Goal("memory a request in flight", per_request, 45, 35, "KB", at_most=True),
    Goal("politeness: pages/s ÷ 20/(1 s + t)", ours("polite", "share_of_limit"), 0.95, 0.98),
    Goal("politeness: smallest gap", smallest_gap, 1_000, 1_000, "ms"),
    Goal("missed, doubled, disallowed, trapped, wrong", faults, 0, 0, at_most=True),
]


def judged(rows):
    """Returns title, value, bounds and verdict of each goal whose rows were measured."""
    for goal in GOALS:
        try:
            value = goal.figure(rows)
        except KeyError:
            continue
        yield goal, value, goal.verdict(value)
