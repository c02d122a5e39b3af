//! Tests: a plain SMPP client, bytes out and bytes in. Never knows more of the protocol than the tests need.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::support::PATIENCE;

pub const RESPONSE: u32 = 0x8000_0000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    pub command: u32,
    pub status: u32,
    pub sequence: u32,
    pub body: Vec<u8>,
}

impl Pdu {
    /// The first string of the body.
    pub fn text(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(self.body[..end].to_vec()).unwrap()
    }

    /// Of a deliver_sm: what stands behind both addresses.
    fn behind(&self) -> (Vec<String>, &[u8]) {
        let mut rest = &self.body[1..];
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let end = 2 + rest[2..].iter().position(|byte| *byte == 0).unwrap();
            addresses.push(String::from_utf8_lossy(&rest[2..end]).into_owned());
            rest = &rest[end + 1..];
        }
        (addresses, rest)
    }

    pub fn addresses(&self) -> (String, String) {
        let (addresses, _) = self.behind();
        (addresses[0].clone(), addresses[1].clone())
    }

    pub fn esm_class(&self) -> u8 {
        self.behind().1[0]
    }

    pub fn message(&self) -> Vec<u8> {
        let rest = self.behind().1;
        rest[10..10 + usize::from(rest[9])].to_vec()
    }

    pub fn short_message(&self) -> String {
        String::from_utf8_lossy(&self.message()).into_owned()
    }

    pub fn parameter(&self, tag: u16) -> Option<Vec<u8>> {
        let rest = self.behind().1;
        let mut rest = &rest[10 + usize::from(rest[9])..];
        while !rest.is_empty() {
            let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            if rest[..2] == tag.to_be_bytes() {
                return Some(rest[4..4 + length].to_vec());
            }
            rest = &rest[4 + length..];
        }
        None
    }
}

/// The body of a submit_sm from `me`.
pub fn submit(to: &str, esm_class: u8, data_coding: u8, registered: u8, text: &[u8]) -> Vec<u8> {
    let ton = u8::from(to.starts_with('1') && to.len() > 5);
    let mut body = vec![0, 0, 0];
    body.extend_from_slice(b"me\0");
    body.extend_from_slice(&[ton, 1]);
    body.extend_from_slice(to.as_bytes());
    body.extend_from_slice(&[0, esm_class, 0, 0, 0, 0, registered, 0, data_coding, 0]);
    body.push(text.len() as u8);
    body.extend_from_slice(text);
    body
}

/// The same with times.
pub fn submit_at(to: &str, schedule: &[u8], validity: &[u8], text: &str) -> Vec<u8> {
    let plain = submit(to, 0, 0, 0, text.as_bytes());
    let head = 3 + 3 + 2 + to.len() + 1 + 3;
    let mut body = plain[..head].to_vec();
    body.extend_from_slice(schedule);
    body.push(0);
    body.extend_from_slice(validity);
    body.extend_from_slice(&plain[head + 1..]);
    body
}

#[derive(Debug)]
pub struct Client {
    line: TcpStream,
    sequence: u32,
    /// Read while something else was waited for.
    kept: VecDeque<Pdu>,
}

impl Client {
    pub fn new(at: SocketAddr) -> Client {
        let line = TcpStream::connect(at).unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        line.set_nodelay(true).unwrap();
        Client {
            line,
            sequence: 0,
            kept: VecDeque::new(),
        }
    }

    /// A client that is bound with the right words.
    pub fn bound(at: SocketAddr, mode: u32) -> Client {
        let mut client = Client::new(at);
        assert_eq!(client.bind(mode, "kannel", "s3cret").status, 0);
        client
    }

    pub fn bind(&mut self, mode: u32, name: &str, password: &str) -> Pdu {
        let body = format!("{name}\0{password}\0\0\x34\0\0\0");
        self.ask(mode, body.as_bytes())
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).unwrap();
    }

    pub fn request(&mut self, command: u32, body: &[u8]) -> u32 {
        self.sequence += 1;
        let sequence = self.sequence;
        self.put(command, 0, sequence, body);
        sequence
    }

    fn put(&mut self, command: u32, status: u32, sequence: u32, body: &[u8]) {
        let words = [16 + body.len() as u32, command, status, sequence];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(body);
        self.send(&bytes);
    }

    /// Sends a request and waits for its answer; what comes before it is kept.
    pub fn ask(&mut self, command: u32, body: &[u8]) -> Pdu {
        let sequence = self.request(command, body);
        loop {
            let pdu = self.read();
            if pdu.command & RESPONSE != 0 && pdu.sequence == sequence {
                return pdu;
            }
            self.kept.push_back(pdu);
        }
    }

    pub fn answer(&mut self, request: &Pdu, status: u32) {
        let body: &[u8] = if request.command == 5 { b"\0" } else { b"" };
        self.put(request.command | RESPONSE, status, request.sequence, body);
    }

    /// The next request of this kind; others are kept.
    pub fn wait(&mut self, command: u32) -> Pdu {
        if let Some(place) = self.kept.iter().position(|pdu| pdu.command == command) {
            return self.kept.remove(place).unwrap();
        }
        loop {
            let pdu = self.read();
            if pdu.command == command {
                return pdu;
            }
            self.kept.push_back(pdu);
        }
    }

    pub fn read(&mut self) -> Pdu {
        self.try_read().expect("no PDU came")
    }

    pub fn try_read(&mut self) -> std::io::Result<Pdu> {
        let mut head = [0; 16];
        self.line.read_exact(&mut head)?;
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let mut body = vec![0; word(0) as usize - 16];
        self.line.read_exact(&mut body)?;
        Ok(Pdu {
            command: word(4),
            status: word(8),
            sequence: word(12),
            body,
        })
    }

    /// True when the other side closes, after whatever it still says.
    pub fn is_over(&mut self) -> bool {
        loop {
            match self.try_read() {
                Ok(_) => {}
                Err(why) => return why.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    }
}
