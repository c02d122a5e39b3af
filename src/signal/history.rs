//! Keeper: how the levels went — a day at a minute in memory, thirty days at an hour in the store. Never asks the modem,
//! and writes flash four times a day at most, and once at the end.
//!
//! ```text
//! add --> minute ring (1440 x 5 bytes)          what a day looks like
//!     +-> the hour's bin --> block of 6 hours --> store, one record of 84 bytes; the oldest of 120 goes with it
//! ```
//! Minutes count by the monotonic clock, so a clock that NTP sets moves them all together. Hours count by the wall
//! clock, and not before it was set.

use super::{Levels, Technology, Tenths};
use crate::store::{Change, Keep, Key, Kind, Store};
use crate::time::{Now, WallTime};

/// Minutes kept.
const MINUTES: u64 = 24 * 60;
/// Hours a block holds.
const BLOCK: usize = 6;
/// Blocks kept: thirty days.
const BLOCKS: u64 = 120;
/// Bytes of an hour on flash: count, technology, then lowest, mean and highest of each value.
const HOUR: usize = 14;
/// Values of a sample: RSSI, RSRP or RSCP, RSRQ or Ec/Io, SINR.
const VALUES: usize = 4;
/// Not known.
const NONE: i8 = i8::MIN;
/// What is added to dBm so that -200 to 27 fit into a byte; dB are kept as halves.
const OFFSET: i16 = 100;

/// A value over a time: raw, as bytes keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spread {
    lowest: i8,
    highest: i8,
    sum: i32,
    count: u16,
}

impl Spread {
    fn take(&mut self, lowest: i8, mean: i8, highest: i8, weight: u16) {
        if mean == NONE || weight == 0 {
            return;
        }
        let first = self.count == 0;
        self.lowest = if first {
            lowest
        } else {
            self.lowest.min(lowest)
        };
        self.highest = if first {
            highest
        } else {
            self.highest.max(highest)
        };
        self.sum += i32::from(mean) * i32::from(weight);
        self.count = self.count.saturating_add(weight);
    }

    /// Lowest, mean, highest; all `NONE` without a value.
    fn bytes(&self) -> [i8; 3] {
        if self.count == 0 {
            return [NONE; 3];
        }
        let count = i32::from(self.count);
        let mean = (self.sum * 2 + count).div_euclid(count * 2);
        [
            self.lowest,
            i8::try_from(mean).unwrap_or(NONE),
            self.highest,
        ]
    }
}

/// Samples of some time taken together. Levels of two technologies have no common mean: the later one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bin {
    technology: u8,
    count: u16,
    values: [Spread; VALUES],
}

impl Bin {
    fn take(&mut self, technology: u8, count: u16, values: [[i8; 3]; VALUES]) {
        if technology != self.technology {
            *self = Bin {
                technology,
                ..Bin::default()
            };
        }
        self.count = self.count.saturating_add(count);
        for (spread, [lowest, mean, highest]) in self.values.iter_mut().zip(values) {
            spread.take(lowest, mean, highest, count);
        }
    }

    fn row(&self) -> Row {
        let [rssi, power, quality, sinr] = self.values.map(|spread| spread.bytes());
        let level = |which: usize| {
            let pick = |values: [i8; 3]| values.get(which).copied().unwrap_or(NONE);
            levels(
                self.technology,
                [pick(rssi), pick(power), pick(quality), pick(sinr)],
            )
        };
        Row {
            lowest: level(0),
            mean: level(1),
            highest: level(2),
        }
    }

    fn hour(&self) -> [u8; HOUR] {
        let mut out = [0; HOUR];
        let values = self.values.iter().flat_map(Spread::bytes);
        let head = [u8::try_from(self.count).unwrap_or(u8::MAX), self.technology];
        let bytes = head
            .into_iter()
            .chain(values.map(|value| value.to_le_bytes()[0]));
        for (place, byte) in out.iter_mut().zip(bytes) {
            *place = byte;
        }
        out
    }

    fn take_hour(&mut self, hour: &[u8]) {
        let [count, technology, values @ ..] = hour else {
            return;
        };
        let mut values = values.chunks_exact(3).map(|three| {
            let at = |place: usize| {
                three
                    .get(place)
                    .map_or(NONE, |byte| i8::from_le_bytes([*byte]))
            };
            [at(0), at(1), at(2)]
        });
        let values = std::array::from_fn(|_| values.next().unwrap_or([NONE; 3]));
        if *count > 0 {
            self.take(*technology, u16::from(*count), values);
        }
    }
}

/// What is told of one step: the lowest, the mean and the highest of each level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Lowest of each.
    pub lowest: Levels,
    /// Mean of each.
    pub mean: Levels,
    /// Highest of each.
    pub highest: Levels,
}

/// Which part of the history is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Not what was before.
    pub since: WallTime,
    /// Whole minutes below an hour, whole hours from there on.
    pub step_s: u32,
}

impl Span {
    /// The step that is kept and is nearest to the one that was asked for.
    pub fn new(since: WallTime, step_s: u32) -> Span {
        let unit = if step_s < 3600 { 60 } else { 3600 };
        Span {
            since,
            step_s: (step_s / unit).max(1) * unit,
        }
    }
}

/// The history.
#[derive(Debug)]
pub struct History {
    minutes: Box<[[i8; VALUES + 1]]>,
    newest: u64,
    hour: u64,
    bin: Bin,
    block: [u8; BLOCK * HOUR],
    unsaved: bool,
}

impl Default for History {
    fn default() -> History {
        History {
            minutes: vec![[0; VALUES + 1]; MINUTES as usize].into(),
            newest: 0,
            hour: 0,
            bin: Bin::default(),
            block: [0; BLOCK * HOUR],
            unsaved: false,
        }
    }
}

impl History {
    /// Takes a measurement. When six hours are over, they go to the store.
    pub fn add(&mut self, measured: &Levels, now: Now, store: &mut Store) {
        let (technology, values) = packed(measured);
        if values == [NONE; VALUES] {
            return;
        }
        self.add_minute(minute(now), technology, values);
        let Some(hour) = hour_of(now.wall) else {
            return;
        };
        if hour != self.hour {
            self.turn_to(hour, store);
        }
        self.bin.take(technology, 1, values.map(|value| [value; 3]));
        self.unsaved = true;
    }

    fn add_minute(&mut self, minute: u64, technology: u8, values: [i8; VALUES]) {
        let first = minute.saturating_sub(MINUTES - 1).max(self.newest + 1);
        for skipped in first..minute {
            if let Some(place) = self.minutes.get_mut((skipped % MINUTES) as usize) {
                *place = [0; VALUES + 1];
            }
        }
        self.newest = minute.max(self.newest);
        let [a, b, c, d] = values;
        if let Some(place) = self.minutes.get_mut((minute % MINUTES) as usize) {
            *place = [technology.cast_signed(), a, b, c, d];
        }
    }

    fn turn_to(&mut self, hour: u64, store: &mut Store) {
        if block_of(hour) == block_of(self.hour) {
            self.put_hour();
        } else {
            self.save(store);
            let kept = store.get(key(block_of(hour))).unwrap_or_default();
            self.block = kept.try_into().unwrap_or([0; BLOCK * HOUR]);
        }
        self.hour = hour;
        self.bin = Bin::default();
        let before = self.block.chunks_exact(HOUR).nth(place_of(hour));
        self.bin.take_hour(before.unwrap_or_default());
    }

    fn put_hour(&mut self) {
        let mut places = self.block.chunks_exact_mut(HOUR);
        if let Some(place) = places.nth(place_of(self.hour)) {
            place.copy_from_slice(&self.bin.hour());
        }
    }

    /// Writes what the store does not have yet: when a block is full, and when the agent stops. A store without room
    /// costs the history some hours, and nobody else anything.
    pub fn save(&mut self, store: &mut Store) {
        if !std::mem::take(&mut self.unsaved) {
            return;
        }
        self.put_hour();
        let known: Vec<u64> = store.range(Kind::Signal, 0).map(|(id, _)| id).collect();
        let over = known.len().saturating_sub(BLOCKS as usize - 1);
        let mut changes: Vec<Change> = known.into_iter().take(over).map(delete).collect();
        changes.push(Change::Put {
            key: key(block_of(self.hour)),
            value: self.block.to_vec(),
            keep: Keep::Always,
        });
        if let Err(why) = store.apply(&changes) {
            log::debug!("signal: the last hours are not kept: {why}");
        }
    }

    /// The steps of `span` that have levels, oldest first, each with the time it begins at. A step without any is left
    /// out.
    pub fn rows(&self, span: Span, now: Now, store: &Store, tell: &mut dyn FnMut(WallTime, &Row)) {
        let mut steps = Steps {
            span,
            at: i64::MIN,
            bin: Bin::default(),
            tell,
        };
        if span.step_s < 3600 {
            self.minutes(now, &mut steps);
        } else {
            self.hours(now, store, &mut steps);
        }
        steps.end();
    }

    fn minutes(&self, now: Now, steps: &mut Steps) {
        let oldest = minute(now).saturating_sub(MINUTES - 1);
        for minute in oldest..=self.newest {
            let place = self.minutes.get((minute % MINUTES) as usize);
            let ago = i64::try_from(now.tick.0).unwrap_or(0) - (minute as i64 - 1) * 60_000;
            let at = WallTime(now.wall.0 - ago).unix_s();
            if let Some([technology, values @ ..]) = place
                && *technology != 0
            {
                let values = values.map(|value| [value; 3]);
                if let Some(bin) = steps.bin_at(at) {
                    bin.take(technology.cast_unsigned(), 1, values);
                }
            }
        }
    }

    fn hours(&self, now: Now, store: &Store, steps: &mut Steps) {
        let last = hour_of(now.wall).unwrap_or(0);
        let oldest = last.saturating_sub(BLOCKS * BLOCK as u64);
        let mut current = self.block;
        if let Some(place) = current.chunks_exact_mut(HOUR).nth(place_of(self.hour)) {
            place.copy_from_slice(&self.bin.hour());
        }
        let newest = block_of(self.hour);
        let kept = store.range(Kind::Signal, block_of(oldest));
        let mut blocks: Vec<(u64, &[u8])> = kept.filter(|(id, _)| *id != newest).collect();
        blocks.push((newest, current.as_slice()));
        blocks.sort_by_key(|(id, _)| *id);
        for (id, block) in blocks {
            let first = id.saturating_mul(BLOCK as u64);
            for (hour, bytes) in (first..).zip(block.chunks_exact(HOUR)) {
                if (oldest..=last).contains(&hour) && bytes.first() != Some(&0) {
                    let at = i64::try_from(hour).unwrap_or(0).saturating_mul(3600);
                    if let Some(bin) = steps.bin_at(at) {
                        bin.take_hour(bytes);
                    }
                }
            }
        }
    }
}

/// Gathers samples into steps.
struct Steps<'a> {
    span: Span,
    at: i64,
    bin: Bin,
    tell: &'a mut dyn FnMut(WallTime, &Row),
}

impl Steps<'_> {
    /// The bin for a sample of this second; `None` when it is too old.
    fn bin_at(&mut self, second: i64) -> Option<&mut Bin> {
        let step = i64::from(self.span.step_s);
        let at = second.div_euclid(step).saturating_mul(step);
        if at + step <= self.span.since.unix_s() {
            return None;
        }
        if at != self.at {
            self.end();
            self.at = at;
        }
        Some(&mut self.bin)
    }

    fn end(&mut self) {
        let bin = std::mem::take(&mut self.bin);
        if bin.count > 0 {
            (self.tell)(WallTime::from_unix_s(self.at), &bin.row());
        }
    }
}

fn minute(now: Now) -> u64 {
    // From 1 on: 0 is before the first.
    now.tick.0 / 60_000 + 1
}

fn hour_of(wall: WallTime) -> Option<u64> {
    let set = Some(wall).filter(|wall| wall.is_set());
    set.and_then(|wall| u64::try_from(wall.unix_s() / 3600).ok())
}

fn block_of(hour: u64) -> u64 {
    hour / BLOCK as u64
}

fn place_of(hour: u64) -> usize {
    (hour % BLOCK as u64) as usize
}

fn key(block: u64) -> Key {
    Key {
        kind: Kind::Signal,
        id: block,
    }
}

fn delete(block: u64) -> Change {
    Change::Delete { key: key(block) }
}

fn packed(levels: &Levels) -> (u8, [i8; VALUES]) {
    let dbm = |level: Option<i16>| {
        let raw = level.map(|level| (level + OFFSET).clamp(-127, 127));
        raw.and_then(|raw| i8::try_from(raw).ok()).unwrap_or(NONE)
    };
    let db = |level: Option<Tenths>| {
        let raw = level.map(|level| (level.0 / 5).clamp(-127, 127));
        raw.and_then(|raw| i8::try_from(raw).ok()).unwrap_or(NONE)
    };
    let technology = match levels.technology {
        None => 1,
        Some(Technology::Gsm) => 2,
        Some(Technology::Umts) => 3,
        Some(Technology::Lte) => 4,
    };
    let power = dbm(levels.rsrp_dbm.or(levels.rscp_dbm));
    let quality = db(levels.rsrq_db.or(levels.ecio_db));
    (
        technology,
        [dbm(levels.rssi_dbm), power, quality, db(levels.sinr_db)],
    )
}

fn levels(technology: u8, [rssi, power, quality, sinr]: [i8; VALUES]) -> Levels {
    let known = |raw: i8| Some(raw).filter(|raw| *raw != NONE);
    let dbm = |raw| known(raw).map(|raw| i16::from(raw) - OFFSET);
    let db = |raw| known(raw).map(|raw| Tenths(i64::from(raw) * 5));
    let technology = match technology {
        2 => Some(Technology::Gsm),
        3 => Some(Technology::Umts),
        4 => Some(Technology::Lte),
        _unknown => None,
    };
    let on_3g = technology == Some(Technology::Umts);
    let side = |is_3g: bool, raw: i8| if is_3g == on_3g { raw } else { NONE };
    Levels {
        at: None,
        technology,
        rssi_dbm: dbm(rssi),
        rsrp_dbm: dbm(side(false, power)),
        rsrq_db: db(side(false, quality)),
        sinr_db: db(sinr),
        rscp_dbm: dbm(side(true, power)),
        ecio_db: db(side(true, quality)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Tick;

    const NOON: i64 = 1_795_262_400;

    fn after(minutes: i64) -> Now {
        Now {
            tick: Tick(u64::try_from(minutes).unwrap() * 60_000),
            wall: WallTime::from_unix_s(NOON + minutes * 60),
        }
    }

    fn lte(rsrp: i16) -> Levels {
        Levels {
            technology: Some(Technology::Lte),
            rssi_dbm: Some(rsrp + 30),
            rsrp_dbm: Some(rsrp),
            rsrq_db: Some(Tenths(-95)),
            sinr_db: Some(Tenths(140)),
            ..Levels::default()
        }
    }

    fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(dir.path(), 64 * 1024).unwrap()
    }

    /// Begin (minutes after noon), lowest, mean and highest RSRP of each step.
    fn told(history: &History, store: &Store, step_s: u32, now: Now) -> Vec<(i64, i16, i16, i16)> {
        let mut told = Vec::new();
        let span = Span::new(WallTime(0), step_s);
        history.rows(span, now, store, &mut |at, row| {
            let rsrp = |levels: &Levels| levels.rsrp_dbm.unwrap();
            let begin = (at.unix_s() - NOON) / 60;
            told.push((
                begin,
                rsrp(&row.lowest),
                rsrp(&row.mean),
                rsrp(&row.highest),
            ));
        });
        told
    }

    #[test]
    fn a_level_comes_out_of_its_byte_as_it_went_in() {
        for levels in [
            lte(-140),
            lte(-95),
            lte(-44),
            Levels {
                technology: Some(Technology::Umts),
                rssi_dbm: Some(-113),
                rscp_dbm: Some(-121),
                ecio_db: Some(Tenths(-245)),
                ..Levels::default()
            },
            Levels::default(),
        ] {
            let (technology, values) = packed(&levels);
            assert_eq!(super::levels(technology, values), levels);
        }
    }

    #[test]
    fn a_day_is_told_by_the_minute_and_a_gap_stays_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, mut history) = (store(&dir), History::default());
        for minute in [0, 1, 2, 10, 11] {
            history.add(&lte(-90 - minute as i16), after(minute), &mut store);
        }
        history.add(&Levels::default(), after(12), &mut store);
        let minutes = told(&history, &store, 60, after(12));
        let begins: Vec<i64> = minutes.iter().map(|row| row.0).collect();
        assert_eq!(begins, [0, 1, 2, 10, 11]);
        let fives = told(&history, &store, 300, after(12));
        assert_eq!(fives, [(0, -92, -91, -90), (10, -101, -100, -100)]);
        // A day and more later nothing of it is told.
        history.add(&lte(-80), after(1445), &mut store);
        let begins: Vec<i64> = told(&history, &store, 60, after(1445))
            .iter()
            .map(|row| row.0)
            .collect();
        assert_eq!(begins, [10, 11, 1445]);
    }

    #[test]
    fn hours_outlive_a_restart_and_cost_four_writes_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (mut kept, mut history) = (store(&dir), History::default());
        let mut writes = 0;
        let mut written = kept.written();
        for minute in 0..24 * 60 {
            history.add(
                &lte(if minute % 2 == 0 { -100 } else { -90 }),
                after(minute),
                &mut kept,
            );
            writes += u32::from(kept.written() > written);
            written = kept.written();
        }
        assert_eq!(writes, 3);
        history.save(&mut kept);
        let before = told(&history, &kept, 3600, after(24 * 60));
        assert_eq!(before.len(), 24);
        assert_eq!(before[0], (0, -100, -95, -90));
        drop(kept);
        let (mut kept, mut history) = (store(&dir), History::default());
        assert_eq!(told(&history, &kept, 3600, after(24 * 60)), before);
        // The hour that was cut in two is one hour.
        history.add(&lte(-60), after(24 * 60 - 1), &mut kept);
        let now = told(&history, &kept, 3600, after(24 * 60));
        assert_eq!((now.len(), now[23].3), (24, -60));
        assert_eq!((now[23].1, now[23].2), (-100, -94));
    }

    #[test]
    fn thirty_days_are_kept_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, mut history) = (store(&dir), History::default());
        for hour in 0..40 * 24 {
            history.add(&lte(-90), after(hour * 60), &mut store);
        }
        assert_eq!(store.range(Kind::Signal, 0).count(), BLOCKS as usize);
        let days = told(&history, &store, 86_400, after(40 * 24 * 60));
        assert!((30..=31).contains(&days.len()), "{}", days.len());
        assert_eq!(days.iter().map(|day| day.2).max(), Some(-90));
    }

    #[test]
    fn an_unset_clock_spoils_no_hour() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, mut history) = (store(&dir), History::default());
        let early = Now {
            tick: Tick(60_000),
            wall: WallTime::from_unix_s(60),
        };
        history.add(&lte(-90), early, &mut store);
        history.save(&mut store);
        assert_eq!(store.range(Kind::Signal, 0).count(), 0);
        // Once it is set, the minute lies where it was.
        assert_eq!(told(&history, &store, 60, after(3)), [(1, -90, -90, -90)]);
    }
}
