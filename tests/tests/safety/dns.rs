//! A name server of a few lines: UDP, one question, IPv4 addresses that are forgotten at once.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// The server; dropping it ends it.
pub(crate) struct NameServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// The head of a message. Source: RFC 1035 §4.1.1.
const HEAD_BYTES: usize = 12;
/// The type of an IPv4 address. Source: RFC 1035 §3.2.2.
const TYPE_A: [u8; 2] = [0, 1];

impl NameServer {
    /// Starts one that answers as `look_up` says; a name without an address exists all the same.
    pub(crate) async fn start(look_up: impl Fn(&str) -> Option<Ipv4Addr> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("the port is free");
        let address = socket.local_addr().expect("it is bound");
        let task = tokio::spawn(async move {
            let mut message = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut message).await {
                if let Some(answer) = answer(&message[..len], &look_up) {
                    let _lost = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, task }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(message: &[u8], look_up: &impl Fn(&str) -> Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = HEAD_BYTES;
    while *message.get(at)? > 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(message.get(at + 1..end)?).to_lowercase());
        at = end;
    }
    let question = message.get(HEAD_BYTES..at + 5)?;
    let is_v4 = question[question.len() - 4..][..2] == TYPE_A;
    let found = look_up(&labels.join(".")).filter(|_| is_v4);
    // An answer to a recursive question, without an error: one question, and one address or none.
    let mut answer = vec![
        message[0],
        message[1],
        0x81,
        0x80,
        0,
        1,
        0,
        u8::from(found.is_some()),
        0,
        0,
        0,
        0,
    ];
    answer.extend_from_slice(question);
    if let Some(address) = found {
        // The name of the question, an IPv4 address of the internet, kept for 0 s, in 4 bytes.
        answer.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    Some(answer)
}
