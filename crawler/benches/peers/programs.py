"""What is measured: where each program comes from, how it is installed, and how it is called."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = ROOT / "target"
FLOORS = TARGET / "peers" / "release"
VENV = TARGET / "peers" / "venv"
SCRAPY = "scrapy==2.19.0"
NODE = TARGET / "peers" / "crawlee"
CRAWLEE = "@crawlee/cheerio@3.18.1"

CRAWLER = TARGET / "release" / "crawler"
SLOW_API = TARGET / "release" / "slow-api"

OURS = "crawler"
FLOOR_NAMES = ["floor-h", "floor-r", "floor-l"]
PEERS = ["spider-lean", "wget2", "scrapy", "crawlee"]
# Either would need a quarter of an hour for a round of the larger sites.
SLOW_PEERS = ["scrapy", "crawlee"]

TITLES = {
    "crawler": "this crawler, durable",
    "floor-h": "floor H: hyper, scanner",
    "floor-r": "floor R: reqwest, scanner, own join",
    "floor-l": "floor L: reqwest, lol_html, Url::join",
    "floor-list": "bare reqwest loop",
    "spider-lean": "spider, no default features",
    "wget2": "wget2",
    "scrapy": "Scrapy",
    "crawlee": "Crawlee",
}


def site(name, url, concurrency, folder):
    """Returns the command that crawls a site, as a user of the program would."""
    number = str(concurrency)
    return {
        "crawler": [CRAWLER, "crawl", url, "--no-sitemaps", "--concurrency", number, *kept_in(folder)],
        "wget2": ["wget2", "--recursive", "--level=0", f"--max-threads={number}", *wget2_into(folder), url],
        "scrapy": [VENV / "bin" / "python", HERE / "scrapy_peer.py", "site", url, number],
        "crawlee": ["node", NODE / "crawlee_peer.mjs", url, number],
    }.get(name, [FLOORS / name, url, number])


def listed(name, file, concurrency, folder):
    """Returns the command that fetches a list."""
    number = str(concurrency)
    return {
        "crawler": [CRAWLER, "--urls", file, "--concurrency", number, *kept_in(folder)],
        "wget2": ["wget2", f"--input-file={file}", f"--max-threads={number}", *wget2_into(folder)],
        "scrapy": [VENV / "bin" / "python", HERE / "scrapy_peer.py", "list", file, number],
    }.get(name, [FLOORS / name, file, number])


def kept_in(folder):
    return ["--job", folder / "job", "--output", folder / "pages.jsonl", "--quiet"]


def wget2_into(folder):
    # It is made to write files; what it wrote it removes again.
    return ["--quiet", "--delete-after", f"--directory-prefix={folder}"]


def is_well(name, status):
    """Returns whether a program says that all went well; 8 is wget2's for an answer that is an error."""
    return status == 0 or (name == "wget2" and status == 8)


def install(names):
    """Builds and installs what is missing of the programs, and of what serves the site."""
    cargo(ROOT, "--package", "crawler", "--package", "slow-api")
    floors = HERE / "floors"
    cargo(floors, "--bins", "--target-dir", TARGET / "peers")
    if "spider-lean" in names:
        cargo(floors, "--features", "spider", "--bin", "spider-lean", "--target-dir", TARGET / "peers")
    if "wget2" in names and not shutil.which("wget2"):
        install_from_debian("wget2")
    if "scrapy" in names and not (VENV / "bin" / "scrapy").exists():
        call([sys.executable, "-m", "venv", VENV])
        call([VENV / "bin" / "pip", "install", "--quiet", SCRAPY])
    if "crawlee" in names:
        if not shutil.which("npm"):
            install_from_debian("nodejs", "npm")
        if not (NODE / "node_modules" / "@crawlee" / "cheerio").exists():
            call(["npm", "install", "--silent", "--prefix", NODE, CRAWLEE])
        # A module is looked for beside the file that names it.
        shutil.copy(HERE / "crawlee_peer.mjs", NODE)


def install_from_debian(*packages):
    become_root = [] if os.geteuid() == 0 else ["sudo"]
    call([*become_root, "apt-get", "update", "-qq"])
    call([*become_root, "apt-get", "install", "-y", "-qq", *packages])


def cargo(folder, *flags):
    call(["cargo", "build", "--quiet", "--release", "--locked", *flags], folder)


def call(command, folder=ROOT):
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)


def versions(names):
    """Returns the versions of what is measured."""
    with open(HERE / "floors" / "Cargo.lock", "rb") as lock:
        packages = {package["name"]: package["version"] for package in tomllib.load(lock)["package"]}
    found = {"crawler": said(["git", "describe", "--always", "--dirty"])}
    found |= {name: packages[name] for name in ["hyper", "reqwest", "lol_html"]}
    if "spider-lean" in names:
        found["spider"] = packages["spider"]
    if "wget2" in names:
        found["wget2"] = said(["wget2", "--version"])
    if "scrapy" in names:
        found["scrapy"] = said([VENV / "bin" / "scrapy", "version"])
    if "crawlee" in names:
        found["crawlee"] = CRAWLEE.rpartition("@")[2]
        found["node"] = said(["node", "--version"]).removeprefix("v")
    return {name: re.sub(r"^(Scrapy|GNU Wget2) ", "", text).split(" - ")[0] for name, text in found.items()}


def machine():
    """Returns what the machine is, in words."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    model = cpu[1].strip() if cpu else platform.machine()
    return f"{os.cpu_count()} × {model}, {memory / 2**20:.0f} GiB, Linux {platform.release().split('-')[0]}"


def said(command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[0].strip()
