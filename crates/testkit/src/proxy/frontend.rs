//! Parsing the messages that a client sends (PostgreSQL's protocol, version 3).

use std::collections::HashMap;

/// The requests for TLS and GSSAPI encryption, which the proxy declines.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// Splits a client's bytes into messages.
#[derive(Default)]
pub(super) struct Frontend {
    received: Vec<u8>,
    started: bool,
    /// The text of each prepared statement, by its name.
    prepared: HashMap<Vec<u8>, String>,
}

/// The result of some bytes from the client.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Bytes for the server.
    pub(super) forward: Vec<u8>,
    /// Bytes for the client.
    pub(super) reply: Vec<u8>,
    pub(super) spoken: Spoken,
}

/// The statements in the messages of a client.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// The statements that the server will execute.
    pub(super) statements: Vec<String>,
    /// The statements that it will prepare.
    pub(super) prepared: Vec<String>,
}

impl Spoken {
    pub(super) fn extend(&mut self, more: Self) {
        self.statements.extend(more.statements);
        self.prepared.extend(more.prepared);
    }
}

impl Frontend {
    /// Processes complete messages, and keeps the rest until more bytes arrive.
    pub(super) fn receive(&mut self, bytes: &[u8], rewrite: impl Fn(&str) -> Option<String>) -> Received {
        self.received.extend_from_slice(bytes);
        let mut out = Received::default();
        loop {
            // The first message has no type.
            let head = usize::from(self.started);
            let Some(length) = number(&self.received, head) else { break };
            let end = head.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            if self.received.len() < end {
                break;
            }
            let rest = self.received.split_off(end);
            let message = std::mem::replace(&mut self.received, rest);
            self.message(message, &rewrite, &mut out);
        }
        out
    }

    fn message(&mut self, message: Vec<u8>, rewrite: &impl Fn(&str) -> Option<String>, out: &mut Received) {
        if !self.started {
            if number(&message, 4).is_some_and(|code| ENCRYPTION_REQUESTS.contains(&code)) {
                out.reply.push(b'N');
            } else {
                self.started = true;
                out.forward.extend(message);
            }
            return;
        }
        let (kind, body) = (message.first().copied(), message.get(5..).unwrap_or_default());
        match kind {
            Some(b'Q') => {
                let (sql, _) = text(body);
                let sql = rewrite(&sql).unwrap_or(sql);
                out.forward.extend(encode(b'Q', &[sql.as_bytes(), b"\0"]));
                out.spoken.statements.push(sql);
            }
            Some(b'P') => {
                let name = terminated(body).to_vec();
                let (sql, types) = text(body.get(name.len().saturating_add(1)..).unwrap_or_default());
                let sql = rewrite(&sql).unwrap_or(sql);
                out.forward.extend(encode(b'P', &[&name, b"\0", sql.as_bytes(), b"\0", types]));
                out.spoken.prepared.push(sql.clone());
                self.prepared.insert(name, sql);
            }
            Some(b'B') => {
                let portal = terminated(body).len();
                let name = terminated(body.get(portal.saturating_add(1)..).unwrap_or_default());
                out.spoken.statements.extend(self.prepared.get(name).cloned());
                out.forward.extend(message);
            }
            _ => out.forward.extend(message),
        }
    }
}

fn encode(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len().saturating_add(4)).expect("a message of less than 4 GiB");
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.extend(body);
    message
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.saturating_add(4))?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Returns the bytes before the first zero byte.
fn terminated(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Returns the text before the first zero byte, and the bytes after it.
fn text(bytes: &[u8]) -> (String, &[u8]) {
    let text = terminated(bytes);
    let rest = bytes.get(text.len().saturating_add(1)..).unwrap_or_default();
    (String::from_utf8_lossy(text).into_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup() -> Vec<u8> {
        let mut message = 9_u32.to_be_bytes().to_vec();
        message.extend(196_608_u32.to_be_bytes());
        message.push(0);
        message
    }

    #[test]
    fn messages_in_pieces_are_reassembled() {
        let mut whole = startup();
        whole.extend(encode(b'P', &[b"s1\0SELECT $1\0", &[0, 0]]));
        whole.extend(encode(b'B', &[b"\0s1\0", &[0; 6]]));
        whole.extend(encode(b'S', &[]));
        whole.extend(encode(b'Q', &[b"COMMIT\0"]));
        for size in [1, 2, 7, whole.len()] {
            let mut frontend = Frontend::default();
            let (mut forwarded, mut spoken) = (Vec::new(), Spoken::default());
            for piece in whole.chunks(size) {
                let received = frontend.receive(piece, |_| None);
                forwarded.extend(received.forward);
                spoken.extend(received.spoken);
            }
            assert_eq!(forwarded, whole);
            assert_eq!(spoken.statements, ["SELECT $1", "COMMIT"]);
            assert_eq!(spoken.prepared, ["SELECT $1"]);
        }
    }

    #[test]
    fn texts_and_lengths_are_rewritten() {
        let mut frontend = Frontend::default();
        frontend.receive(&startup(), |_| None);
        let longer = |sql: &str| Some(sql.replace('1', "'a longer one'"));
        let received = frontend.receive(&encode(b'Q', &[b"SELECT 1\0"]), longer);
        assert_eq!(received.forward, encode(b'Q', &[b"SELECT 'a longer one'\0"]));
        let received = frontend.receive(&encode(b'P', &[b"s\0SELECT 1\0", &[0, 1, 0, 0, 0, 23]]), longer);
        assert_eq!(received.forward, encode(b'P', &[b"s\0SELECT 'a longer one'\0", &[0, 1, 0, 0, 0, 23]]));
        let received = frontend.receive(&encode(b'B', &[b"\0s\0", &[0; 6]]), longer);
        assert_eq!(received.spoken.statements, ["SELECT 'a longer one'"]);
    }

    #[test]
    fn encryption_is_declined() {
        let mut request = 8_u32.to_be_bytes().to_vec();
        request.extend(80_877_103_u32.to_be_bytes());
        let mut frontend = Frontend::default();
        let received = frontend.receive(&request, |_| None);
        assert_eq!(received, Received { reply: vec![b'N'], ..Received::default() });
        assert_eq!(frontend.receive(&startup(), |_| None).forward, startup());
    }
}
