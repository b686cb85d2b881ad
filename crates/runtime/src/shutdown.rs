//! The request to stop, told to everyone at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Hears the request to stop; a clone hears it too.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Requests the stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Returns both ends of a request to stop.
pub fn channel() -> (Stopper, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Shutdown(receiver))
}

impl Shutdown {
    /// Tells whether the stop was requested; also when the [`Stopper`] is gone.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns once the stop is requested. Cancel safe.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the stopper is gone, which is a stop as well.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
}

impl Stopper {
    /// Requests the stop; asking again changes nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Returns another end that hears the request.
    pub fn listen(&self) -> Shutdown {
        Shutdown(self.0.subscribe())
    }
}

/// Returns at the first SIGTERM or SIGINT (Ctrl-C). Cancel safe.
pub async fn asked_by_signal() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Calls `reload` at every SIGHUP until the stop is requested.
pub async fn on_hangup(shutdown: Shutdown, mut reload: impl FnMut()) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(),
            () = shutdown.requested() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_hears_the_stop_also_late() {
        let (stopper, early) = channel();
        assert!(!early.is_requested());
        stopper.stop();
        early.requested().await;
        stopper.listen().requested().await;
        assert!(early.is_requested());
    }

    #[tokio::test]
    async fn a_stopper_that_is_gone_counts_as_a_stop() {
        let (stopper, shutdown) = channel();
        drop(stopper);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
