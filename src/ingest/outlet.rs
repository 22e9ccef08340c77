//! The scanner's end of the channel: never blocks, keeps what does not fit.

use super::event::Event;
use crossbeam_channel::{Sender, TrySendError};
use std::collections::VecDeque;
use thiserror::Error;

/// Nobody listens to the scanner any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the receiver of the scanner's events is gone")]
pub struct Deserted;

#[derive(Debug)]
pub(super) struct Outlet {
    events: Sender<Event>,
    unsent: VecDeque<Event>,
    is_deserted: bool,
}

impl Outlet {
    pub const fn new(events: Sender<Event>) -> Self {
        Self { events, unsent: VecDeque::new(), is_deserted: false }
    }

    /// No room, or nobody there: nothing more is to be read.
    pub fn is_full(&self) -> bool {
        self.is_deserted || !self.unsent.is_empty() || self.events.is_full()
    }

    /// Takes over an event, which leaves now or when there is room.
    pub fn send(&mut self, event: Event) {
        self.unsent.push_back(event);
        self.flush();
    }

    /// Sends what there is room for.
    pub fn flush(&mut self) {
        while let Some(event) = self.unsent.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.unsent.push_front(event),
                Err(TrySendError::Disconnected(_)) => self.is_deserted = true,
            }
        }
    }

    /// # Errors
    /// When an event found nobody to receive it.
    pub const fn check(&self) -> Result<(), Deserted> {
        if self.is_deserted { Err(Deserted) } else { Ok(()) }
    }
}
