//! Heads that no library of HTTP would send, and connections that end or stall before one.

use std::time::Duration;

use crate::faults::raw::{TO_ARRIVE, head};
use crate::faults::script::{End, FOR_EVER, Script};
use crate::web::{Asked, Refusal, Reply};

/// How long a byte of a slow head takes.
const BYTE_PAUSE: Duration = Duration::from_millis(100);
const KIB_MAX: u64 = 1 << 16;
const COUNT_MAX: u64 = 1 << 20;

const BODY: &str = "<!DOCTYPE html>\n<title>Head</title>\n";

pub(crate) fn reply(asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let script = match *rest {
        ["header", name] => header(asked, name)?,
        ["connection", name] => connection(asked, name)?,
        _ => return Err(Refusal::Unknown),
    };
    Ok(Reply::Script(script))
}

fn header(asked: &Asked<'_>, name: &str) -> Result<Script, Refusal> {
    let close = Script::new(End::Close);
    let lines: Vec<u8> = match name {
        "huge" => {
            let kib = asked.number("kib", 0..=KIB_MAX, 1024)?;
            let kib_of_value = "x".repeat(1024);
            return Ok(close
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\nX-Huge: ")
                .repeat(kib_of_value, kib, Duration::ZERO)
                .send(format!("\r\n\r\n{BODY}")));
        }
        "many" => {
            let count = asked.number("count", 0..=COUNT_MAX, 10_000)?;
            return Ok(close
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\n")
                .repeat("X-Many: 1\r\n", count, Duration::ZERO)
                .send(format!("\r\n{BODY}")));
        }
        "endless" => {
            let pause = asked.pause(Duration::ZERO)?;
            return Ok(close.send("HTTP/1.1 200 OK\r\n").repeat(
                "X-Endless: 1\r\n",
                FOR_EVER,
                pause,
            ));
        }
        "bytes" => b"X-Bytes: \xff\xfe\x80\r\n".to_vec(),
        "nul" => b"X-Nul: a\0b\r\n".to_vec(),
        "name" => b"X N\xe4me: 1\r\n".to_vec(),
        "no-colon" => b"This line has no colon\r\n".to_vec(),
        "no-name" => b": 1\r\n".to_vec(),
        "folded" => b"X-Folded: one\r\n\ttwo\r\n".to_vec(),
        "return" => b"X-Return: a\rb\r\n".to_vec(),
        "line-feeds" => return Ok(close.send(head("").replace("\r\n", "\n") + BODY)),
        "space" => b"X-Space : 1\r\n".to_vec(),
        _ => return Err(Refusal::Unknown),
    };
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n".to_vec();
    bytes.extend(lines);
    bytes.extend(format!("Content-Length: {}\r\n\r\n{BODY}", BODY.len()).into_bytes());
    Ok(close.send(bytes))
}

fn connection(asked: &Asked<'_>, name: &str) -> Result<Script, Refusal> {
    let close = Script::new(End::Close);
    let whole = head(&format!("Content-Length: {}\r\n", BODY.len())) + BODY;
    Ok(match name {
        "empty" => close,
        "silent" => Script::new(End::Stall),
        "reset" => Script::new(End::Reset),
        "reset-in-head" => Script::new(End::Reset)
            .send("HTTP/1.1 200 OK\r\nContent-")
            .pause(TO_ARRIVE),
        "reset-after-head" => Script::new(End::Reset)
            .send(head("Content-Length: 10000\r\n"))
            .pause(TO_ARRIVE),
        "slow-head" => close.drip(whole, asked.pause(BYTE_PAUSE)?),
        "stalled-head" => Script::new(End::Stall).send("HTTP/1.1 200 OK\r\nContent-"),
        "cut-head" => close.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Cut"),
        "garbage" => close.send(garbage()),
        "http-0.9" => close.send(BODY),
        "http-9.9" => close.send(whole.replacen("HTTP/1.1", "HTTP/9.9", 1)),
        "http-1.0" => close.send(format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n{BODY}"
        )),
        "no-status" => close.send(whole.replacen("200", "abc", 1)),
        "status-999" => close.send(whole.replacen("200 OK", "999 Odd", 1)),
        "continues" => close.send("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000) + &whole),
        "more" => {
            close.send(whole.replace("Connection: close\r\n", "") + "HTTP/1.1 200 OK\r\n\r\nstray")
        }
        "ssh" => close.send("SSH-2.0-OpenSSH_9.6\r\n"),
        _ => return Err(Refusal::Unknown),
    })
}

/// Bytes in which no line ends.
fn garbage() -> Vec<u8> {
    (0..4_096_u32)
        .map(|at| at.wrapping_mul(at ^ 0x9e37).to_be_bytes()[2] | 0x80)
        .collect()
}
