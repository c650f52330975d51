"""Scrapy at its defaults, but for robots.txt, concurrency and log: `site URL N` crawls, `list FILE N` fetches."""

import sys
from pathlib import Path

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor


class Site(scrapy.Spider):
    """Follows the links of a site that may be followed."""

    name = "site"
    links = LinkExtractor()

    def parse(self, response):
        for link in self.links.extract_links(response):
            if not link.nofollow:
                yield scrapy.Request(link.url)


class List(scrapy.Spider):
    """Fetches what it begins with."""

    name = "list"

    def parse(self, response):
        pass


def main():
    what, source, concurrency = sys.argv[1:]
    urls = [source] if what == "site" else Path(source).read_text().split()
    process = CrawlerProcess(
        {
            "ROBOTSTXT_OBEY": what == "site",
            "CONCURRENT_REQUESTS": int(concurrency),
            "CONCURRENT_REQUESTS_PER_DOMAIN": int(concurrency),
            "DOWNLOAD_DELAY": 0,
            "LOG_LEVEL": "ERROR",
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    process.crawl(Site if what == "site" else List, start_urls=urls)
    process.start()


main()
