//! Codec: the simulated network's alphabets (23.038) — text into septets, octets and parts, and back. Never calls `sms/`:
//! two codecs written apart do not share a mistake.

/// GSM 7-bit default alphabet in code order (23.038 6.2.1).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Its extension table, behind an escape (23.038 6.2.1.1).
const EXTENSION: &str = "\u{c}\n^\u{14}{\u{28}}\u{29}\\\u{2f}[\u{3c}~\u{3d}]\u{3e}|\u{40}€\u{65}";

const ESCAPE: u8 = 0x1b;

/// The alphabets of user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Gsm7,
    Data,
    Ucs2,
}

impl Alphabet {
    /// The name the control socket uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Alphabet::Gsm7 => "gsm7",
            Alphabet::Data => "8bit",
            Alphabet::Ucs2 => "ucs2",
        }
    }

    /// Alphabet and class of a TP-DCS (23.038 clause 4).
    pub(super) fn of_dcs(dcs: u8) -> (Alphabet, Option<u8>) {
        match dcs >> 4 {
            group @ 0..=7 => {
                let alphabet = match (dcs >> 2) & 3 {
                    1 => Alphabet::Data,
                    2 => Alphabet::Ucs2,
                    _ => Alphabet::Gsm7,
                };
                (alphabet, (group & 1 == 1).then_some(dcs & 3))
            }
            0xe => (Alphabet::Ucs2, None),
            0xf if dcs & 4 != 0 => (Alphabet::Data, Some(dcs & 3)),
            0xf => (Alphabet::Gsm7, Some(dcs & 3)),
            _ => (Alphabet::Gsm7, None),
        }
    }

    /// TP-DCS, general data coding.
    pub(super) fn dcs(self, class: Option<u8>) -> u8 {
        let bits = match self {
            Alphabet::Gsm7 => 0x00,
            Alphabet::Data => 0x04,
            Alphabet::Ucs2 => 0x08,
        };
        class.map_or(bits, |class| bits | 0x10 | (class & 3))
    }
}

/// All septets that lie in these octets.
pub(super) fn unpack(bytes: &[u8]) -> impl Iterator<Item = u8> {
    (0..bytes.len() * 8 / 7).map(move |index| {
        (0..7).fold(0, |septet, bit| {
            let at = index * 7 + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or(0);
            septet | ((byte >> (at % 8)) & 1) << bit
        })
    })
}

/// The text of septets.
pub(super) fn characters(septets: impl Iterator<Item = u8>) -> String {
    let mut text = String::new();
    let mut escaped = false;
    for septet in septets {
        if septet == ESCAPE && !escaped {
            escaped = true;
            continue;
        }
        let basic = BASIC.chars().nth(septet.into());
        let extended = extension()
            .find(|(_, code)| *code == septet)
            .map(|(c, _)| c);
        text.extend(if escaped { extended.or(basic) } else { basic });
        escaped = false;
    }
    text
}

fn extension() -> impl Iterator<Item = (char, u8)> {
    EXTENSION
        .chars()
        .step_by(2)
        .zip(EXTENSION.chars().skip(1).step_by(2).map(|code| code as u8))
}

fn septets_of(c: char) -> Option<Vec<u8>> {
    match extension().find(|(known, _)| *known == c) {
        Some((_, code)) => Some(vec![ESCAPE, code]),
        None => BASIC
            .chars()
            .position(|known| known == c)
            .map(|code| vec![code as u8]),
    }
}

/// The septets of a text; `None` when the alphabet lacks a character.
pub(super) fn septets(text: &str) -> Option<Vec<u8>> {
    let all: Option<Vec<Vec<u8>>> = text.chars().map(septets_of).collect();
    all.map(|all| all.concat())
}

/// Octets or septets of each part: whole characters only, as many as fit beside the concatenation header.
pub(super) fn cut(text: &str, alphabet: Alphabet, wide: bool) -> Vec<Vec<u8>> {
    let units: Vec<Vec<u8>> = text
        .chars()
        .map(|c| match alphabet {
            Alphabet::Gsm7 => septets_of(c).unwrap_or_else(|| vec![b'?']),
            Alphabet::Data => vec![c as u8],
            Alphabet::Ucs2 => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .flat_map(|unit| unit.to_be_bytes())
                .collect(),
        })
        .collect();
    let (single, part) = match (alphabet, wide) {
        (Alphabet::Gsm7, false) => (160, 153),
        (Alphabet::Gsm7, true) => (160, 152),
        (Alphabet::Data, false) => (140, 134),
        (Alphabet::Data, true) => (140, 133),
        (Alphabet::Ucs2, false) => (140, 134),
        (Alphabet::Ucs2, true) => (140, 132),
    };
    let whole: usize = units.iter().map(Vec::len).sum();
    let room = if whole <= single { single } else { part };
    let mut pieces = vec![Vec::new()];
    for unit in units {
        match pieces.last_mut() {
            Some(piece) if piece.len() + unit.len() <= room => piece.extend(unit),
            _ => pieces.push(unit),
        }
    }
    pieces
}

/// Octets of septets, the first of them behind so many fill bits.
pub(super) fn pack(septets: &[u8], fill: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    let (mut held, mut bits) = (0u32, fill);
    for septet in septets {
        held |= u32::from(*septet) << bits;
        bits += 7;
        while bits >= 8 {
            octets.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        octets.push(held as u8);
    }
    octets
}
