//! The heads of requests and answers, as HTTP/1.1 writes them, whatever version they came in. Source: RFC 9112 §2.1.

/// The header that tells how a body was cut into pieces on its way, of which an archive keeps nothing.
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CONTENT_LENGTH: &[u8] = b"content-length";
/// What stands in front of a header that does not hold of what is kept. The rest of the name stays as it is.
const RENAMED: &[u8] = b"X-Orig-";

/// The head of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// What is asked for: a path, with its query.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl RequestHead<'_> {
    /// Writes it, with the empty line at its end.
    ///
    /// ```
    /// use crawler::warc::RequestHead;
    ///
    /// let head = RequestHead { target: "/a?b", headers: &[("host", b"h")] };
    /// assert_eq!(head.to_bytes(), b"GET /a?b HTTP/1.1\r\nhost: h\r\n\r\n");
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = b"GET ".to_vec();
        push_guarded(&mut head, self.target.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in self.headers {
            push_header(&mut head, &[name.as_bytes()], value);
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// Whether it came in HTTP/1.0 or in any later version.
    pub is_http_1_0: bool,
    /// The status.
    pub status: u16,
    /// The words beside it.
    pub reason: &'a [u8],
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The length of the body that is kept.
    pub body_len: usize,
}

impl ResponseHead<'_> {
    /// Writes it, with the empty line at its end. `Transfer-Encoding` is renamed, as is a `Content-Length` that is not
    /// the body's: a reader of the archive would go by them.
    ///
    /// ```
    /// use crawler::warc::ResponseHead;
    ///
    /// let head = ResponseHead {
    ///     is_http_1_0: false,
    ///     status: 200,
    ///     reason: b"OK",
    ///     headers: &[("transfer-encoding", b"chunked"), ("content-length", b"5")],
    ///     body_len: 5,
    /// };
    /// let expected = "HTTP/1.1 200 OK\r\nX-Orig-transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n";
    /// assert_eq!(head.to_bytes(), expected.as_bytes());
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let version = if self.is_http_1_0 { "1.0" } else { "1.1" };
        let mut head = format!("HTTP/{version} {} ", self.status).into_bytes();
        push_guarded(&mut head, self.reason);
        head.extend_from_slice(b"\r\n");
        for (name, value) in self.headers {
            let name = name.as_bytes();
            if self.holds(name, value) {
                push_header(&mut head, &[name], value);
            } else {
                push_header(&mut head, &[RENAMED, name], value);
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Returns whether a header says of the body what is so.
    fn holds(&self, name: &[u8], value: &[u8]) -> bool {
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            return value == self.body_len.to_string().as_bytes();
        }
        !name.eq_ignore_ascii_case(TRANSFER_ENCODING)
    }
}

fn push_header(head: &mut Vec<u8>, name: &[&[u8]], value: &[u8]) {
    for part in name {
        push_guarded(head, part);
    }
    head.extend_from_slice(b": ");
    push_guarded(head, value);
    head.extend_from_slice(b"\r\n");
}

/// Writes what can't end its line: a line's end in it, or a NUL, is a space.
pub(super) fn push_guarded(to: &mut Vec<u8>, bytes: &[u8]) {
    let guarded = bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' | 0 => b' ',
        byte => *byte,
    });
    to.extend(guarded);
}
