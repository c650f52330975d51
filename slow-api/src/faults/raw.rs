//! Bodies that no library of HTTP would send: endless, slow, cut off, in broken chunks or of another length than
//! said.

use std::time::Duration;

use crate::faults::script::{End, FOR_EVER, Script};
use crate::web::{Asked, Refusal, Reply};

/// How long a byte of a slow body takes.
const BYTE_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a slow body, and MiB of a huge one.
const BYTES_MAX: u64 = 1 << 20;
const MIB_MAX: u64 = 1 << 20;

const TITLE: &str = "<!DOCTYPE html>\n<title>Raw</title>\n";
const LINE: &str = "<p>All of this is one line, and it comes again and again until you have had enough of it.</p>\n";

/// The head of a successful answer with some further header lines, each with its end.
pub(crate) fn head(lines: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n{lines}\r\n"
    )
}

pub(crate) fn reply(asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let script = match *rest {
        ["body", name] => body(asked, name)?,
        ["chunk", name] => chunk(name)?,
        ["length", name] => length(name)?,
        _ => return Err(Refusal::Unknown),
    };
    Ok(Reply::Script(script))
}

fn body(asked: &Asked<'_>, name: &str) -> Result<Script, Refusal> {
    let close = Script::new(End::Close);
    Ok(match name {
        "endless" => {
            let pause = asked.pause(Duration::ZERO)?;
            close.send(head("") + TITLE).repeat(LINE, FOR_EVER, pause)
        }
        "endless-chunks" => {
            let pause = asked.pause(Duration::ZERO)?;
            close.send(head("Transfer-Encoding: chunked\r\n")).repeat(
                in_chunks(LINE),
                FOR_EVER,
                pause,
            )
        }
        "slow" => {
            let pause = asked.pause(BYTE_PAUSE)?;
            let bytes = asked.number("bytes", 0..=BYTES_MAX, 100)?;
            close
                .send(head(&format!("Content-Length: {bytes}\r\n")))
                .repeat("x", bytes, pause)
        }
        "stalled" => Script::new(End::Stall).send(head("Content-Length: 10000\r\n") + TITLE),
        "truncated" => close.send(head("Content-Length: 10000\r\n") + TITLE),
        "reset" => Script::new(End::Reset)
            .send(head("Content-Length: 10000\r\n") + TITLE)
            .pause(TO_ARRIVE),
        "huge" => {
            let mib = asked.number("mib", 0..=MIB_MAX, 20)?;
            let length = mib << 20;
            // A number of lines of 64 bytes that is a MiB together.
            let kib = "<p>This page is very long, and there is nothing else to say.</p>".repeat(16);
            close
                .send(head(&format!("Content-Length: {length}\r\n")))
                .repeat(kib, length >> 10, Duration::ZERO)
        }
        "blob" => {
            let length = asked.number("mib", 0..=MIB_MAX, 20)? << 20;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            close
                .send(head)
                .repeat(vec![0; 1 << 10], length >> 10, Duration::ZERO)
        }
        _ => return Err(Refusal::Unknown),
    })
}

fn chunk(name: &str) -> Result<Script, Refusal> {
    let end = "0\r\n\r\n";
    let chunks = match name {
        "truncated" => in_chunks(TITLE),
        "cut" => "ff\r\n".to_owned() + TITLE,
        "size" => in_chunks(TITLE) + "xyz\r\n" + LINE + "\r\n" + end,
        "negative" => in_chunks(TITLE) + "-5\r\n" + LINE + "\r\n" + end,
        "overflow" => "fffffffffffffffff\r\n".to_owned() + TITLE,
        "no-line-end" => format!("{:x}\r\n{TITLE}{end}", TITLE.len()),
        "extension" => format!(
            "{:x};{}\r\n{TITLE}\r\n{end}",
            TITLE.len(),
            "x".repeat(100_000)
        ),
        "trailers" => in_chunks(TITLE) + "0\r\n" + &"X-Trailer: 1\r\n".repeat(1_000) + "\r\n",
        _ => return Err(Refusal::Unknown),
    };
    let script = Script::new(End::Close).send(head("Transfer-Encoding: chunked\r\n"));
    Ok(script.send(chunks))
}

fn length(name: &str) -> Result<Script, Refusal> {
    let real = TITLE.len();
    let lines = match name {
        "short" => format!("Content-Length: {}\r\n", real - 10),
        "twice" => format!(
            "Content-Length: {real}\r\nContent-Length: {}\r\n",
            real - 10
        ),
        "negative" => "Content-Length: -5\r\n".to_owned(),
        "nonsense" => "Content-Length: many\r\n".to_owned(),
        "overflow" => "Content-Length: 99999999999999999999\r\n".to_owned(),
        "huge" => "Content-Length: 9223372036854775807\r\n".to_owned(),
        "and-chunked" => "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        _ => return Err(Refusal::Unknown),
    };
    let body = match name {
        "and-chunked" => in_chunks(TITLE) + "0\r\n\r\n",
        _ => TITLE.to_owned(),
    };
    Ok(Script::new(End::Close).send(head(&lines) + &body))
}

fn in_chunks(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// How long a reset waits, so that it does not overtake what was sent.
pub(crate) const TO_ARRIVE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use crate::faults::script::Step;

    use super::*;

    fn script(path: &str, query: &str) -> Option<Script> {
        let asked = Asked {
            path,
            query,
            nth: 1,
            now: SystemTime::UNIX_EPOCH,
        };
        let segments: Vec<_> = path.split('/').collect();
        match reply(&asked, &segments).ok()? {
            Reply::Script(script) => Some(script),
            Reply::Answer { .. } => None,
        }
    }

    #[test]
    fn a_huge_body_is_as_long_as_its_head_says() {
        let script = script("body/huge", "mib=3").expect("it is a path");
        let [Step::Send(head), Step::Repeat { bytes, times, .. }] = &script.steps[..] else {
            panic!("{script:?}");
        };
        assert!(
            head.ends_with(b"Content-Length: 3145728\r\n\r\n"),
            "{head:?}"
        );
        assert_eq!(bytes.len() as u64 * times, 3 << 20);
    }

    #[test]
    fn a_slow_body_sends_its_bytes_one_by_one() {
        let script = script("body/slow", "ms=5&bytes=7").expect("it is a path");
        let pause = Duration::from_millis(5);
        let expected = Script::new(End::Close)
            .send(head("Content-Length: 7\r\n"))
            .repeat("x", 7, pause);
        assert_eq!(script, expected);
    }

    #[test]
    fn what_is_no_fault_and_what_is_no_number_is_refused() {
        assert_eq!(script("body/none", ""), None);
        assert_eq!(script("body/slow", "ms=never"), None);
        assert_eq!(script("chunk", ""), None);
        assert_eq!(script("length/long", ""), None);
    }
}
