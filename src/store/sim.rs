//! Tests: a flash in memory that can be full, broken or read-only, remembers every step, and shows what would be left
//! had the power gone at any byte. Never a part of the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use super::flash::{Flash, Listing};
use super::{Shared, Store};

/// One thing done to the flash.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(u32),
    Append(u32, Vec<u8>),
    Sync(u32),
    Truncate(u32, usize),
    Remove(u32),
    /// Written by the test: so many batches were acknowledged until here.
    Acknowledged(usize),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SimFile {
    bytes: Vec<u8>,
    synced: usize,
}

/// What lies on the simulated flash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    files: BTreeMap<u32, SimFile>,
}

impl Image {
    /// Does one step; of an append only the first `bytes` bytes.
    pub(super) fn step(&mut self, step: &Step, bytes: usize) {
        match step {
            Step::Create(number) => {
                self.files.insert(*number, SimFile::default());
            }
            Step::Append(number, data) => {
                let file = self.files.get_mut(number).unwrap();
                file.bytes.extend_from_slice(&data[..bytes.min(data.len())]);
            }
            Step::Sync(number) => {
                let file = self.files.get_mut(number).unwrap();
                file.synced = file.bytes.len();
            }
            Step::Truncate(number, length) => {
                let file = self.files.get_mut(number).unwrap();
                file.bytes.truncate(*length);
                file.synced = file.bytes.len();
            }
            Step::Remove(number) => {
                self.files.remove(number);
            }
            Step::Acknowledged(_) => {}
        }
    }

    /// Forgets what was never synced.
    pub(super) fn without_unsynced(&self) -> Image {
        let mut image = self.clone();
        for file in image.files.values_mut() {
            file.bytes.truncate(file.synced);
        }
        image
    }

    /// The end of what was never synced is there, its front is not.
    fn disordered(&self) -> Image {
        let mut image = self.clone();
        for file in image.files.values_mut() {
            let middle = (file.synced + file.bytes.len()) / 2;
            file.bytes[file.synced..middle].fill(0);
        }
        image
    }

    /// What is read after the power came back lies there for good.
    fn found(mut self) -> Image {
        for file in self.files.values_mut() {
            file.synced = file.bytes.len();
        }
        self
    }

    pub(super) fn total(&self) -> usize {
        self.files.values().map(|file| file.bytes.len()).sum()
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Writing fails after so many more bytes, truncating works (ENOSPC).
    Full(usize),
    /// As `Full`, and truncating fails too.
    Broken(usize),
    /// Appending works, syncing fails.
    NoSync,
    /// Nothing can be changed (EROFS).
    ReadOnly,
    /// After so many more steps the power goes.
    Cut(usize),
}

#[derive(Debug, Default)]
struct Inner {
    image: Image,
    steps: Vec<Step>,
    fault: Fault,
    most: usize,
    /// The step in which the power went.
    dying: Option<Step>,
}

/// The flash; copies are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimFlash(Rc<RefCell<Inner>>);

impl SimFlash {
    pub(super) fn holding(image: Image) -> SimFlash {
        let flash = SimFlash::default();
        flash.0.borrow_mut().image = image;
        flash
    }

    /// From now on this goes wrong.
    pub(crate) fn fail(&self, fault: Fault) {
        self.0.borrow_mut().fault = fault;
    }

    /// A store on this flash.
    pub(crate) fn store(&self, limit: usize, segment: usize) -> Store {
        Store::on(Box::new(self.clone()), limit, segment).unwrap()
    }

    /// The same, when there may be no power.
    pub(crate) fn open(&self, limit: usize, segment: usize) -> io::Result<Store> {
        Store::on(Box::new(self.clone()), limit, segment)
    }

    /// A segment was cleaned and removed.
    pub(crate) fn was_cleaned(&self) -> bool {
        let inner = self.0.borrow();
        inner
            .steps
            .iter()
            .any(|step| matches!(step, Step::Remove(_)))
    }

    /// A store of the usual size on this flash, as the rooms share it.
    pub(crate) fn shared(&self) -> Shared {
        Rc::new(RefCell::new(self.store(512 * 1024, 64 * 1024)))
    }

    pub(super) fn acknowledge(&self, batches: usize) {
        self.0.borrow_mut().steps.push(Step::Acknowledged(batches));
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.0.borrow().steps.clone()
    }

    pub(super) fn forget_steps(&self) {
        self.0.borrow_mut().steps.clear();
    }

    /// The most bytes that ever lay here.
    pub(super) fn most(&self) -> usize {
        self.0.borrow().most
    }

    pub(crate) fn byte_count(&self) -> Vec<(u32, usize)> {
        let inner = self.0.borrow();
        let files = inner.image.files.iter();
        files
            .map(|(number, file)| (*number, file.bytes.len()))
            .collect()
    }

    pub(crate) fn flip(&self, segment: u32, byte: usize, mask: u8) {
        let mut inner = self.0.borrow_mut();
        inner.image.files.get_mut(&segment).unwrap().bytes[byte] ^= mask;
    }

    /// What may be left when the power goes: at every step, with nothing, half and all of it written, synced or not.
    pub(crate) fn at_every_cut(&self) -> Vec<SimFlash> {
        let mut image = Image::default();
        let mut all = Vec::new();
        for step in self.steps() {
            let bytes = if let Step::Append(_, data) = &step {
                data.len()
            } else {
                0
            };
            for cut in [0, bytes / 2, bytes] {
                let mut torn = image.clone();
                torn.step(&step, cut);
                all.push(SimFlash::holding(torn.without_unsynced()));
                all.push(SimFlash::holding(torn));
            }
            image.step(&step, usize::MAX);
        }
        all
    }

    /// Another flash that holds the same now.
    pub(crate) fn twin(&self) -> SimFlash {
        SimFlash::holding(self.0.borrow().image.clone())
    }

    /// What another flash would hold had the power gone now.
    pub(super) fn cut_now(&self) -> SimFlash {
        SimFlash::holding(self.0.borrow().image.without_unsynced())
    }

    /// The power is gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.borrow().dying.is_some()
    }

    /// All that may be left after [`Fault::Cut`]: the last write not begun, torn or whole; what was never synced gone,
    /// there, or there but for its front, written after its end.
    pub(crate) fn after_cut(&self) -> Vec<SimFlash> {
        let inner = self.0.borrow();
        let Some(dying) = &inner.dying else {
            return Vec::new();
        };
        let ways = match dying {
            Step::Append(_, data) => vec![Some(0), Some(1), Some(data.len() / 2), Some(data.len())],
            Step::Create(_)
            | Step::Sync(_)
            | Step::Truncate(..)
            | Step::Remove(_)
            | Step::Acknowledged(_) => vec![None, Some(0)],
        };
        let mut left: Vec<Image> = Vec::new();
        for bytes in ways {
            let mut image = inner.image.clone();
            if let Some(bytes) = bytes {
                image.step(dying, bytes);
            }
            for image in [image.without_unsynced(), image.disordered(), image] {
                let image = image.found();
                if !left.contains(&image) {
                    left.push(image);
                }
            }
        }
        left.into_iter().map(SimFlash::holding).collect()
    }

    /// True when both hold the same now.
    pub(crate) fn holds_the_same(&self, other: &SimFlash) -> bool {
        self.0.borrow().image == other.0.borrow().image
    }

    fn act(&self, step: Step) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        match (&mut inner.fault, &step) {
            (Fault::Cut(0), step) => {
                let step = step.clone();
                inner.dying.get_or_insert(step);
                return Err(io::Error::other("simulated: the power is gone"));
            }
            (Fault::Cut(left), _) => *left -= 1,
            _ => {}
        }
        let refused = matches!(
            (&step, inner.fault),
            (_, Fault::ReadOnly)
                | (Step::Sync(_), Fault::NoSync)
                | (Step::Truncate(..), Fault::Broken(_))
                | (Step::Create(_), Fault::Full(0) | Fault::Broken(0))
        );
        if refused {
            return Err(io::Error::other("simulated: refused"));
        }
        if let Step::Append(_, data) = &step
            && let Fault::Full(left) | Fault::Broken(left) = &mut inner.fault
        {
            let taken = data.len().min(*left);
            *left -= taken;
            inner.image.step(&step, taken);
            return if taken == data.len() {
                Ok(())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            };
        }
        inner.image.step(&step, usize::MAX);
        inner.most = inner.most.max(inner.image.total());
        inner.steps.push(step);
        Ok(())
    }
}

impl Flash for SimFlash {
    fn list(&mut self) -> io::Result<Listing> {
        Ok(Listing {
            segments: self.0.borrow().image.files.keys().copied().collect(),
            other: 0,
        })
    }

    fn read(&mut self, segment: u32) -> io::Result<Vec<u8>> {
        let inner = self.0.borrow();
        let file = inner.image.files.get(&segment);
        file.map(|file| file.bytes.clone())
            .ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, segment: u32, header: &[u8]) -> io::Result<()> {
        self.act(Step::Create(segment))?;
        self.act(Step::Append(segment, header.to_vec()))?;
        self.act(Step::Sync(segment))
    }

    fn append(&mut self, segment: u32, bytes: &[u8]) -> io::Result<()> {
        self.act(Step::Append(segment, bytes.to_vec()))
    }

    fn sync(&mut self, segment: u32) -> io::Result<()> {
        self.act(Step::Sync(segment))
    }

    fn truncate(&mut self, segment: u32, length: u64) -> io::Result<()> {
        self.act(Step::Truncate(segment, length as usize))
    }

    fn remove(&mut self, segment: u32) -> io::Result<()> {
        self.act(Step::Remove(segment))
    }
}
