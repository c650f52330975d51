//! A body, read to its end or to the first cap or clock it passes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

use super::coding::{self, Coding};
use super::{FetchError, Limits, Reserved};

/// A body is read in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;
/// With less room than this more is made.
const ROOM_BYTES_MIN: usize = 512;
/// Below this the ratio is not looked at: what is small does no harm.
const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Why a body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// It is longer than the cap, or was blown up by decoding.
    Length,
    /// It came too slowly.
    Time,
    /// The connection ended within it, or what came can't be decoded from some byte on.
    Disconnect,
}

impl Truncated {
    /// Returns the word for it, as WARC has it. Source: WARC 1.1 §5.13.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Disconnect => "disconnect",
        }
    }
}

/// What was read of a body, decoded. It holds its share of the memory until it is dropped.
#[derive(Debug)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many came over the wire.
    pub wire_bytes: u64,
    /// Why it is not whole, if it is not.
    pub truncated: Option<Truncated>,
    reserved: Option<Reserved>,
}

impl Body {
    /// Makes the body of an answer that has none.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            wire_bytes: 0,
            truncated: None,
            reserved: None,
        }
    }

    /// Reads a body; one that can't be decoded at all is an error.
    pub(super) async fn read(
        response: reqwest::Response,
        codings: &[Coding],
        limits: &Limits,
        start: Instant,
        reserved: Reserved,
    ) -> Result<Self, FetchError> {
        let wire_bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&wire_bytes);
        let expected = response.content_length().filter(|_| codings.is_empty());
        let expected = expected.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let pieces = response.bytes_stream().map(move |piece| {
            let piece = piece.map_err(io::Error::other)?;
            counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok::<_, io::Error>(piece)
        });
        let reader = Box::pin(StreamReader::new(Box::pin(pieces)));
        let clock = Clock {
            end: start + limits.total,
            idle: limits.idle,
        };
        let mut body = Self {
            reserved: Some(reserved),
            ..Self::empty()
        };
        // A long one is not believed: its pieces are.
        let first = expected.map_or(PIECE_BYTES, |len| len.saturating_add(ROOM_BYTES_MIN));
        let first = first.min(PIECE_BYTES).min(limits.body_bytes_max);
        if clock.in_time(body.reserve(first)).await.is_none() {
            body.truncated = Some(Truncated::Time);
            return Ok(body);
        }
        match clock.within(coding::undo(reader, codings)).await {
            None => body.truncated = Some(Truncated::Time),
            Some(Err(_)) => body.truncated = Some(Truncated::Disconnect),
            Some(Ok(mut reader)) => {
                let ratio = (!codings.is_empty()).then_some(limits.ratio_max);
                body.truncated = body
                    .read_all(
                        &mut reader,
                        limits.body_bytes_max,
                        ratio,
                        &wire_bytes,
                        &clock,
                    )
                    .await;
            }
        }
        body.wire_bytes = wire_bytes.load(Ordering::Relaxed);
        let is_undecodable = body.bytes.is_empty()
            && body.truncated == Some(Truncated::Disconnect)
            && body.wire_bytes > 0
            && !codings.is_empty();
        if is_undecodable {
            return Err(FetchError::Coding(
                "the body is not what its coding says".to_owned(),
            ));
        }
        body.bytes.shrink_to_fit();
        if let Some(reserved) = &mut body.reserved {
            reserved.shrink_to(body.bytes.len());
        }
        Ok(body)
    }

    /// Makes room for so many bytes, and a quarter more so that a long body is not moved for each piece: what is
    /// reserved of the memory is what is taken of it.
    async fn grow(&mut self, needed: usize, bytes_max: usize) {
        let more = (needed / 4).min(bytes_max.saturating_add(1).saturating_sub(needed));
        self.reserve(needed + more).await;
    }

    async fn reserve(&mut self, capacity: usize) {
        if let Some(reserved) = &mut self.reserved {
            reserved.grow_to(capacity).await;
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }

    async fn read_all(
        &mut self,
        reader: &mut (impl tokio::io::AsyncBufRead + Unpin),
        bytes_max: usize,
        ratio_max: Option<usize>,
        wire_bytes: &AtomicU64,
        clock: &Clock,
    ) -> Option<Truncated> {
        loop {
            let len = self.bytes.len();
            let left = bytes_max.saturating_add(1).saturating_sub(len);
            if left == 0 {
                self.bytes.truncate(bytes_max);
                return Some(Truncated::Length);
            }
            if self.bytes.capacity() - len < ROOM_BYTES_MIN.min(left)
                && clock
                    .in_time(self.grow(len + PIECE_BYTES.min(left), bytes_max))
                    .await
                    .is_none()
            {
                return Some(Truncated::Time);
            }
            let room = left.min(self.bytes.capacity() - len);
            let mut limited = reader.take(room as u64);
            match clock.within(limited.read_buf(&mut self.bytes)).await {
                None => return Some(Truncated::Time),
                Some(Err(_)) => return Some(Truncated::Disconnect),
                Some(Ok(0)) => return None,
                Some(Ok(_)) => {}
            }
            let sent = usize::try_from(wire_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            let is_bomb = ratio_max.is_some_and(|ratio| {
                self.bytes.len() > RATIO_FREE_BYTES && self.bytes.len() / ratio > sent
            });
            if is_bomb {
                // One byte more than the most is read, to know whether there is one.
                self.bytes.truncate(bytes_max);
                return Some(Truncated::Length);
            }
        }
    }
}

/// The clocks of a body.
struct Clock {
    end: Instant,
    idle: Duration,
}

impl Clock {
    /// Waits for a piece, within the idle time and the total.
    async fn within<T>(&self, piece: impl Future<Output = T>) -> Option<T> {
        let until = self.end.min(Instant::now() + self.idle);
        timeout_at(until, piece).await.ok()
    }

    /// Waits for what is not the server's doing, within the total.
    async fn in_time<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.end, wait).await.ok()
    }
}
