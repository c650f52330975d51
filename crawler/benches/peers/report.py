"""What was measured, as JSON that later runs add to, and as tables."""

import json
from datetime import date

import goals
import programs

FAULTS = ["missed", "doubled", "disallowed", "trapped", "wrong"]


class Report:
    """The rows measured so far."""

    def __init__(self, name, names):
        self.folder = programs.TARGET / "bench"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.json, self.markdown = (self.folder / f"{name}.{kind}" for kind in ("json", "md"))
        before = json.loads(self.json.read_text()) if self.json.exists() else {}
        self.rows = before.get("rows", {})
        self.told = before.get("told", {})
        self.about = {"machine": programs.machine(), "versions": programs.versions(names)}
        self.text = ""

    def add(self, row, rounds, figures):
        """Takes a row in the place of an earlier one, and writes all rows."""
        self.rows[row] = figures
        self.told[row] = {"rounds": rounds, "date": date.today().isoformat()}
        self.text = "\n\n".join(part for part in self.parts() if part) + "\n"
        self.markdown.write_text(self.text)
        self.json.write_text(json.dumps(self.about | {"told": self.told, "rows": self.rows}, indent=1))

    def parts(self):
        yield f"{self.about['machine']}. " + versions(self.about["versions"])
        yield self.goals()
        for row, figures in sorted(self.rows.items(), key=lambda row: ORDER.index(row[0])):
            told = self.told[row]
            yield f"### {TITLES[row]}\n\nMedian of {told['rounds']}, {told['date']}."
            yield table_of(row, figures)

    def goals(self):
        lines = [
            [goal.title, f"{value:.3g} {goal.unit}", bound(goal, goal.must), bound(goal, goal.stretch), verdict]
            for goal, value, verdict in goals.judged(self.rows)
        ]
        return table(["goal", "here", "must", "stretch", ""], lines) if lines else ""


def versions(found):
    return ", ".join(f"{name} {version}" for name, version in found.items()) + "."


def bound(goal, value):
    return f"{'≤' if goal.at_most else '≥'} {value:g} {goal.unit}".strip()


def table_of(row, figures):
    if row.startswith("site"):
        return site_table(figures)
    return polite_table(figures[programs.OURS]) if row == "polite" else list_table(figures)


def site_table(figures):
    head = ["crawler", "pages/s", "spread", "CPU µs/page", "server's", "memory MB", *FAULTS]
    return table(head, [
        [
            programs.TITLES[name],
            f"{of['pages_per_second']:,.0f}",
            f"{spread(of['runs'], 'pages_per_second'):.0%}",
            f"{of['cpu_us']:,.0f}",
            f"{of['server_cpu_us']:,.0f}",
            f"{of['memory_mb']:.0f}",
            *(f"{of[fault]:,.0f}" for fault in FAULTS),
        ]
        for name, of in figures.items()
    ])


def list_table(figures):
    head = ["program", "first request to last answer", "whole run", "CPU µs/URL", "memory MB", "most in flight", "missed", "doubled"]
    return table(head, [
        [
            programs.TITLES[name],
            f"{of['window_seconds']:.2f} s",
            f"{of['seconds']:.2f} s",
            f"{of['cpu_us']:,.0f}",
            f"{of['memory_mb']:.0f}",
            f"{of['most_in_flight']:,.0f}",
            f"{of['missed']:,.0f}",
            f"{of['doubled']:,.0f}",
        ]
        for name, of in figures.items()
    ])


def polite_table(of):
    head = ["pages/s", "share of 20/(1 s + t)", "t", "smallest gap", "missed"]
    return table(head, [[
        f"{of['pages_per_second']:.2f}",
        f"{of['share_of_limit']:.1%}",
        f"{of['service_ms']:.0f} ms",
        f"{of['gap_ms']:.1f} ms",
        f"{of['missed']:.0f}",
    ]])


def spread(runs, figure):
    """Returns how far the runs lie apart, as a share of their median."""
    values = sorted(run[figure] for run in runs)
    return (values[-1] - values[0]) / values[len(values) // 2]


def table(head, lines):
    """Returns a table, its numbers to the right."""
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines])


TITLES = {
    "site-2000": "A site of 2,000 pages",
    "site-20000": "A site of 20,000 pages",
    "site-100000": "A site of 100,000 pages",
    "slow": "100 URLs of 4 s, all at once",
    "many-2000": "10,000 URLs of 1 s over 20 hosts, 2,000 in flight",
    "many-10000": "10,000 URLs of 1 s over 20 hosts, 10,000 in flight",
    "polite": "20 sites, a delay of 1 s",
}
ORDER = list(TITLES)
