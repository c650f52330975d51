//! Bytes read as a row of parts, so that a fuzzer that changes bytes changes parts.

/// What is left to read. Where nothing is left, numbers are 0 and parts are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'d>(&'d [u8]);

impl<'d> Parts<'d> {
    pub(super) const fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let [byte, rest @ ..] = self.0 else { return 0 };
        self.0 = rest;
        *byte
    }

    /// Returns the part whose length the next byte tells, as far as it goes.
    pub(super) fn part(&mut self) -> &'d [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (part, rest) = self.0.split_at(length);
        self.0 = rest;
        part
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.part()).into_owned()
    }

    pub(super) const fn rest(self) -> &'d [u8] {
        self.0
    }
}
