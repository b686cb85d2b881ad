//! The thread that ticks.
//!
//! In: the wall clock. Out: a call of the sink per tick, the first at once, then on multiples of
//! the interval, so that all nodes measure at the same moments. Bound: a tick that takes longer
//! than the interval skips those it ran into.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use weft_model::Millis;
use weft_stdx::Clock;

use super::{Frame, Host, TickReport};

/// Takes the frames of a host.
pub(crate) trait TickSink: Send {
    /// Takes a tick.
    fn tick(&mut self, frame: &Frame<'_>, report: &TickReport);

    /// Takes the last frame, in which every series ends.
    fn end(&mut self, frame: &Frame<'_>);
}

/// A running sampler thread.
#[derive(Debug)]
pub(crate) struct Ticks {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Ticks {
    /// Starts to measure `host` every `interval`.
    pub(crate) fn start(
        host: Host,
        interval: Duration,
        clock: Clock,
        sink: impl TickSink + 'static,
    ) -> io::Result<Ticks> {
        let (stop, stopped) = sync_channel(1);
        let thread = Builder::new().name("weft-sampler".to_owned());
        let thread = thread.spawn(move || run(host, interval, &clock, sink, &stopped))?;
        Ok(Ticks {
            stop,
            thread: Some(thread),
        })
    }

    /// Takes a last frame, in which every series ends, and waits for the thread.
    pub(crate) fn stop(mut self) {
        self.request_stop();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("sampler thread panicked");
        }
    }

    fn request_stop(&self) {
        // An error means that the thread is gone already, or was asked already.
        let _ = self.stop.try_send(());
    }
}

impl Drop for Ticks {
    /// Lets the thread end by itself.
    fn drop(&mut self) {
        self.request_stop();
    }
}

fn run(
    mut host: Host,
    interval: Duration,
    clock: &Clock,
    mut sink: impl TickSink,
    stopped: &Receiver<()>,
) {
    loop {
        let (frame, report) = host.tick(Millis(clock.millis()));
        sink.tick(&frame, report);
        match stopped.recv_timeout(until_next(clock.nanos(), interval)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    sink.end(&host.end(Millis(clock.millis())));
}

/// Returns the time from `now` to the next multiple of the interval.
fn until_next(now_nanos: i64, interval: Duration) -> Duration {
    let interval = i64::try_from(interval.as_nanos())
        .unwrap_or(i64::MAX)
        .max(1_000_000);
    let left = interval - now_nanos.rem_euclid(interval);
    Duration::from_nanos(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_fall_on_multiples_of_the_interval() {
        let second = Duration::from_secs(1);
        assert_eq!(until_next(0, second), second);
        assert_eq!(
            until_next(1_250_000_000, second),
            Duration::from_millis(750)
        );
        assert_eq!(until_next(-250_000_000, second), Duration::from_millis(250));
        assert_eq!(until_next(7, Duration::ZERO), Duration::from_nanos(999_993));
    }
}
