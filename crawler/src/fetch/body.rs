//! A body, read to its end or to the first cap or clock it passes.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use http_body_util::BodyDataStream;
use hyper::body::{Body as HttpBody, Bytes};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

use super::coding::{self, Coding};
use super::wire::{Standing, Wire};
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
    /// The bytes as they came, and why these are not all, where they are kept and are others.
    wire: Option<(Vec<u8>, Option<Truncated>)>,
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
            wire: None,
            reserved: None,
        }
    }

    /// Returns the bytes as they came, in their content codings, as far as they are kept, and why that is not all. Without
    /// [`Limits::wire_bytes_max`] those of a body with a coding are not kept, and these are its decoded ones.
    #[must_use]
    pub fn wire(&self) -> (&[u8], Option<Truncated>) {
        match &self.wire {
            Some((bytes, truncated)) => (bytes, *truncated),
            None => (&self.bytes, self.truncated),
        }
    }

    /// Hands on its share of the memory, for what is made of it.
    pub(crate) const fn take_reserved(&mut self) -> Option<Reserved> {
        self.reserved.take()
    }

    /// Reads a body; one that can't be decoded at all is an error.
    pub(super) async fn read(
        body: impl HttpBody<Data = Bytes, Error: Error + Send + Sync + 'static> + Send,
        codings: &[Coding],
        limits: &Limits,
        start: Instant,
        reserved: Reserved,
    ) -> Result<Self, FetchError> {
        let wire_bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&wire_bytes);
        let is_kept = !codings.is_empty() && limits.wire_bytes_max > 0;
        let wire = is_kept.then(|| Arc::new(Wire::new(limits.wire_bytes_max)));
        let kept = wire.clone();
        let expected = body.size_hint().exact().filter(|_| codings.is_empty());
        let expected = expected.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let pieces = BodyDataStream::new(body).then(move |piece| {
            let (counted, kept) = (Arc::clone(&counted), kept.clone());
            async move {
                let piece = piece.map_err(|error| {
                    kept.as_ref().inspect(|wire| wire.break_off());
                    io::Error::other(error)
                })?;
                counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
                if let Some(wire) = kept {
                    wire.keep(&piece).await;
                }
                Ok::<_, io::Error>(piece)
            }
        });
        let mut source = StreamReader::new(Box::pin(pieces));
        let clock = Clock {
            end: start + limits.total,
            idle: limits.idle,
        };
        let mut reading = Reading {
            bytes: Vec::new(),
            share: Share {
                reserved,
                body: 0,
                wire: 0,
            },
            wire: wire.as_deref(),
            clock,
        };
        // A long one is not believed: its pieces are.
        let first = expected.map_or(PIECE_BYTES, |len| len.saturating_add(ROOM_BYTES_MIN));
        let first = first.min(PIECE_BYTES).min(limits.body_bytes_max);
        let truncated = match clock.in_time(reading.reserve(first)).await {
            None => Some(Truncated::Time),
            Some(()) => {
                let source = Box::pin(&mut source);
                reading.read(source, codings, limits, &wire_bytes).await
            }
        };
        let wire = match &wire {
            Some(wire) => {
                let truncated = reading.drain(&mut source, wire, truncated).await;
                Some((wire.take(), truncated))
            }
            None => None,
        };
        let Reading { bytes, share, .. } = reading;
        let mut body = Self {
            bytes,
            wire_bytes: wire_bytes.load(Ordering::Relaxed),
            truncated,
            wire,
            reserved: Some(share.reserved),
        };
        let is_undecodable = body.bytes.is_empty()
            && body.truncated == Some(Truncated::Disconnect)
            && body.wire_bytes > 0
            && !codings.is_empty();
        if is_undecodable {
            return Err(FetchError::Coding(
                "the body is not what its coding says".to_owned(),
            ));
        }
        body.shrink();
        Ok(body)
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        let wire = self.wire.as_mut().map_or(0, |(wire, _)| {
            wire.shrink_to_fit();
            wire.len()
        });
        if let Some(reserved) = &mut self.reserved {
            reserved.shrink_to(self.bytes.len() + wire);
        }
    }
}

/// What a body takes of the memory: decoded, and as it came.
struct Share {
    reserved: Reserved,
    body: usize,
    wire: usize,
}

impl Share {
    async fn grow(&mut self) {
        self.reserved.grow_to(self.body + self.wire).await;
    }
}

/// A body that is being read.
struct Reading<'a> {
    bytes: Vec<u8>,
    share: Share,
    wire: Option<&'a Wire>,
    clock: Clock,
}

impl Reading<'_> {
    /// Reads all of it; returns why that is not all there is.
    async fn read(
        &mut self,
        reader: coding::Reader<'_>,
        codings: &[Coding],
        limits: &Limits,
        wire_bytes: &AtomicU64,
    ) -> Option<Truncated> {
        let undone = coding::undo(reader, codings);
        let undone = self.clock.read(undone, &mut self.share, self.wire).await;
        match undone {
            None => Some(Truncated::Time),
            Some(Err(_)) => Some(Truncated::Disconnect),
            Some(Ok(reader)) => {
                let ratio = (!codings.is_empty()).then_some(limits.ratio_max);
                self.read_all(reader, limits.body_bytes_max, ratio, wire_bytes)
                    .await
            }
        }
    }

    /// Keeps what a decoder has left of a body that is at its end for it; returns why what is kept is not all.
    async fn drain(
        &mut self,
        source: &mut (impl AsyncBufRead + Unpin),
        wire: &Wire,
        truncated: Option<Truncated>,
    ) -> Option<Truncated> {
        if matches!(truncated, Some(Truncated::Length | Truncated::Time)) {
            return truncated;
        }
        let clock = self.clock;
        loop {
            match wire.standing() {
                Standing::Cut => return Some(Truncated::Length),
                Standing::Broken => return Some(Truncated::Disconnect),
                Standing::Whole => {}
            }
            let piece = clock.read(source.fill_buf(), &mut self.share, Some(wire));
            let len = match piece.await {
                None => return Some(Truncated::Time),
                Some(Err(_)) => return Some(Truncated::Disconnect),
                Some(Ok(piece)) => piece.len(),
            };
            if len == 0 && wire.standing() == Standing::Whole {
                return None;
            }
            source.consume(len);
        }
    }

    /// Makes room for so many bytes, and a quarter more so that a long body is not moved for each piece: what is
    /// reserved of the memory is what is taken of it.
    async fn grow(&mut self, needed: usize, bytes_max: usize) {
        let more = (needed / 4).min(bytes_max.saturating_add(1).saturating_sub(needed));
        self.reserve(needed + more).await;
    }

    async fn reserve(&mut self, capacity: usize) {
        self.share.body = capacity;
        self.share.grow().await;
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }

    async fn read_all(
        &mut self,
        mut reader: coding::Reader<'_>,
        bytes_max: usize,
        ratio_max: Option<usize>,
        wire_bytes: &AtomicU64,
    ) -> Option<Truncated> {
        loop {
            let len = self.bytes.len();
            let left = bytes_max.saturating_add(1).saturating_sub(len);
            if left == 0 {
                self.bytes.truncate(bytes_max);
                return Some(Truncated::Length);
            }
            let clock = self.clock;
            if self.bytes.capacity() - len < ROOM_BYTES_MIN.min(left)
                && clock
                    .in_time(self.grow(len + PIECE_BYTES.min(left), bytes_max))
                    .await
                    .is_none()
            {
                return Some(Truncated::Time);
            }
            let room = left.min(self.bytes.capacity() - len);
            let mut limited = (&mut reader).take(room as u64);
            let read = limited.read_buf(&mut self.bytes);
            match clock.read(read, &mut self.share, self.wire).await {
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
#[derive(Clone, Copy)]
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

    /// Waits for a piece, and makes the room that is wanted meanwhile for what comes.
    async fn read<T>(
        &self,
        piece: impl Future<Output = T>,
        share: &mut Share,
        wire: Option<&Wire>,
    ) -> Option<T> {
        let Some(wire) = wire else {
            return self.within(piece).await;
        };
        let mut piece = pin!(piece);
        loop {
            let step = async {
                tokio::select! {
                    biased;
                    piece = &mut piece => Ok(piece),
                    capacity = wire.wants() => Err(capacity),
                }
            };
            match self.within(step).await? {
                Ok(piece) => return Some(piece),
                Err(capacity) => share.wire = capacity,
            }
            self.in_time(share.grow()).await?;
            wire.grow_to(share.wire);
        }
    }

    /// Waits for what is not the server's doing, within the total.
    async fn in_time<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.end, wait).await.ok()
    }
}
