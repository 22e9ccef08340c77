//! One device on the board: what it says of itself, and how long ago. Pure.

use std::time::Duration;

use super::anchor::Anchor;
use super::board::{Now, Rules, age_of};
use super::view::DeviceView;
use crate::display::Since;
use crate::publish::{DeviceState, EventKind, HealthPayload, Received, StatusPayload};

/// Between two health messages, where the device has not shown its own interval yet (its default).
const INTERVAL: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub struct Device {
    status: Option<(StatusPayload, Since)>,
    health: Option<HealthPayload>,
    /// The last sign of life, and whether it came while we listened.
    heard: Option<Since>,
    last_health: Option<Duration>,
    interval: Option<Duration>,
    trail: Anchor,
}

impl Device {
    /// Nothing is known of it.
    pub const fn is_empty(&self) -> bool {
        self.status.is_none() && self.health.is_none()
    }

    /// Takes status and health in.
    pub fn hear(&mut self, received: &Received, now: Now) -> bool {
        if received.event.kind == EventKind::Status {
            self.hear_status(received, now)
        } else {
            self.hear_health(received, now)
        }
    }

    fn hear_status(&mut self, received: &Received, now: Now) -> bool {
        let Ok(status) = serde_json::from_slice::<StatusPayload>(&received.payload) else { return false };
        let age = age_of(received, now);
        // The broker publishes the last will, not the device.
        if status.state != DeviceState::Offline {
            self.sign_of_life(age, now);
        }
        let since = match &self.status {
            Some((before, since)) if before.state == status.state => *since,
            _ => age,
        };
        self.status = Some((status, since));
        true
    }

    fn hear_health(&mut self, received: &Received, now: Now) -> bool {
        let Ok(health) = serde_json::from_slice::<HealthPayload>(&received.payload) else { return false };
        if !received.retained {
            if let Some(last) = self.last_health {
                self.interval = Some(now.monotonic.saturating_sub(last));
            }
            self.last_health = Some(now.monotonic);
        }
        self.sign_of_life(age_of(received, now), now);
        if let Some(head) = &health.audit_head {
            self.trail.hear(head, received.retained);
        }
        self.health = Some(health);
        true
    }

    fn sign_of_life(&mut self, since: Since, now: Now) {
        if self.heard.is_none_or(|heard| since.age(now.monotonic) <= heard.age(now.monotonic)) {
            self.heard = Some(since);
        }
    }

    /// No sign of life for longer than that is silence.
    fn patience(&self, rules: &Rules) -> Duration {
        self.interval.unwrap_or(INTERVAL).max(INTERVAL) * rules.silent_intervals
    }

    /// As it is shown.
    pub fn view(&self, id: &str, rules: &Rules, now: Now) -> DeviceView {
        let (site, device) = id.split_once('/').unwrap_or(("", id));
        let silent = self.heard.map(|heard| heard.age(now.monotonic)).filter(|age| *age > self.patience(rules));
        let said = self.status.as_ref().map(|(status, _)| status.state);
        let (state, age) = match (said, silent) {
            (Some(DeviceState::Offline), _) => ("offline", self.status_age(now)),
            (_, Some(age)) => ("silent", age),
            (Some(DeviceState::Degraded), None) => ("degraded", self.status_age(now)),
            (Some(DeviceState::Online), None) => ("online", self.status_age(now)),
            (None, None) => ("unknown", Duration::ZERO),
        };
        let status = self.status.as_ref().map(|(status, _)| status);
        let health = self.health.as_ref();
        DeviceView {
            id: id.to_owned(),
            site: site.to_owned(),
            device: device.to_owned(),
            state: state.to_owned(),
            age_secs: age.as_secs(),
            reasons: self.reasons(),
            version: status.map(|status| status.version.clone()),
            heard_secs: self.heard.map(|heard| heard.age(now.monotonic).as_secs()),
            waiting: health.map_or(0, |health| health.queue_waiting),
            given_up: health.map_or(0, |health| health.queue_dead),
            open_series: health.map_or(0, |health| health.open_series),
            slices_per_second: health.map_or(0.0, |health| health.slices_per_second),
            clock_trusted: health.is_none_or(|health| health.clock_trusted),
        }
    }

    /// What the device says is wrong, and what its audit trail says.
    fn reasons(&self) -> Vec<String> {
        let said = self.status.iter().flat_map(|(status, _)| &status.reasons).map(|reason| reason.words.clone());
        said.chain(self.trail.words().map(str::to_owned)).collect()
    }

    fn status_age(&self, now: Now) -> Duration {
        self.status.as_ref().map_or(Duration::ZERO, |(_, since)| since.age(now.monotonic))
    }
}
