//! Edge: starts tasks on the one runtime, all of one type. Never waits for one.
//!
//! tokio compiles its handling of a task anew for every type of future: 5 KB each on MIPS. In a box they are all alike.

use std::pin::Pin;

use tokio::task::{JoinHandle, spawn_local};

/// What a task does.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Starts it; inside a `LocalSet` only.
pub fn spawn(work: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    let task: Task = Box::pin(work);
    spawn_local(task)
}
