//! Keeper: the segments on flash — which there are, how long each is, where the next record goes. Never knows what a
//! record means, and never removes a segment by itself.

use std::io;

use super::Change;
use super::flash::Flash;
use super::record::{self, Found, HEADER, Records};
use super::room::Space;

#[derive(Debug)]
struct Segment {
    number: u32,
    length: usize,
}

/// The journal's files.
#[derive(Debug)]
pub(super) struct Journal {
    flash: Box<dyn Flash>,
    /// By growing number; the last one is written to.
    segments: Vec<Segment>,
    /// Length of the last segment that is known to be on flash.
    synced: usize,
    /// The last segment's end cannot be trusted: the next record goes into a new one.
    spoiled: bool,
    limit: usize,
    size: usize,
    other: usize,
    written: u64,
}

impl Journal {
    /// Reads everything that is there, oldest first, giving each batch and its segment to `replay`; returns the highest
    /// floor found in a header too. Repairs the end of the last segment.
    pub(super) fn open(
        mut flash: Box<dyn Flash>,
        limit: usize,
        size: usize,
        replay: &mut dyn FnMut(u32, Vec<Change>),
    ) -> io::Result<(Journal, u64)> {
        let listing = flash.list()?;
        let mut journal = Journal {
            flash,
            segments: Vec::new(),
            synced: 0,
            spoiled: true,
            limit,
            size,
            other: usize::try_from(listing.other).unwrap_or(usize::MAX),
            written: 0,
        };
        let mut highest = 0;
        for number in listing.segments {
            highest = highest.max(journal.replay(number, replay));
        }
        journal.settle();
        Ok((journal, highest))
    }

    /// A killed agent may have left a record that the kernel holds and the flash does not: from now on it counts.
    fn settle(&mut self) {
        if let Some(last) = self.segments.last()
            && let Err(error) = self.flash.sync(last.number)
        {
            log::warn!(
                "store: journal segment {} cannot be synced ({error}); going on in a new one",
                last.number
            );
            self.spoiled = true;
        }
    }

    /// Reads one segment; it becomes the last one.
    fn replay(&mut self, number: u32, replay: &mut dyn FnMut(u32, Vec<Change>)) -> u64 {
        let bytes = self.flash.read(number).unwrap_or_else(|error| {
            log::error!(
                "store: journal segment {number} cannot be read ({error}); what it held is lost"
            );
            Vec::new()
        });
        let floor = record::floor(&bytes);
        let (mut good, mut tail) = (floor.map_or(0, |_| HEADER), 0);
        let (mut batches, mut lost) = (0, 0);
        let mut rest = bytes.len() - good;
        let mut records = Records::of(&bytes);
        while let Some(found) = records.next() {
            let taken = rest - records.left();
            rest = records.left();
            match found {
                Found::Batch(changes) => {
                    batches += 1;
                    lost += tail;
                    good += tail + taken;
                    tail = 0;
                    replay(number, changes);
                }
                Found::Lost(count) => tail = count,
            }
        }
        if lost > 0 {
            log::error!(
                "store: {lost} bytes in journal segment {number} are damaged; their records are lost, {batches} others are good"
            );
        }
        self.segments.push(Segment {
            number,
            length: bytes.len(),
        });
        self.synced = good;
        self.spoiled = floor.is_none();
        if tail > 0 {
            log::warn!(
                "store: cutting {tail} bytes of a half-written record off journal segment {number}"
            );
            self.cut_back();
        }
        floor.unwrap_or(0)
    }

    /// Puts the end of the last segment back to what is known to be good.
    fn cut_back(&mut self) {
        let good = self.synced;
        let Some(last) = self.segments.last_mut() else {
            return;
        };
        match self.flash.truncate(last.number, good as u64) {
            Ok(()) => last.length = good,
            Err(error) => {
                log::warn!(
                    "store: journal segment {} cannot be cut ({error}); going on in a new one",
                    last.number
                );
                self.spoiled = true;
            }
        }
    }

    /// Writes a record at the end, without sync; the segment it lies in. A new segment's header will say `floor`.
    pub(super) fn append(&mut self, bytes: &[u8], floor: u64) -> io::Result<u32> {
        if self.spoiled || self.head_length() + bytes.len() > self.size.max(HEADER + bytes.len()) {
            self.roll(floor)?;
        }
        let Some(last) = self.segments.last_mut() else {
            return Err(io::Error::other("no segment"));
        };
        let number = last.number;
        let result = self.flash.append(number, bytes);
        last.length += bytes.len();
        match result {
            Ok(()) => {
                self.written += bytes.len() as u64;
                Ok(number)
            }
            Err(error) => {
                self.cut_back();
                Err(error)
            }
        }
    }

    /// Everything appended is on flash. After an error none of what came since the last sync counts.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let Some(last) = self.segments.last() else {
            return Ok(());
        };
        let (number, length) = (last.number, last.length);
        if length == self.synced {
            return Ok(());
        }
        match self.flash.sync(number) {
            Ok(()) => {
                self.synced = length;
                Ok(())
            }
            Err(error) => {
                // A kernel that failed to write a page may call it clean afterwards: nothing more goes to this file.
                self.cut_back();
                self.spoiled = true;
                Err(error)
            }
        }
    }

    fn roll(&mut self, floor: u64) -> io::Result<()> {
        if !self.spoiled {
            self.sync()?;
        }
        let number = self.segments.last().map_or(1, |last| last.number + 1);
        let header = record::header(floor);
        if let Err(error) = self.flash.create(number, &header) {
            // Half a new segment would only be in the way.
            if let Err(stays) = self.flash.remove(number) {
                log::debug!("store: journal segment {number} was not made ({stays})");
            }
            return Err(error);
        }
        self.written += header.len() as u64;
        self.segments.push(Segment {
            number,
            length: header.len(),
        });
        self.synced = header.len();
        self.spoiled = false;
        Ok(())
    }

    fn head_length(&self) -> usize {
        self.segments.last().map_or(0, |last| last.length)
    }

    /// Makes sure that the oldest segment is not the one written to, and names it.
    pub(super) fn oldest(&mut self, floor: u64) -> io::Result<Option<u32>> {
        if self.segments.len() == 1 {
            self.roll(floor)?;
        }
        Ok(self.segments.first().map(|oldest| oldest.number))
    }

    /// Removes the oldest segment, whose live records were written anew and synced.
    pub(super) fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.segments.first() else {
            return Ok(());
        };
        self.flash.remove(oldest.number)?;
        self.segments.remove(0);
        Ok(())
    }

    /// How many segments there are.
    pub(super) fn count(&self) -> usize {
        self.segments.len()
    }

    /// Bytes of the journal's own files.
    pub(super) fn total(&self) -> usize {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// The measures [`super::room`] decides by.
    pub(super) fn space(&self) -> Space {
        let largest = self.segments.iter().map(|segment| segment.length).max();
        Space {
            limit: self.limit.saturating_sub(self.other),
            segment: self.size,
            largest: largest.unwrap_or(0).max(self.size),
        }
    }

    /// Bytes in the directory, and how many it may hold.
    pub(super) fn usage(&self) -> (usize, usize) {
        (self.total() + self.other, self.limit)
    }

    /// Bytes written since this was opened.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}
