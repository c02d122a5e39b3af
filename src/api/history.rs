//! Edge: `GET /signal/history` — the history's steps as one table. Never measures, and never holds more than the answer.

use std::fmt::{Display, Write};

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::Problem;
use super::query;
use crate::signal::{Levels, Span, Technology, Tenths};
use crate::time::WallTime;

/// The longest step, seconds: thirty days.
const MAX_STEP_S: u64 = 30 * 86_400;

/// A column: its name and the level it shows.
type Column = (&'static str, fn(&Levels) -> Option<Tenths>);

const COLUMNS: [Column; 6] = [
    ("rssi_dbm", |levels| levels.rssi_dbm.map(Tenths::whole)),
    ("rsrp_dbm", |levels| levels.rsrp_dbm.map(Tenths::whole)),
    ("rsrq_db", |levels| levels.rsrq_db),
    ("sinr_db", |levels| levels.sinr_db),
    ("rscp_dbm", |levels| levels.rscp_dbm.map(Tenths::whole)),
    ("ecio_db", |levels| levels.ecio_db),
];

/// The table of answers: beyond a minute each level comes with its lowest and highest.
pub fn get(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    let mut params = ask.params()?;
    let since = match params.take("since") {
        Some(text) => WallTime::parse_rfc3339(&text)
            .ok_or_else(|| query::bad("since", "is a time such as 2026-11-21T20:35:14Z"))?,
        None => WallTime(0),
    };
    let step_s = params.number("step_s", MAX_STEP_S)?.unwrap_or(60);
    params.done()?;
    let span = Span::new(since, u32::try_from(step_s).unwrap_or(60));
    let whole = span.step_s > 60;
    let mut out = format!(
        "{{\"step_s\":{},\"fields\":[\"at\",\"technology\",\"bars\"",
        span.step_s
    );
    for (name, _) in COLUMNS {
        text(&mut out, name, "");
        if whole {
            text(&mut out, name, "_min");
            text(&mut out, name, "_max");
        }
    }
    out.push_str("],\"samples\":[");
    let mut first = true;
    let radio = desk.rooms.signal.borrow();
    let store = desk.rooms.store.borrow();
    radio
        .history
        .rows(span, desk.now(), &store, &mut |at, row| {
            out.push_str(if std::mem::take(&mut first) {
                "[\""
            } else {
                ",[\""
            });
            out.push_str(&at.rfc3339());
            out.push_str(match row.mean.technology {
                Some(Technology::Gsm) => "\",\"2G\"",
                Some(Technology::Umts) => "\",\"3G\"",
                Some(Technology::Lte) => "\",\"4G\"",
                None => "\",null",
            });
            value(&mut out, row.mean.bars());
            for (_, level) in COLUMNS {
                value(&mut out, level(&row.mean));
                if whole {
                    value(&mut out, level(&row.lowest));
                    value(&mut out, level(&row.highest));
                }
            }
            out.push(']');
        });
    out.push_str("]}");
    Ok(Answer {
        status: 200,
        content_type: String::from("application/json"),
        fields: Vec::new(),
        body: out.into_bytes(),
    })
}

fn text(out: &mut String, name: &str, ending: &str) {
    let _ok = write!(out, ",\"{name}{ending}\"");
}

fn value(out: &mut String, value: Option<impl Display>) {
    let _ok = match value {
        Some(value) => write!(out, ",{value}"),
        None => write!(out, ",null"),
    };
}
