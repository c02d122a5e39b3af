//! Room: the machine behind the bridge — its route and its names, put there and taken away again. Never touches a route
//! or a line that it did not make.
//!
//! ```text
//!   lan_host sections --+
//!   link and route news +--> keep: device -> route (kernel) -> names (hosts files, net) --> sleep until the next news
//!   stop ---------------+
//! ```
//! The kernel drops routes when br-lan goes down, and netifd clears an interface that it sets up anew, without a word to
//! anybody but the listeners of rtnetlink. So one socket listens there: no wake-up while nothing happens, and the route is
//! back within a second or so.

mod files;
mod hosts;
mod keep;
mod kernel;
mod route;

pub use keep::run;
