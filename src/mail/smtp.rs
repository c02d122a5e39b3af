//! Edge: one mail to one server, and the verdict on each recipient. Never tries twice, and sends nothing on a line that
//! was to be secured and is not.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::smtp_reply::{self, Parsed, Reply};
use super::smtp_talk::{Failure, Mail, Step, Talk, Verdict};
use crate::config::{Email, Security};
use crate::net::{Dialer, Peer, Stream, Trust};

/// The connection must stand by then.
const CONNECT: Duration = Duration::from_secs(12);
/// The server may look at the whole mail so many times longer than at a command.
const LONG: u32 = 5;
/// How long the answer to QUIT is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// Sends `mail` from `account`; `router` is what we call ourselves. Each reply may take `patience`.
///
/// # Errors
/// [`Failure`]: nobody has it, as far as can be known. Only where the connection broke between the mail and the reply to
/// it the server may have taken it all the same; its Message-ID tells a repeat.
pub async fn send(
    dialer: &Dialer,
    account: &Email,
    router: &str,
    mail: &Mail,
    patience: Duration,
) -> Result<Vec<Verdict>, Failure> {
    let trust = trust(account);
    let peer = Peer {
        host: account.host.clone(),
        port: account.port,
        tls: (account.security == Security::Tls).then(|| trust.clone()),
    };
    let mut stream = dialer.connect(&peer, CONNECT).await.map_err(Failure::Net)?;
    let mut talk = Talk::new(account, router, mail);
    let mut unread = Vec::with_capacity(512);
    let mut words = Vec::new();
    loop {
        let patience = if talk.is_long() {
            patience * LONG
        } else {
            patience
        };
        let turn = timeout(patience, ask(&mut stream, &words, &mut unread));
        let reply = turn
            .await
            .unwrap_or(Err(Failure::Silent(patience.as_secs())))?;
        words = match talk.on(&reply)? {
            Step::Say(words) => words,
            Step::Secure if !unread.is_empty() => return Err(Failure::Injected),
            Step::Secure => {
                let secured = dialer.secure(stream, &account.host, &trust, CONNECT).await;
                stream = secured.map_err(Failure::Net)?;
                match talk.secured() {
                    Step::Say(words) => words,
                    Step::Secure | Step::Over => Vec::new(),
                }
            }
            Step::Over => break,
        };
    }
    let _it_may_have_left = timeout(FAREWELL, leave(stream, unread)).await;
    Ok(talk.verdicts())
}

fn trust(account: &Email) -> Trust {
    match (&account.ca_file, account.verify_cert) {
        (_, false) => Trust::Anyone,
        (Some(file), true) => Trust::File(file.clone()),
        (None, true) => Trust::System,
    }
}

/// Says `words`, if any, and reads one reply; what came behind it stays in `unread`.
async fn ask(stream: &mut Stream, words: &[u8], unread: &mut Vec<u8>) -> Result<Reply, Failure> {
    // A server that cannot take it all may have said why.
    let _taken_or_told = put(stream, words).await;
    loop {
        match smtp_reply::parse(unread) {
            Parsed::Got(reply, used) => {
                unread.drain(..used);
                return Ok(reply);
            }
            Parsed::Bad(why) => return Err(Failure::NotSmtp(why)),
            Parsed::NotYet => {}
        }
        if !matches!(stream.read_buf(unread).await, Ok(1..)) {
            return Err(Failure::HungUp);
        }
    }
}

async fn put(stream: &mut Stream, words: &[u8]) -> std::io::Result<()> {
    stream.write_all(words).await?;
    stream.flush().await
}

async fn leave(mut stream: Stream, mut unread: Vec<u8>) {
    let _it_may_be_gone = ask(&mut stream, b"QUIT\r\n", &mut unread).await;
    let _it_may_be_gone = stream.shutdown().await;
}
