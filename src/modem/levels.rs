//! Codec: signal replies, of the standard and of the vendors, as dBm and dB. Never invents a level: 99, 255 and values
//! out of their range are `None`.

use super::replies::{after, fields, unquoted};
use crate::signal::{Levels, Technology, Tenths};

/// Reads whichever signal reply the lines hold; `None` when there is none. `at` and, for `+CSQ` and `+CESQ`, the
/// technology are left to the caller.
pub(super) fn parse(lines: &[String]) -> Option<Levels> {
    let coded = lines.iter().find_map(|line| {
        let read = |prefix| after(line, prefix).map(fields);
        if let Some(fields) = read("+CSQ:") {
            Some(csq(&fields))
        } else if let Some(fields) = read("+CESQ:") {
            Some(cesq(&fields))
        } else if let Some(fields) = read("+QCSQ:") {
            Some(qcsq(&fields))
        } else {
            read("^HCSQ:").map(|fields| hcsq(&fields))
        }
    });
    coded.or_else(|| named(lines))
}

/// `RSRP:-95` and its like, one a line (SLM750 `AT+SGCELLINFO`).
fn named(lines: &[String]) -> Option<Levels> {
    let value = |name: &str| {
        let text = lines.iter().find_map(|line| after(line, name))?;
        let digits = text.split([' ', ',']).next()?;
        digits.parse::<i16>().ok()
    };
    let dbm = |name| value(name).filter(|level| (-150..=-10).contains(level));
    let db = |name| value(name).filter(|level| (-40..=40).contains(level));
    let levels = Levels {
        rssi_dbm: dbm("RSSI:"),
        rsrp_dbm: dbm("RSRP:"),
        rsrq_db: db("RSRQ:").map(Tenths::whole),
        // Firmware differs: dB, or fifths of a dB above -20, which are beyond 30 wherever there is service.
        sinr_db: value("SINR:")
            .filter(|level| (-20..=250).contains(level))
            .map(|level| match level {
                ..=30 => Tenths::whole(level),
                _fifths => Tenths(i64::from(level) * 2 - 200),
            }),
        rscp_dbm: dbm("RSCP:"),
        ecio_db: db("ECIO:").map(Tenths::whole),
        ..Levels::default()
    };
    (levels != Levels::default()).then_some(levels)
}

fn value(fields: &[&str], at: usize) -> Option<i16> {
    fields
        .get(at)
        .and_then(|field| unquoted(field).parse().ok())
}

/// A coded level within `0..=top`, turned by `level = floor + code * step`.
fn coded(fields: &[&str], at: usize, top: i16) -> Option<i16> {
    value(fields, at).filter(|code| (0..=top).contains(code))
}

/// The same with a fraction: `floor` and `step` in tenths.
fn scaled(code: Option<i16>, floor: i64, step: i64) -> Option<Tenths> {
    code.map(|code| Tenths(floor + i64::from(code) * step))
}

/// `+CSQ: rssi,ber` (27.007 8.5).
fn csq(fields: &[&str]) -> Levels {
    Levels {
        rssi_dbm: coded(fields, 0, 31).map(|code| -113 + 2 * code),
        ..Levels::default()
    }
}

/// `+CESQ: rxlev,ber,rscp,ecno,rsrq,rsrp` (27.007 8.69).
fn cesq(fields: &[&str]) -> Levels {
    Levels {
        rssi_dbm: coded(fields, 0, 63).map(|code| code - 111),
        rscp_dbm: coded(fields, 2, 96).map(|code| code - 121),
        ecio_db: scaled(coded(fields, 3, 49), -245, 5),
        rsrq_db: scaled(coded(fields, 4, 34), -200, 5),
        rsrp_dbm: coded(fields, 5, 97).map(|code| code - 141),
        ..Levels::default()
    }
}

/// `+QCSQ: "LTE",rssi,rsrp,sinr,rsrq`, `"WCDMA",rssi,rscp,ecio`, `"GSM",rssi`, `"NOSERVICE"`: levels in dBm and dB, the
/// SINR in fifths of a dB above -20.
fn qcsq(fields: &[&str]) -> Levels {
    let dbm = |at| value(fields, at).filter(|level| (-150..=-10).contains(level));
    let db = |at| {
        value(fields, at)
            .filter(|level| (-40..=40).contains(level))
            .map(Tenths::whole)
    };
    let levels = Levels {
        rssi_dbm: dbm(1),
        ..Levels::default()
    };
    match mode(fields) {
        Some(Technology::Lte) => Levels {
            technology: Some(Technology::Lte),
            rsrp_dbm: dbm(2),
            sinr_db: scaled(coded(fields, 3, 250), -200, 2),
            rsrq_db: db(4),
            ..levels
        },
        Some(Technology::Umts) => Levels {
            technology: Some(Technology::Umts),
            rscp_dbm: dbm(2),
            ecio_db: db(3),
            ..levels
        },
        technology @ (Some(Technology::Gsm) | None) => Levels {
            technology,
            ..levels
        },
    }
}

/// `^HCSQ: "LTE",rssi,rsrp,sinr,rsrq`, `"WCDMA",rssi,rscp,ecio`, `"GSM",rssi`: all coded, 255 unknown.
fn hcsq(fields: &[&str]) -> Levels {
    let levels = Levels {
        rssi_dbm: coded(fields, 1, 96).map(|code| code - 121),
        ..Levels::default()
    };
    match mode(fields) {
        Some(Technology::Lte) => Levels {
            technology: Some(Technology::Lte),
            rsrp_dbm: coded(fields, 2, 97).map(|code| code - 141),
            sinr_db: scaled(coded(fields, 3, 251), -202, 2),
            rsrq_db: scaled(coded(fields, 4, 34), -200, 5),
            ..levels
        },
        Some(Technology::Umts) => Levels {
            technology: Some(Technology::Umts),
            rscp_dbm: coded(fields, 2, 96).map(|code| code - 121),
            ecio_db: scaled(coded(fields, 3, 65), -325, 5),
            ..levels
        },
        technology @ (Some(Technology::Gsm) | None) => Levels {
            technology,
            ..levels
        },
    }
}

fn mode(fields: &[&str]) -> Option<Technology> {
    match unquoted(fields.first()?) {
        "LTE" | "CAT-M1" | "CAT-NB1" => Some(Technology::Lte),
        "WCDMA" | "TDSCDMA" => Some(Technology::Umts),
        "GSM" => Some(Technology::Gsm),
        _no_service => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Levels {
        parse(&[String::from("+CPMS: \"SM\",0,10"), String::from(line)]).unwrap()
    }

    #[test]
    fn csq_gives_rssi_and_99_gives_nothing() {
        assert_eq!(of("+CSQ: 20,99").rssi_dbm, Some(-73));
        assert_eq!(of("+CSQ: 31,0").rssi_dbm, Some(-51));
        assert_eq!(of("+CSQ: 99,99"), Levels::default());
        assert_eq!(of("+CSQ: 199,99"), Levels::default());
    }

    #[test]
    fn ec25_says_it_all_with_qcsq() {
        let lte = of("+QCSQ: \"LTE\",-69,-102,150,-12");
        assert_eq!((lte.rssi_dbm, lte.rsrp_dbm), (Some(-69), Some(-102)));
        assert!(lte.sinr_db == Some(Tenths(100)) && lte.rsrq_db == Some(Tenths(-120)));
        assert_eq!(lte.technology, Some(Technology::Lte));
        let umts = of("+QCSQ: \"WCDMA\",-58,-60,-3");
        assert_eq!((umts.rscp_dbm, umts.rsrp_dbm), (Some(-60), None));
        assert_eq!(of("+QCSQ: \"NOSERVICE\""), Levels::default());
    }

    #[test]
    fn slm750_names_its_levels() {
        let lines = ["RSSI:-64", "RSRP:-95", "RSRQ: -11", "SINR:12"].map(String::from);
        let lte = parse(&lines).unwrap();
        assert_eq!((lte.rssi_dbm, lte.rsrp_dbm), (Some(-64), Some(-95)));
        assert!(lte.rsrq_db == Some(Tenths(-110)) && lte.sinr_db == Some(Tenths(120)));
        assert!(of("SINR:150").sinr_db == Some(Tenths(100)));
        assert_eq!(parse(&[String::from("RSRP:")]), None);
    }

    #[test]
    fn others_code_their_levels_as_huawei_does() {
        let lte = of("^HCSQ:\"LTE\",45,34,106,19");
        assert_eq!((lte.rssi_dbm, lte.rsrp_dbm), (Some(-76), Some(-107)));
        assert!(lte.sinr_db == Some(Tenths(10)) && lte.rsrq_db == Some(Tenths(-105)));
        let unknown = of("^HCSQ: \"LTE\",255,255,255,255");
        assert_eq!((unknown.rssi_dbm, unknown.sinr_db), (None, None));
        assert_eq!(of("^HCSQ: \"NOSERVICE\""), Levels::default());
    }

    #[test]
    fn the_standard_extended_reply_leaves_out_what_is_not_measured() {
        let lte = of("+CESQ: 99,99,255,255,20,46");
        assert_eq!(
            (lte.rsrp_dbm, lte.rssi_dbm, lte.rscp_dbm),
            (Some(-95), None, None)
        );
        assert!(lte.rsrq_db == Some(Tenths(-100)));
    }

    #[test]
    fn rubbish_is_no_level() {
        for line in ["", "+CSQ:", "+QCSQ: ,,,", "^HCSQ: \"LTE\",x", "+CESQ: -5"] {
            assert_eq!(
                parse(&[String::from(line)]).unwrap_or_default().rssi_dbm,
                None
            );
        }
        assert_eq!(parse(&[String::from("OK")]), None);
    }
}
