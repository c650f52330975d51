"""The local web that is crawled: slow-api on a free port, and what it says it was asked."""

import contextlib
import html
import json
import re
import subprocess
import urllib.request
from dataclasses import asdict, dataclass

import measure
import programs

# What belongs to the web but is no page.
NO_PAGE = re.compile(r"/robots\.txt|/sitemap.*|/site/style\.css|/site/")
PAGE = re.compile(r"/site/page/(\d+)")


@dataclass
class Faults:
    """What a crawl did wrong, in requests: by the server's count, not by its own."""

    missed: int
    doubled: int
    disallowed: int
    trapped: int
    wrong: int


class Web:
    """A running slow-api."""

    def __init__(self, process):
        self.process = process
        line = process.stdout.readline()
        if not line:
            raise measure.Failed("slow-api did not start")
        self.url = line.split()[-1]
        self.authority = self.url.removeprefix("http://")

    def get(self, path, data=None):
        with urllib.request.urlopen(self.url + path, data=data, timeout=60) as answer:
            return answer.read().decode()

    def reset(self):
        self.get("/stats/reset", data=b"")
        self.get("/api/stats/reset", data=b"")

    def asked(self):
        """Returns what was asked of each host."""
        return json.loads(self.get("/stats"))["hosts"]

    def api(self):
        """Returns what was asked of /api/crawl."""
        return json.loads(self.get("/api/stats"))

    def cpu_seconds(self):
        return measure.cpu_of(self.process.pid)

    def open_paths(self):
        """Returns the paths of all pages that a crawl is to find, as the sitemap has them."""
        files = self.locations("/sitemap.xml")
        return {path for file in files for path in self.locations(file)}

    def locations(self, path):
        found = re.findall("<loc>(.*?)</loc>", self.get(path))
        return [html.unescape(url).removeprefix(self.url) for url in found]


@contextlib.contextmanager
def web(*flags):
    """Starts slow-api with these flags, and ends it with the block."""
    command = [programs.SLOW_API, "--port", "0", *map(str, flags)]
    with measure.child(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield Web(process)


def flags_of_site(open_pages):
    """Returns the flags of a site with so many pages to find: a twentieth is hidden beside them."""
    return "--pages", open_pages + open_pages // 19


def judged(host, open_paths):
    """Returns how many pages a host was asked for, right or wrong, and what was wrong with that."""
    asked = {path: times for path, times in host["by_path"].items() if not NO_PAGE.fullmatch(path)}
    found = asked.keys() & open_paths
    trapped = sum(times for path, times in asked.items() if is_hidden(path, len(open_paths)))
    pages = sum(asked.values())
    right = sum(asked[path] for path in found)
    return pages, Faults(
        missed=len(open_paths) - len(found),
        doubled=right - len(found),
        disallowed=host["disallowed"],
        trapped=trapped,
        wrong=pages - right - host["disallowed"] - trapped,
    )


def is_hidden(path, open_pages):
    """Returns whether only links that may not be followed lead to a page; the open ones are numbered before these."""
    page = PAGE.match(path)
    return page is not None and int(page[1]) >= open_pages


def no_faults(faults):
    return not any(asdict(faults).values())
