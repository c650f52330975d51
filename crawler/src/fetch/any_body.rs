//! Bodies of any bytes, in any codings, that come in pieces of any size: read without a panic, within their cap, and the
//! same however they are cut.

use std::time::Duration;

use futures::stream;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use proptest::prelude::*;
use tokio::time::Instant;

use super::coding::Coding;
use super::tests::encoded;
use super::{Body, FetchError, Limits, Memory, Truncated};

const BODY_BYTES_MAX: usize = 20_000;
const WIRE_BYTES_MAX: usize = 2_500;

fn limits() -> Limits {
    Limits {
        body_bytes_max: BODY_BYTES_MAX,
        wire_bytes_max: WIRE_BYTES_MAX,
        total: Duration::from_secs(600),
        ..Limits::default()
    }
}

/// What a body was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    bytes: Vec<u8>,
    truncated: Option<Truncated>,
    /// As it came, and why that is not all.
    wire: (Vec<u8>, Option<Truncated>),
    error: Option<FetchError>,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// Reads a body that comes in pieces of these sizes, again and again.
async fn read(body: &[u8], sizes: &[usize], codings: &[Coding]) -> Seen {
    let (mut pieces, mut rest) = (Vec::new(), body);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(*size));
        let piece = Frame::data(Bytes::copy_from_slice(piece));
        pieces.push(Ok::<_, std::io::Error>(piece));
        rest = after;
    }
    let body = StreamBody::new(stream::iter(pieces));
    let (limits, memory) = (limits(), Memory::new(1024 * 1024));
    let read = Body::read(body, codings, &limits, Instant::now(), memory.reserve());
    match read.await {
        Ok(body) => Seen {
            bytes: body.bytes.clone(),
            truncated: body.truncated,
            wire: (body.wire().0.to_vec(), body.wire().1),
            error: None,
        },
        Err(error) => Seen {
            bytes: Vec::new(),
            truncated: None,
            wire: (Vec::new(), None),
            error: Some(error),
        },
    }
}

async fn encode(page: &[u8], codings: &[Coding]) -> Vec<u8> {
    let mut body = page.to_vec();
    for coding in codings {
        let name = match coding {
            Coding::Gzip => "gzip",
            Coding::Deflate => "zlib",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        };
        body = encoded(name, &body).await;
    }
    body
}

fn codings() -> impl Strategy<Value = Vec<Coding>> {
    let coding = prop::sample::select(vec![
        Coding::Gzip,
        Coding::Deflate,
        Coding::Brotli,
        Coding::Zstd,
    ]);
    prop::collection::vec(coding, 0..=2)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1_usize..20, 1_usize..5_000], 1..5)
}

/// Pages that shrink, and some past the cap.
fn page() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 0..300), 0_usize..100)
        .prop_map(|(bytes, times)| bytes.repeat(times))
}

#[test]
fn what_breaks_behind_the_end_of_the_inner_coding_is_seen_however_it_comes() {
    // The first bytes are a stream of Brotli that is whole; what is behind them is no deflate.
    let (body, codings) = ([178, 52, 24, 60, 1, 0], [Coding::Brotli, Coding::Deflate]);
    for size in [1, 6] {
        let seen = block_on(read(&body, &[size], &codings));
        assert!(seen.truncated.is_some() || seen.error.is_some(), "{size}");
    }
}

proptest! {
    #[test]
    fn a_page_comes_out_as_it_went_in_up_to_the_cap(page in page(), codings in codings(), sizes in sizes()) {
        let seen = block_on(async { read(&encode(&page, &codings).await, &sizes, &codings).await });
        let is_long = page.len() > BODY_BYTES_MAX;
        prop_assert_eq!(seen.error, None);
        prop_assert_eq!(seen.truncated, is_long.then_some(Truncated::Length));
        prop_assert!(seen.bytes == page[..page.len().min(BODY_BYTES_MAX)]);
    }

    #[test]
    fn what_came_is_kept_as_it_came_up_to_its_own_cap(page in page(), codings in codings(), sizes in sizes()) {
        let (sent, seen) = block_on(async {
            let sent = encode(&page, &codings).await;
            let seen = read(&sent, &sizes, &codings).await;
            (sent, seen)
        });
        let (wire, cut) = seen.wire;
        prop_assert!(sent.starts_with(&wire));
        // What is cut in being decoded may have come to its end, which nobody has seen then.
        prop_assert!(cut.is_some() || wire.len() == sent.len());
        if !codings.is_empty() {
            // Of a long page no more is read than it takes to know that it is.
            let is_short = seen.truncated.is_none();
            prop_assert!(wire.len() <= WIRE_BYTES_MAX);
            prop_assert!(!is_short || wire.len() == sent.len().min(WIRE_BYTES_MAX));
            prop_assert_eq!(is_short && sent.len() <= WIRE_BYTES_MAX, cut.is_none());
        }
    }

    #[test]
    fn any_bytes_are_read_within_the_cap_whatever_they_say_they_are(
        body in prop::collection::vec(any::<u8>(), 0..3_000),
        codings in codings(),
        sizes in sizes(),
    ) {
        let (whole, cut) = block_on(async {
            (read(&body, &[usize::MAX], &codings).await, read(&body, &sizes, &codings).await)
        });
        for seen in [&whole, &cut] {
            prop_assert!(seen.bytes.len() <= BODY_BYTES_MAX);
        }
        // Of what breaks in the midst, more is had the later it is seen.
        prop_assert!(whole.bytes.starts_with(&cut.bytes) || cut.bytes.starts_with(&whole.bytes));
        prop_assert_eq!(whole.truncated.is_some() || whole.error.is_some(), cut.truncated.is_some() || cut.error.is_some());
    }

    #[test]
    fn a_page_with_a_wrong_byte_or_without_its_end_is_read_within_the_cap(
        page in page(),
        codings in codings(),
        sizes in sizes(),
        wrong: (prop::sample::Index, u8),
        end in any::<prop::sample::Index>(),
    ) {
        let seen = block_on(async {
            let mut body = encode(&page, &codings).await;
            if !body.is_empty() {
                let at = wrong.0.index(body.len());
                body[at] ^= wrong.1;
                body.truncate(end.index(body.len()) + 1);
            }
            read(&body, &sizes, &codings).await
        });
        prop_assert!(seen.bytes.len() <= BODY_BYTES_MAX);
    }
}
