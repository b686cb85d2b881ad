//! A data channel: batches in, acknowledgements out, each direction at its own pace.
//!
//! In: batches of one stream. Out: batches for the spool; an Ack once they are durable.
//! Bound: a number of batches between arrival and acknowledgement; reading waits beyond that.

use std::future::pending;

use tokio::sync::mpsc;
use weft_link::ServerChannel;
use weft_runtime::Shutdown;

use super::reading::{IN_FLIGHT_MAX, Reading};
use super::writing::Writing;
use super::{Intake, reason_text};
use crate::registry::Greeting;

impl Intake {
    pub(super) async fn serve_data(
        &self,
        greeting: Greeting,
        mut channel: ServerChannel,
        shutdown: Shutdown,
    ) {
        let seat = match self.registry.take_seat(&greeting) {
            Ok(seat) => seat,
            Err(error) => {
                self.telemetry.channel_refused(reason_text(error.reason()));
                return channel
                    .refuse(error.reason(), &error.to_string(), 1000)
                    .await;
            }
        };
        let share = self.credit.share();
        let Ok(durable_seq) = self
            .store
            .watermark(greeting.session, greeting.stream)
            .await
        else {
            return;
        };
        let credit = share.bytes(self.store.is_full(greeting.stream));
        if channel
            .send(self.welcome(durable_seq, credit))
            .await
            .is_err()
        {
            return;
        }
        let (sender, receiver) = channel.split();
        let (outcomes, arriving) = mpsc::channel(IN_FLIGHT_MAX);
        let reading = Reading::new(self, &greeting, outcomes);
        let writing = Writing {
            intake: self,
            session: greeting.session,
            stream: greeting.stream,
            share,
            credit,
            sender,
        };
        let reading = async {
            // When it ends, so do the outcomes, and after them the writing.
            reading.run(receiver, shutdown.clone()).await;
            pending().await
        };
        tokio::select! {
            () = writing.run(arriving, seat, shutdown.clone()) => {}
            () = reading => {}
        }
    }
}
