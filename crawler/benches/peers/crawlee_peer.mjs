// Crawlee's CheerioCrawler at its defaults, but for robots.txt, concurrency, storage and log: `URL N` crawls a site.

import { CheerioCrawler, Configuration, log } from '@crawlee/cheerio';

const [url, number] = process.argv.slice(2);
const concurrency = Number(number);

log.setLevel(log.LEVELS.ERROR);

const crawler = new CheerioCrawler(
    {
        // Its pool would begin with one request at a time and grow by a twentieth every ten seconds.
        minConcurrency: concurrency,
        maxConcurrency: concurrency,
        respectRobotsTxtFile: true,
        async requestHandler({ enqueueLinks }) {
            await enqueueLinks({ selector: 'a[href]:not([rel~="nofollow"])', strategy: 'same-hostname' });
        },
    },
    // A file for each request makes it three times slower.
    new Configuration({ persistStorage: false }),
);
await crawler.run([url]);
