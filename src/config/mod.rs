//! Room: the configuration — OPTIONS table, UCI text codec, checked Config. Never guesses: an unknown option, a wrong
//! type or a value out of range is a problem with file and line.

mod model;

pub use model::{
    Agent, Api, Config, FlashVia, Forwarding, Method, Modem, Network, PhoneGroup, ToHttp, Who,
};
