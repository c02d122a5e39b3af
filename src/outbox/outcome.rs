//! Words: what becomes of a part at the modem. Never what follows from it: `retry.rs` says that.

use std::fmt;

/// What became of a part at the modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `+CMGS: mr`; the network has it.
    Accepted {
        /// TP-MR; `None` when the sender did not tell it, and then no delivery report is about this part.
        reference: Option<u8>,
    },
    /// The modem refused it or reported the network's refusal: `+CMS ERROR` (27.005 3.2.5) or `+CME ERROR`; `None` for
    /// a bare `ERROR`. It is not on the air, unless the number leaves that open.
    Refused {
        /// The number.
        code: Option<u16>,
    },
    /// It was never handed over (no prompt, port gone before the PDU): tried again, no attempt spent.
    NotHandedOver,
    /// It was handed over and no answer came: it may be on the air.
    Unknown,
    /// Nothing here can send it as its owner wants it sent: it is given up.
    Impossible {
        /// Why, for the message's `error`.
        cause: &'static str,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Accepted { .. } => out.write_str("accepted"),
            Outcome::Refused { code: Some(code) } => write!(out, "refused, error {code}"),
            Outcome::Refused { code: None } => out.write_str("refused"),
            Outcome::NotHandedOver => out.write_str("not handed over"),
            Outcome::Unknown => out.write_str("handed over, no answer"),
            Outcome::Impossible { cause } => out.write_str(cause),
        }
    }
}
