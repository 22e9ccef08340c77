//! Looks after the device itself, once a second: sensors, broker, share, watchdog, old records; tells screen and wire.
//!
//! Takes in acknowledgements by clinics and shows them. Never touches a slice.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;

use super::launch::lock;
use super::service::Service;
use super::signals::Signals;
use super::updates::Updates;
use super::vitals::{self, Counts};
use super::{logbook, screen};
use crate::config::Settings;
use crate::display::{Delivery, DeviceState, Fault, Phase};
use crate::health::{
    self, Decision, Health, HealthReport, Notifier, Queues, Sensors, ShareHealth, StandingFile, Watchdog,
};
use crate::inference;
use crate::ingest::{Pulse, Silence};
use crate::publish::tls::CertificateClock;
use crate::publish::{self, Escalation, LinkState, ModelTag, Publisher, Step, Tls, Topics};
use crate::store::{Acknowledgement, Retention, Store, StoreError};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// A share that has not answered for this long is shown as lost.
const SHARE_SILENT: Duration = Duration::from_secs(8);
/// Old records are removed this often.
const PURGE: Duration = Duration::from_secs(3600);
/// The trusted time is kept this often, for a start without a clock.
const KEEP_TIME: Duration = Duration::from_secs(3600);

/// See the module.
pub struct Attendant {
    /// Settings of the device.
    pub settings: Settings,
    /// Clock and stop flag.
    pub signals: Arc<Signals>,
    /// What the screen shows.
    pub screen: Arc<Mutex<DeviceState>>,
    /// What the stages report.
    pub health: Arc<Mutex<Health>>,
    /// Outbox and ledger.
    pub store: Store,
    /// Disk, heat, clock.
    pub sensors: Sensors,
    /// What the service screen shows.
    pub service: Service,
    /// The scanner's signs of life, and their observer.
    pub share: (Arc<Pulse>, Silence),
    /// The accelerator's standing.
    pub accelerator: Arc<inference::Watch>,
    /// TLS to the broker, if there is any.
    pub tls: Option<Tls>,
    /// Keeps the trusted time for the next start.
    pub certificate_clock: CertificateClock,
    /// Over all stages.
    pub watchdog: Watchdog,
    /// Alerts that nobody acknowledges.
    pub escalation: Escalation,
    /// Topics of the device.
    pub topics: Topics,
    /// Limits of what is sent.
    pub limits: publish::Limits,
    /// Models in use.
    pub models: Vec<ModelTag>,
    /// When the process started.
    pub started: Timestamp,
    /// What the updater says.
    pub updates: Updates,
    /// Where the judge of a new system looks.
    pub standing: StandingFile,
    /// systemd.
    pub notifier: Notifier,
}

impl Attendant {
    /// Looks until the appliance stops; then says farewell to the broker.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attend(mut self, publisher: Publisher, mut acks: Receiver<Acknowledgement>) -> anyhow::Result<()> {
        let metrics = self.settings.health.metrics_address;
        if let Some(address) = metrics {
            let listener = health::metrics::bind(address).await?;
            let (health, signals) = (Arc::clone(&self.health), Arc::clone(&self.signals));
            let page = move || health::metrics::render(&lock(&health).report(signals.clock()));
            tokio::spawn(health::metrics::serve(listener, page));
        }
        let mut looks = tokio::time::interval(LOOK);
        let (mut told, mut purged, mut time_kept) = (None, Duration::ZERO, None);
        self.notifier.ready("starting");
        while !self.signals.is_stopping() {
            tokio::select! {
                ack = acks.recv() => {
                    let ack = ack.ok_or_else(|| anyhow::anyhow!("the publisher has ended"))?;
                    lock(&self.screen).acknowledge(&ack.study_key, &ack.by, self.signals.clock());
                }
                _ = looks.tick() => {
                    let now = self.signals.clock();
                    let report = self.look(&publisher.link().borrow(), now)?;
                    self.escalate(now)?;
                    self.tell(&publisher, &report, &mut told, now)?;
                    if report.clock_trusted && time_kept.is_none_or(|at| now.saturating_sub(at) >= KEEP_TIME) {
                        time_kept = Some(now);
                        self.keep_time();
                    }
                    if now.saturating_sub(purged) >= PURGE {
                        purged = now;
                        self.purge()?;
                    }
                }
            }
        }
        self.notifier.stopping();
        publisher.stop().await;
        Ok(())
    }

    fn look(&mut self, link: &LinkState, now: Duration) -> Result<HealthReport, StoreError> {
        let sensed = self.sensors.read(Timestamp::now());
        let trusted = sensed.clock.is_trusted();
        if self.signals.clock_trusted.swap(trusted, Ordering::Relaxed) != trusted {
            logbook::clock(&self.store, trusted, Timestamp::now())?;
        }
        let decision = self.watchdog.decide(now);
        let depth = self.store.queue_depth()?;
        let silent_share = self.share.1.observe(&self.share.0, now);
        self.updates.take_over(&self.store)?;
        let report = {
            let mut health = lock(&self.health);
            if silent_share >= SHARE_SILENT {
                let reason = format!("it has not answered for {} s", silent_share.as_secs());
                health.share(ShareHealth::Lost { reason }, now.saturating_sub(silent_share));
            }
            health.broker(vitals::broker_health(link, depth), now);
            health.queues(Queues { outbox: depth.waiting, analysis: 0 });
            health.sensed(sensed);
            health.certificates(self.expiries(trusted), self.tls.as_ref().and_then(Tls::problem));
            health.accelerator(self.accelerator.fault());
            health.update_rolled_back(self.updates.rolled_back());
            health.screen(lock(&self.signals.screen_trouble).clone());
            health.controls(lock(&self.signals.controls_trouble).clone());
            health.silent_stage(match decision {
                Decision::Feed => None,
                Decision::Starve { stage, silent } => Some((stage, silent)),
            });
            health.report(now)
        };
        self.standing.tell(&report, crate::update::uptime());
        self.notifier.watchdog(decision);
        self.notifier.status(&report.status_line());
        self.show(&report, now)?;
        Ok(report)
    }

    fn show(&mut self, report: &HealthReport, now: Duration) -> Result<(), StoreError> {
        let mut faults = vitals::faults(report, now);
        faults.extend(self.updates.fault());
        let facts = self.service.facts(report, now);
        let undelivered = self.store.undelivered()?;
        let mut screen = lock(&self.screen);
        let gone: Vec<Fault> = screen.faults().iter().filter(|old| is_gone(old, &faults)).cloned().collect();
        gone.iter().for_each(|fault| screen.clear_fault(fault, now));
        faults.into_iter().for_each(|fault| screen.set_fault(fault, now));
        match self.updates.phase() {
            Some(phase) => screen.phase = phase,
            None if matches!(screen.phase, Phase::Updating { .. }) => screen.phase = Phase::Running,
            None => {}
        }
        screen.set_service(facts);
        screen.set_clock(report.clock_trusted.then(|| screen::local(Timestamp::now())), now);
        let keys: Vec<String> =
            screen.alerts().iter().chain(screen.recent()).map(|report| report.study.key.to_string()).collect();
        for key in keys {
            screen.deliver(&key, delivery(&undelivered, &key));
        }
        Ok(())
    }

    /// Sends again what nobody has acknowledged in time, and shows how often that was done.
    fn escalate(&mut self, now: Duration) -> Result<(), StoreError> {
        let open = self.store.open_alerts()?;
        for alert in &open {
            lock(&self.screen).sent_again(&alert.study_key, alert.sent_again);
        }
        for step in self.escalation.look(&open, now) {
            match step {
                Step::Note { event_id, waited } => self.store.note_waited(&event_id, waited)?,
                Step::SendAgain(alert) => {
                    let (wall, trusted) = (Timestamp::now(), self.signals.clock_trusted.load(Ordering::Relaxed));
                    match publish::again(&alert, &self.topics, &self.limits, trusted.then_some(wall)) {
                        Ok(message) if self.store.send_again(&alert, &message, wall)? => {
                            tracing::warn!(event_id = message.event_id, "not acknowledged in time, sent again");
                        }
                        Ok(_) => {}
                        Err(error) => {
                            tracing::error!(event_id = alert.event_id, %error, "an alert cannot be sent again")
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn tell(
        &self,
        publisher: &Publisher,
        report: &HealthReport,
        told: &mut Option<Duration>,
        now: Duration,
    ) -> Result<(), StoreError> {
        let started = report.clock_trusted.then_some(self.started);
        publisher.set_status(vitals::status(report, &self.topics, &self.models, started, self.updates.last()));
        let interval = Duration::from_secs(self.settings.health.interval_secs);
        if told.is_none_or(|at| now.saturating_sub(at) >= interval) {
            *told = Some(now);
            let depth = self.store.queue_depth()?;
            let counts = Counts {
                queue: depth,
                open_series: self.signals.open_series.load(Ordering::Relaxed),
                quarantined: self.store.quarantined_counts()?,
                excluded: self.store.excluded_counts()?,
                audit_head: self.store.audit_head()?,
                last_update: self.updates.last(),
            };
            publisher.set_health(vitals::health(report, counts, Timestamp::now()));
        }
        Ok(())
    }

    /// Nothing can be said of them without a clock.
    fn expiries(&self, trusted: bool) -> Vec<(i64, &'static str)> {
        let Some(tls) = self.tls.as_ref().filter(|_| trusted) else { return Vec::new() };
        tls.expiries(Timestamp::now()).iter().map(|expiry| (expiry.days, expiry.role.words())).collect()
    }

    fn keep_time(&self) {
        if let Err(error) = self.certificate_clock.keep() {
            tracing::warn!(%error, "the time is not kept for the next start");
        }
    }

    fn purge(&self) -> Result<(), StoreError> {
        let days = u64::from(self.settings.state.retention_days);
        let retention = Retention { records: Duration::from_secs(days * 86_400), ..Retention::default() };
        // Rows of the ledger stay up to their number: whether an old file is still on the share is not asked here.
        let trusted = self.signals.clock_trusted.load(Ordering::Relaxed);
        if trusted {
            let purged = self.store.purge(&retention, Timestamp::now(), &|_| true)?;
            tracing::info!(?purged, "old records removed");
        }
        Ok(())
    }
}

/// Identifiers in clear are a setting, not a state that passes.
fn is_gone(old: &Fault, faults: &[Fault]) -> bool {
    !matches!(old, Fault::IdentifiersInClear) && !faults.iter().any(|fault| fault.rank() == old.rank())
}

/// `undelivered` holds, by study, whether its message was given up.
fn delivery(undelivered: &BTreeMap<String, bool>, study_key: &str) -> Delivery {
    match undelivered.get(study_key) {
        None => Delivery::Sent,
        Some(false) => Delivery::Queued,
        Some(true) => Delivery::Refused,
    }
}
