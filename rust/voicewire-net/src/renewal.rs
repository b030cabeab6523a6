//! Before "target": asks the application for a key that is good for one more connection.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use crate::clock;
use crate::driver::{closing, Driver};
use crate::inbox::{ConnectFailure, Item};
use crate::session::{Renewal, Shared};

impl Driver {
    /// Takes over where the next connection goes, where keys are asked for.
    pub(crate) async fn renew(&mut self, deadline: Instant) -> Result<(), ConnectFailure> {
        if !self.renews {
            return Ok(());
        }
        // An answer that came too late for the attempt before is as old as that.
        self.shared.renewal().take();
        let delivery = self.delivery(Item::KeyWanted, 0);
        self.batch.push(delivery);
        self.deliver();
        let (target, secrets) = tokio::select! {
            renewal = renewed(&self.shared) => renewal?,
            () = closing(&self.shared) => return Err(ConnectFailure::Cancelled),
            () = clock::sleep_until(deadline) => return Err(self.no_key()),
        };
        self.target = target;
        self.secrets.extend(&secrets);
        self.protocol.keep_secret(&secrets);
        Ok(())
    }

    fn no_key(&self) -> ConnectFailure {
        let seconds = self.timeouts.connect.as_secs_f64();
        let message = format!("no key from the token provider within {seconds} s");
        ConnectFailure::Key { message, is_final: false }
    }
}

/// Resolves once the application has answered.
async fn renewed(shared: &Shared) -> Renewal {
    poll_fn(|cx| {
        shared.waker.register(cx.waker());
        shared.renewal().take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
