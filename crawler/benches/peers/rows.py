"""The rows: what is crawled or fetched, by which programs, and what comes out of a run."""

import contextlib
import json
import shutil
import statistics
import tempfile
from dataclasses import asdict
from datetime import datetime
from urllib.parse import urlsplit

import measure
import programs
import web

CONCURRENCY = 64
SITES = [2_000, 20_000, 100_000]

POLITE_SITES = 20
POLITE_PAGES = 20
POLITE_DELAY_MS = 1_000
POLITE_SERVICE_MS = 100


def site(rounds, log, pages, names):
    """Crawls one site of so many pages."""
    if pages > SITES[0]:
        names = [name for name in names if name not in programs.SLOW_PEERS]
    with web.web(*web.flags_of_site(pages)) as server:
        open_paths = server.open_paths()

        def once(name):
            before = server.cpu_seconds()
            seed = server.url + "/site/page/0"
            run = alone(name, log, lambda folder: programs.site(name, seed, CONCURRENCY, folder))
            fetched, faults = web.judged(server.asked()[server.authority], open_paths)
            return {
                "pages": fetched,
                "pages_per_second": fetched / run.seconds,
                "cpu_us": run.cpu_seconds / fetched * 1e6,
                "server_cpu_us": (server.cpu_seconds() - before) / fetched * 1e6,
                "memory_mb": run.memory_mb,
                **asdict(faults),
            }

        return in_turns(rounds, names, once, server)


def slow(rounds, log, names):
    """Fetches 100 URLs that take 4 s each, all at once."""
    return listed(rounds, log, names, hosts=1, delay_ms=4_000, urls=100, in_flight=100)


def many(rounds, log, names, in_flight):
    """Fetches 10,000 URLs of 1 s, over 20 hosts."""
    return listed(rounds, log, names, hosts=20, delay_ms=1_000, urls=10_000, in_flight=in_flight)


def listed(rounds, log, names, hosts, delay_ms, urls, in_flight):
    with web.web("--hosts", hosts, "--delay-ms", delay_ms) as server, scratch() as folder:
        authorities = list(server.asked())
        file = folder / "list.txt"
        lines = (f"http://{authorities[n % hosts]}/api/crawl?url=http://example.com/{n}\n" for n in range(urls))
        file.write_text("".join(lines))

        def once(name):
            run = alone(name, log, lambda folder: programs.listed(name, file, in_flight, folder))
            asked = server.api()
            return {
                "seconds": run.seconds,
                "window_seconds": (asked["last_answer_ms"] - asked["first_request_ms"]) / 1e3,
                "cpu_us": run.cpu_seconds / urls * 1e6,
                "memory_mb": run.memory_mb,
                "most_in_flight": asked["max_in_flight"],
                "missed": urls - asked["distinct"],
                "doubled": asked["requests"] - asked["distinct"],
            }

        return in_turns(rounds, names, once, server)


def polite(rounds, log):
    """Crawls 20 sites with a delay of 1 s."""
    flags = ["--hosts", POLITE_SITES, "--page-delay-ms", POLITE_SERVICE_MS, *web.flags_of_site(POLITE_PAGES)]
    with web.web(*flags) as server, scratch() as folder:
        seeds = folder / "seeds.txt"
        seeds.write_text("".join(f"http://{authority}/site/page/0\n" for authority in server.asked()))
        manners = ["--urls", seeds, "--scope", "origin", "--delay", f"{POLITE_DELAY_MS}ms"]

        def once(name):
            records = []
            alone(
                name,
                log,
                lambda folder: [programs.CRAWLER, "crawl", "--no-sitemaps", *manners, *programs.kept_in(folder)],
                lambda folder: records.extend(read(folder / "pages.jsonl")),
            )
            pages = [record for record in records if record["fate"] == "fetched"]
            service = statistics.mean(page["millis"] for page in pages) / 1e3
            rate = rate_of_gaps(pages)
            return {
                "pages_per_second": rate,
                "service_ms": service * 1e3,
                "share_of_limit": rate * (POLITE_DELAY_MS / 1e3 + service) / POLITE_SITES,
                "gap_ms": min(host["gap_min_us"] for host in server.asked().values()) / 1e3,
                "missed": POLITE_SITES * POLITE_PAGES - len(pages),
            }

        return in_turns(rounds, [programs.OURS], once, server)


def rate_of_gaps(pages):
    """Returns the pages a second of all sites: for each page but the first of its site the time since the one before."""
    began = {}
    for page in pages:
        site = began.setdefault(urlsplit(page["url"]).netloc, [])
        site.append(datetime.fromisoformat(page["at"]).timestamp())
    return sum((len(times) - 1) / (max(times) - min(times)) for times in began.values())


def in_turns(rounds, names, once, server):
    """Runs the programs one after the other, so often, and each first in its turn."""
    runs = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            server.reset()
            figures = once(name)
            runs[name].append(figures)
            print(f"  {number + 1}/{rounds} {name}: {brief(figures)}", flush=True)
    return {name: middle(figures) | {"runs": figures} for name, figures in runs.items()}


def middle(runs):
    """Returns the median of each figure."""
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def brief(figures):
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value or name in ("missed", "doubled"))


def alone(name, log, command_in, look_at=lambda folder: None):
    """Runs a program in a folder of its own, which is looked at and then removed."""
    with scratch() as folder:
        command = command_in(folder)
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        log.flush()
        run = measure.measured(command, log)
        if not programs.is_well(name, run.status):
            raise measure.Failed(f"{name} ended with {run.status}; {log.name} has what it said")
        look_at(folder)
    return run


@contextlib.contextmanager
def scratch():
    """Makes a folder on the disk of the builds, not in memory."""
    made = tempfile.mkdtemp(prefix="peers-", dir=programs.TARGET)
    try:
        yield programs.Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def read(file):
    with open(file) as lines:
        return [json.loads(line) for line in lines]
