//! Table: how the simulated modems differ. Never holds state; every other file of the room asks here.

use std::fmt;
use std::str::FromStr;

use crate::message::Memory;

/// Which modem is simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Quectel EC25.
    #[default]
    Ec25,
    /// MeigLink SLM750.
    Slm750,
    /// A modem that follows 27.005 and 27.007 barely: SIM store only, no reports, no vendor commands, text mode at start.
    Minimal,
}

/// The name is none of `ec25`, `slm750`, `minimal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel(pub String);

impl fmt::Display for UnknownModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "no model {:?}; there are ec25, slm750 and minimal",
            self.0
        )
    }
}

impl std::error::Error for UnknownModel {}

impl FromStr for Model {
    type Err = UnknownModel;
    fn from_str(name: &str) -> Result<Model, UnknownModel> {
        match name.to_ascii_lowercase().as_str() {
            "ec25" => Ok(Model::Ec25),
            "slm750" => Ok(Model::Slm750),
            "minimal" => Ok(Model::Minimal),
            _ => Err(UnknownModel(String::from(name))),
        }
    }
}

/// What a model is and can do.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) manufacturer: &'static str,
    pub(super) model: &'static str,
    pub(super) revision: &'static str,
    pub(super) imei: &'static str,
    /// `+CGMI` and its like carry their own name in front of the value.
    pub(super) prefixed_identity: bool,
    /// Slots of SM and ME; 0: there is no such store.
    pub(super) slots: [usize; 2],
    /// The first slot's index.
    pub(super) first_index: u16,
    /// CPMS's three memories at power-on.
    pub(super) memories: [Memory; 3],
    /// CNMI at power-on.
    pub(super) cnmi: [u8; 5],
    /// What each CNMI parameter may be.
    pub(super) cnmi_allowed: [&'static [u8]; 5],
    /// CMGF at power-on: 1 is text mode.
    pub(super) cmgf: u8,
    /// The highest CSMS service.
    pub(super) csms: u8,
    /// Class 0 is shown with `+CMT` and never stored.
    pub(super) shows_flash: bool,
    /// `+CMS ERROR` comes even with CMEE 0.
    pub(super) cms_always: bool,
    /// `CMGR` and `CMGD` of an empty slot are simply OK.
    pub(super) empty_slot_is_ok: bool,
    /// `CMGD` knows its second parameter.
    pub(super) delete_flags: bool,
    /// What it says when it has started.
    pub(super) greeting: &'static [&'static str],
    /// Commands the others know and it does not.
    pub(super) lacks: &'static [&'static str],
}

impl Model {
    pub(super) fn profile(self) -> &'static Profile {
        match self {
            Model::Ec25 => &EC25,
            Model::Slm750 => &SLM750,
            Model::Minimal => &MINIMAL,
        }
    }
}

const EC25: Profile = Profile {
    manufacturer: "Quectel",
    model: "EC25",
    revision: "EC25EFAR06A06M4G",
    imei: "861107030000017",
    prefixed_identity: false,
    slots: [50, 255],
    first_index: 0,
    memories: [Memory::Modem; 3],
    cnmi: [2, 1, 0, 0, 0],
    cnmi_allowed: [&[0, 1, 2], &[0, 1, 2, 3], &[0, 2], &[0, 1, 2], &[0, 1]],
    cmgf: 0,
    csms: 1,
    shows_flash: true,
    cms_always: true,
    empty_slot_is_ok: false,
    delete_flags: true,
    greeting: &[
        "RDY",
        "+CFUN: 1",
        "+CPIN: READY",
        "+QUSIM: 1",
        "+QIND: SMS DONE",
    ],
    lacks: &["+SGCELLINFO", "+ICCID"],
};

const SLM750: Profile = Profile {
    manufacturer: "MEIG INCORPORATED",
    model: "SLM750",
    revision: "SLM750_4.0.6_EQ101",
    imei: "863958040000025",
    prefixed_identity: true,
    slots: [40, 99],
    first_index: 0,
    memories: [Memory::Sim; 3],
    cnmi: [0, 0, 0, 0, 0],
    cnmi_allowed: [&[0, 1, 2], &[0, 1, 2, 3], &[0, 2], &[0, 1], &[0, 1]],
    cmgf: 0,
    csms: 1,
    shows_flash: true,
    cms_always: true,
    empty_slot_is_ok: true,
    delete_flags: true,
    greeting: &["+SIM READY", "SMS READY"],
    lacks: &[
        "+QCCID", "+QCSQ", "+QENG", "+QTEMP", "+QNWINFO", "+QURCCFG", "+QCFG", "+QPINC", "+CCID",
    ],
};

const MINIMAL: Profile = Profile {
    manufacturer: "Acme",
    model: "GSM/1",
    revision: "1.0",
    imei: "350000000000006",
    prefixed_identity: false,
    slots: [10, 0],
    first_index: 1,
    memories: [Memory::Sim; 3],
    cnmi: [0, 0, 0, 0, 0],
    cnmi_allowed: [&[0, 1], &[0, 1], &[0], &[0], &[0, 1]],
    cmgf: 1,
    csms: 0,
    shows_flash: false,
    cms_always: false,
    empty_slot_is_ok: false,
    delete_flags: false,
    greeting: &[],
    lacks: &[
        "+QCCID",
        "+CCID",
        "+ICCID",
        "+QCSQ",
        "+QENG",
        "+QTEMP",
        "+QNWINFO",
        "+QURCCFG",
        "+QCFG",
        "+QPINC",
        "+SGCELLINFO",
        "+CESQ",
        "+CEREG",
        "+CGREG",
        "+CMMS",
        "+CNMA",
        "+CUSD",
        "+CCLK",
        "+CLCC",
        "+GMI",
        "+GMM",
        "+GMR",
        "+GSN",
    ],
};
