//! Words: the signal to stop, handed to every edge. Never decides when: `main` does.

use tokio::sync::watch;

/// Says stop, once, to all.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A stopper and its first hearer.
pub fn pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Stop now.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Resolves when it is time to stop, or when the stopper is gone.
    pub async fn wait(&mut self) {
        let _gone = self.0.wait_for(|stop| *stop).await;
    }

    /// True once it was said.
    pub fn said(&self) -> bool {
        *self.0.borrow()
    }
}
