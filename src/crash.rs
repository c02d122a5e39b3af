//! Edge: the last line of a program that found itself broken: which signal, and where. Never goes on.
//!
//! The router's binary is built with `panic=immediate-abort`: a panic is one trapping instruction and no text, which
//! makes it 145 KB smaller. The addresses in this line, given to `scripts/where`, name function, file and line, which
//! is more than a panic's text does.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::{Cursor, Write};

use nix::libc::{c_int, siginfo_t};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

/// What a trap, a wild pointer or an abort ends in.
const DEADLY: [Signal; 6] = [
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGSEGV,
];

/// From now on a deadly signal is told on stderr before it kills.
pub fn tell() {
    // ONSTACK: the Rust runtime keeps a stack for the moment when the other one is full.
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_RESETHAND | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(last_words), flags, SigSet::empty());
    for signal in DEADLY {
        // SAFETY: the handler calls nothing but write(2) and raise(3), and touches no memory of the program.
        let _before = unsafe { sigaction(signal, &action) };
    }
}

extern "C" fn last_words(signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
    let (at, from) = addresses(context);
    let mut line = [0; 256];
    let mut text = Cursor::new(line.as_mut_slice());
    let _cut = writeln!(
        text,
        "rut-agent {}: broken (signal {signal}) at {at:#x} from {from:#x}; what was kept is on flash. Please report this \
         line.",
        env!("CARGO_PKG_VERSION"),
    );
    let used = usize::try_from(text.position()).unwrap_or(0);
    if let Some(said) = line.get(..used) {
        let _unread = nix::unistd::write(std::io::stderr(), said);
    }
    // The handler is reset by now: this one kills.
    if let Ok(again) = Signal::try_from(signal) {
        let _dead = raise(again);
    }
}

/// Program counter and return address at the moment of the signal, 0 where unknown. musl's `ucontext_t` for o32: flags,
/// link and stack take 20 bytes, `mcontext_t` begins at 24 with two words, then the 64-bit registers pc, r0 … r31.
#[cfg(target_arch = "mips")]
fn addresses(context: *mut c_void) -> (u64, u64) {
    const PC: usize = 32;
    const RA: usize = 40 + 31 * 8;
    // SAFETY: the kernel passes a whole ucontext_t, 8-aligned.
    let read = |offset| unsafe { context.cast::<u8>().add(offset).cast::<u64>().read() };
    (read(PC), read(RA))
}

#[cfg(target_arch = "x86_64")]
fn addresses(context: *mut c_void) -> (u64, u64) {
    use nix::libc::{REG_RIP, ucontext_t};
    // SAFETY: the kernel passes a whole ucontext_t.
    let registers = unsafe { (*context.cast::<ucontext_t>()).uc_mcontext.gregs };
    let pc = usize::try_from(REG_RIP)
        .ok()
        .and_then(|n| registers.get(n).copied());
    (pc.map_or(0, i64::cast_unsigned), 0)
}

#[cfg(not(any(target_arch = "mips", target_arch = "x86_64")))]
fn addresses(_context: *mut c_void) -> (u64, u64) {
    (0, 0)
}
