//! Decider: which AT lines of the owner's may reach the modem. Never lets one through that waits for more than a line, or
//! that changes what the agent stands on.

/// The longest line, in bytes.
const LONGEST: usize = 400;

/// What may be asked (`?`, `=?`) but not done: it prompts, sends past the outbox, or changes settings the agent relies on.
const OURS: &[&str] = &[
    "+CMGS",
    "+CMGW",
    "+CMGC",
    "+CMSS",
    "+CNMA",
    "+CMGF",
    "+CNMI",
    "+CPMS",
    "+CSMS",
    "+CSCS",
    "+CSDH",
    "+CMEE",
    "+CREG",
    "+CEREG",
    "+CLIP",
    "+CPIN",
    "+CFUN",
    "+CUSD",
    "+CHUP",
    "+IPR",
    "+IFC",
    "+ICF",
    "+CMUX",
    "+CGDATA",
    "+QURCCFG",
    "+QPOWD",
    "+QFUPL",
    "+QFDWL",
    "+QHTTPURL",
    "+QHTTPPOST",
    "+QISEND",
    "+QSSLSEND",
    "+QMTPUB",
    "+QMTPUBEX",
];

/// The line as it is sent, or why not.
///
/// # Errors
/// In words, for whoever asks.
pub(super) fn checked(line: &str) -> Result<String, &'static str> {
    let line = line.trim();
    if line.len() > LONGEST || !line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err("a command is one line of at most 400 visible ASCII characters");
    }
    let prefix = line.get(..2).filter(|two| two.eq_ignore_ascii_case("AT"));
    let rest = prefix
        .and_then(|_| line.get(2..))
        .ok_or("a command begins with AT")?;
    let mut quoted = false;
    let parts = rest.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    for part in parts {
        is_harmless(part)?;
    }
    match quoted {
        true => Err("a quote is not closed"),
        false => Ok(String::from(line)),
    }
}

fn is_harmless(part: &str) -> Result<(), &'static str> {
    // V.250 5.2.1: blanks mean nothing.
    let bare: String = part.chars().filter(|c| *c != ' ').collect();
    let bare = bare.to_ascii_uppercase();
    let (name, action) = bare.split_at(bare.find(['=', '?']).unwrap_or(bare.len()));
    let extended = name.starts_with(['+', '^', '$', '*', '#', '%']);
    let information = name
        .strip_prefix('I')
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if !extended && !information && !bare.is_empty() {
        return Err(
            "of the commands without a plus only ATI is let through: calls have their own requests",
        );
    }
    let asks = matches!(action, "?" | "=?");
    match OURS.contains(&name) && !asks {
        true => Err(
            "this command waits for more than a line, or would take the modem away from the agent",
        ),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_vendor_settings_pass_as_they_are() {
        for line in [
            "AT",
            "at+csq",
            "ATI",
            "ATI9",
            "AT+CMGS=?",
            "AT+CPMS?",
            "AT+CPMS?;+CSQ",
            "AT^HCSQ?",
            "AT+QENG=\"servingcell\"",
            "AT+QCFG=\"a;+CFUN=0\",1",
            "AT+CMGR=3",
            "AT$QCRMCALL?",
        ] {
            assert_eq!(checked(line).as_deref(), Ok(line));
        }
        assert_eq!(checked(" AT+CSQ \r\n").as_deref(), Ok("AT+CSQ"));
    }

    #[test]
    fn what_prompts_dials_or_takes_the_modem_away_does_not() {
        for line in [
            "",
            "A",
            "A/",
            "+++",
            "CSQ",
            "AT+CMGS=20",
            "at + cmgs = 20",
            "AT+CSQ;+CMGW=5",
            "ATD112;",
            "ATE1",
            "AT E1",
            "AT&F",
            "ATZ",
            "ATA",
            "ATH",
            "ATO",
            "ATS0=1",
            "ATV0",
            "ATIE1",
            "AT+CSQ;E1",
            "AT+CFUN=1,1",
            "AT+CFUN",
            "AT+IPR=9600",
            "AT+CNMI=2,2",
            "AT+CPIN=\"1234\"",
            "AT+CSQ\rATE1",
            "AT+CSQ\nATE1",
            "AT+CSQ\u{1a}",
            "AT+QCFG=\"x",
            "ATü",
            "ü",
            "AT+CHUP",
            "AT+CUSD=1,\"*1#\"",
        ] {
            assert!(checked(line).is_err(), "{line}");
        }
        assert!(checked(&format!("AT+X={}", "1".repeat(400))).is_err());
    }

    #[test]
    fn any_bytes_get_a_verdict() {
        for code in 0..=255_u8 {
            let c = char::from(code);
            for line in [
                format!("{c}"),
                format!("A{c}"),
                format!("AT{c}"),
                format!("AT+X{c}=\"{c}"),
            ] {
                let _verdict = checked(&line);
            }
        }
    }
}
