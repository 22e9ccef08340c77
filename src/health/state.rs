//! What the stages and the sensors say in; a health report out. Pure: `now` is the time since the process started.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rate::Rate;
use super::{Broker, ClockTrust, Degraded, Device, HealthReport, Model, Queues, Sensed, Share, Status};
use crate::publish::{Cause, Trouble};
use crate::triage::Verdict;

/// From where on the device is not well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Less free space than this on the state disk is a fault, MiB.
    pub disk_free_min_mib: u64,
    /// A thermal zone at or above this is hot, degrees Celsius.
    pub hot_celsius: f64,
}

impl Default for Limits {
    fn default() -> Self {
        // Common boards throttle from 80 to 85 degrees on.
        Self { disk_free_min_mib: 256, hot_celsius: 80.0 }
    }
}

/// How the share is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareHealth {
    /// Scanned.
    Available,
    /// Not readable.
    Lost {
        /// What the system said, in one line.
        reason: String,
    },
    /// The folder is there, nothing is mounted on it.
    NotMounted,
}

/// How the broker is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokerHealth {
    /// The session stands.
    pub connected: bool,
    /// Why it was last lost, or could not be made.
    pub trouble: Option<Trouble>,
    /// How often it was lost.
    pub losses: u32,
    /// Messages that it has refused and that are still here, and why it refused the last.
    pub refused: (u32, Option<Trouble>),
    /// Why it refuses the subscription to acknowledgements.
    pub acks_refused: Option<Trouble>,
}

/// Most different quarantine reasons that are counted apart; the rest is counted as `other`.
const MOST_REASONS: usize = 32;

/// A folder for documents that has not answered for this long is a fault.
const RESULTS_SILENT: Duration = Duration::from_secs(30);

/// The state of the device. Starts pessimistic: no share, no broker, no model, no trusted clock.
#[derive(Clone, Debug)]
pub struct Health {
    limits: Limits,
    share: (ShareHealth, Duration),
    broker: (BrokerHealth, Duration),
    queues: Queues,
    analysed: Rate,
    verdicts: BTreeMap<&'static str, u64>,
    quarantined: BTreeMap<String, u64>,
    models: Vec<Model>,
    records_reset: bool,
    state_in_memory: bool,
    results: Option<String>,
    results_busy: Option<Duration>,
    accelerator: Option<String>,
    model_replaced: Option<String>,
    screen: Option<String>,
    controls: Option<String>,
    certificates: Vec<Degraded>,
    update: Option<(String, String)>,
    silent: Option<(&'static str, Duration)>,
    sensed: Option<Sensed>,
}

impl Health {
    /// A device that has just started.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            share: (ShareHealth::Lost { reason: "not scanned yet".into() }, Duration::ZERO),
            broker: (BrokerHealth::default(), Duration::ZERO),
            queues: Queues::default(),
            analysed: Rate::default(),
            verdicts: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            models: Vec::new(),
            records_reset: false,
            state_in_memory: false,
            results: None,
            results_busy: None,
            accelerator: None,
            model_replaced: None,
            screen: None,
            controls: None,
            certificates: Vec::new(),
            update: None,
            silent: None,
            sensed: None,
        }
    }

    /// The share is so; repeating it does not restart its time.
    pub fn share(&mut self, share: ShareHealth, now: Duration) {
        if self.share.0 != share {
            self.share = (share, now);
        }
    }

    /// The broker is so; its time restarts only when the connection comes or goes.
    pub fn broker(&mut self, broker: BrokerHealth, now: Duration) {
        let since = if self.broker.0.connected == broker.connected { self.broker.1 } else { now };
        self.broker = (broker, since);
    }

    /// So much work waits.
    pub fn queues(&mut self, queues: Queues) {
        self.queues = queues;
    }

    /// One slice was analysed.
    pub fn slice_analysed(&mut self, now: Duration) {
        self.analysed.count(now);
    }

    /// A series came to its end.
    pub fn verdict(&mut self, verdict: &Verdict) {
        *self.verdicts.entry(verdict.name()).or_default() += 1;
    }

    /// A file was refused; `code` is the rejection's snake-case code.
    pub fn quarantined(&mut self, code: &str) {
        let known = self.quarantined.contains_key(code) || self.quarantined.len() < MOST_REASONS;
        *self.quarantined.entry(if known { code } else { "other" }.to_owned()).or_default() += 1;
    }

    /// These packages were found.
    pub fn models(&mut self, models: Vec<Model>) {
        self.models = models;
    }

    /// The database was corrupt at start and was set aside.
    pub fn records_reset(&mut self) {
        self.records_reset = true;
    }

    /// The boot found no state partition that can be used.
    pub fn state_in_memory(&mut self) {
        self.state_in_memory = true;
    }

    /// Why documents are not written, in one line, or nothing.
    pub fn results(&mut self, fault: Option<String>) {
        self.results = fault;
    }

    /// Since when the writer of documents is at work; `None` while it rests.
    pub fn results_busy(&mut self, since: Option<Duration>) {
        self.results_busy = since;
    }

    /// What is wrong with the accelerator, in one line, or nothing.
    pub fn accelerator(&mut self, fault: Option<String>) {
        self.accelerator = fault;
    }

    /// Why an installed package is not used and what is in its place, in one line, or nothing.
    pub fn model_replaced(&mut self, why: Option<String>) {
        self.model_replaced = why;
    }

    /// Why the screen cannot be drawn on, in one line, or nothing.
    pub fn screen(&mut self, fault: Option<String>) {
        self.screen = fault;
    }

    /// Which button, lamp or buzzer does not work, in one line, or nothing.
    pub fn controls(&mut self, fault: Option<String>) {
        self.controls = fault;
    }

    /// What ends when, as days that are left and its words, and why changed files are not used; only those that are to
    /// be told.
    pub fn certificates(&mut self, expiries: impl IntoIterator<Item = (i64, &'static str)>, unusable: Option<String>) {
        let unusable = unusable.map(|reason| Degraded::CertificateUnusable { reason });
        let mut expiries: Vec<_> = expiries.into_iter().collect();
        expiries.sort_unstable();
        let expiries = expiries.into_iter().map(|(days, what)| Degraded::CertificateExpires { days, what });
        self.certificates = unusable.into_iter().chain(expiries).collect();
    }

    /// Version and reason of an update that was rolled back, until one proves itself, or nothing.
    pub fn update_rolled_back(&mut self, update: Option<(String, String)>) {
        self.update = update;
    }

    /// The watchdog's word: which stage does not tick and for how long, or none.
    pub fn silent_stage(&mut self, silent: Option<(&'static str, Duration)>) {
        self.silent = silent;
    }

    /// The sensors were read.
    pub fn sensed(&mut self, sensed: Sensed) {
        self.sensed = Some(sensed);
    }

    /// Everything at once.
    pub fn report(&self, now: Duration) -> HealthReport {
        let since = |at: Duration| now.saturating_sub(at).as_secs();
        let (state, reason) = match &self.share.0 {
            ShareHealth::Available => ("available", None),
            ShareHealth::Lost { reason } => ("lost", Some(reason.clone())),
            ShareHealth::NotMounted => ("not_mounted", None),
        };
        let degraded = self.degraded(now);
        let clock = self.clock();
        HealthReport {
            status: if degraded.is_empty() { Status::Online } else { Status::Degraded },
            degraded,
            device: Device { version: env!("CARGO_PKG_VERSION"), uptime_secs: now.as_secs() },
            share: Share { state, reason, since_secs: since(self.share.1) },
            broker: self.broker_report(since(self.broker.1)),
            queues: self.queues,
            slices_per_second: self.analysed.per_second(now),
            slices_analysed: self.analysed.total(),
            verdicts: self.verdicts.clone(),
            quarantined: self.quarantined.clone(),
            models: self.models.clone(),
            disk: self.sensed.as_ref().and_then(|sensed| sensed.disk),
            temperatures: self.sensed.as_ref().map_or_else(Vec::new, |sensed| sensed.temperatures.clone()),
            memory: self.sensed.as_ref().and_then(|sensed| sensed.memory),
            clock,
            clock_trusted: clock.is_trusted(),
        }
    }

    fn broker_report(&self, since_secs: u64) -> Broker {
        let broker = &self.broker.0;
        Broker {
            connected: broker.connected,
            since_secs,
            trouble: broker.trouble.clone(),
            losses: broker.losses,
            messages_refused: broker.refused.0,
        }
    }

    fn clock(&self) -> ClockTrust {
        self.sensed.as_ref().map_or(ClockTrust::NotSynchronized, |sensed| sensed.clock)
    }

    /// What is wrong, most urgent first.
    fn degraded(&self, now: Duration) -> Vec<Degraded> {
        let mut degraded = Vec::new();
        degraded.extend(self.model_fault());
        degraded
            .extend(self.silent.map(|(stage, silent)| Degraded::StageSilent { stage, silent_secs: silent.as_secs() }));
        degraded.extend(self.screen.clone().map(|reason| Degraded::ScreenLost { reason }));
        degraded.extend(self.disk_fault());
        match &self.share.0 {
            ShareHealth::Available => {}
            ShareHealth::Lost { reason } => degraded.push(Degraded::ShareLost { reason: reason.clone() }),
            ShareHealth::NotMounted => degraded.push(Degraded::ShareNotMounted),
        }
        degraded.extend(self.broker_faults());
        if self.state_in_memory {
            degraded.push(Degraded::StateInMemory);
        }
        if self.records_reset {
            degraded.push(Degraded::RecordsReset);
        }
        degraded.extend(self.results_fault(now));
        degraded.extend(self.update.clone().map(|(version, reason)| Degraded::UpdateRolledBack { version, reason }));
        degraded.extend(self.accelerator.clone().map(|reason| Degraded::AcceleratorFault { reason }));
        degraded.extend(self.model_replaced.clone().map(|reason| Degraded::ModelReplaced { reason }));
        degraded.extend(self.controls.clone().map(|reason| Degraded::ControlsFault { reason }));
        degraded.extend(self.certificates.iter().cloned());
        degraded.extend(self.heat_fault());
        if !self.clock().is_trusted() {
            degraded.push(Degraded::ClockUntrusted);
        }
        degraded
    }

    fn model_fault(&self) -> Option<Degraded> {
        if self.models.is_empty() {
            return Some(Degraded::ModelRefused { reason: "no model package is installed".into() });
        }
        let refused = self.models.iter().find_map(|model| Some((&model.name, model.refused.as_ref()?)));
        refused.map(|(name, why)| Degraded::ModelRefused { reason: format!("{name} is refused: {why}") })
    }

    fn broker_faults(&self) -> impl Iterator<Item = Degraded> {
        let BrokerHealth { connected, trouble, refused, acks_refused, .. } = self.broker.0.clone();
        let offline = (!connected).then(|| Degraded::BrokerOffline {
            queued: self.queues.outbox,
            trouble: trouble.unwrap_or_else(|| Cause::NotTried.into()),
        });
        let (messages, why) = refused;
        let refused = (messages > 0)
            .then(|| Degraded::MessagesRefused { messages, trouble: why.unwrap_or_else(|| Cause::Refused.into()) });
        let acks = acks_refused.filter(|_| connected).map(|trouble| Degraded::AcksRefused { trouble });
        [offline, refused, acks].into_iter().flatten()
    }

    fn disk_fault(&self) -> Option<Degraded> {
        let sensed = self.sensed.as_ref()?;
        // A disk that does not answer takes no verdicts either.
        let free_mib = sensed.disk.map_or(0, |disk| disk.free_bytes >> 20);
        (free_mib < self.limits.disk_free_min_mib).then_some(Degraded::DiskLow { free_mib })
    }

    /// A folder on a dead mount says nothing at all.
    fn results_fault(&self, now: Duration) -> Option<Degraded> {
        let hangs = self.results_busy.map(|since| now.saturating_sub(since)).filter(|busy| *busy >= RESULTS_SILENT);
        let hangs = hangs.map(|busy| format!("the folder has not answered for {} s", busy.as_secs()));
        hangs.or_else(|| self.results.clone()).map(|reason| Degraded::ResultsNotWritten { reason })
    }

    fn heat_fault(&self) -> Option<Degraded> {
        let zones = &self.sensed.as_ref()?.temperatures;
        let hottest = zones.iter().max_by(|a, b| a.celsius.total_cmp(&b.celsius))?;
        let hot = hottest.celsius >= self.limits.hot_celsius;
        hot.then(|| Degraded::Hot { sensor: hottest.sensor.clone(), celsius: hottest.celsius })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, Temperature};
    use super::*;

    const fn s(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn sensed() -> Sensed {
        Sensed {
            disk: Some(Disk { free_bytes: 1 << 30, total_bytes: 1 << 34 }),
            temperatures: vec![],
            memory: None,
            clock: ClockTrust::Synchronized,
        }
    }

    fn model(refused: Option<&str>) -> Model {
        Model { name: "fracture-detector-edge 0.1.0".into(), digest: None, refused: refused.map(Into::into) }
    }

    fn online() -> BrokerHealth {
        BrokerHealth { connected: true, ..BrokerHealth::default() }
    }

    fn offline() -> BrokerHealth {
        BrokerHealth { trouble: Some(Cause::NoAnswer.into()), ..BrokerHealth::default() }
    }

    fn well() -> Health {
        let mut health = Health::new(Limits::default());
        health.share(ShareHealth::Available, s(1));
        health.broker(online(), s(2));
        health.models(vec![model(None)]);
        health.sensed(sensed());
        health
    }

    fn codes(health: &Health) -> Vec<&'static str> {
        health.report(s(60)).degraded.iter().map(Degraded::code).collect()
    }

    #[test]
    fn a_device_that_has_just_started_claims_nothing() {
        let health = Health::new(Limits::default());
        assert_eq!(codes(&health), ["model_refused", "share_lost", "broker_offline", "clock_untrusted"]);
        let report = health.report(s(0));
        assert!(report.disk.is_none() && !report.clock_trusted && report.status == Status::Degraded);
    }

    #[test]
    fn a_well_device_is_online() {
        let report = well().report(s(60));
        assert_eq!((report.status, report.degraded.len()), (Status::Online, 0));
        assert_eq!((report.share.since_secs, report.broker.since_secs, report.device.uptime_secs), (59, 58, 60));
        assert_eq!(report.status_line(), "online, 0.0 slices/s, 0 slices analysed, 0 messages waiting");
    }

    #[test]
    fn each_fault_has_its_code_and_the_worst_stands_first() {
        let mut health = well();
        health.models(vec![model(None), model(Some("its signature does not hold"))]);
        health.silent_stage(Some(("inference", s(12))));
        health.sensed(Sensed {
            disk: Some(Disk { free_bytes: 255 << 20, total_bytes: 1 << 34 }),
            temperatures: vec![
                Temperature { sensor: "gpu".into(), celsius: 60.0 },
                Temperature { sensor: "cpu".into(), celsius: 80.0 },
            ],
            clock: ClockTrust::BeforeBuild,
            ..sensed()
        });
        health.share(ShareHealth::NotMounted, s(3));
        health.broker(offline(), s(3));
        health.state_in_memory();
        health.records_reset();
        health.results(Some("no space left on device".into()));
        health.accelerator(Some("given up: no answer within 1000 ms".into()));
        health.model_replaced(Some("its signature does not hold; 0.1.0 in its place".into()));
        health.screen(Some("the OLED does not answer".into()));
        health.controls(Some("controls.buzzer: no such line".into()));
        let expiries = [(29, "the broker's authority"), (-3, "this device's certificate")];
        health.certificates(expiries, Some("mqtt.key_file: not PEM".into()));
        let all = [
            "model_refused",
            "stage_silent",
            "screen_lost",
            "disk_low",
            "share_not_mounted",
            "broker_offline",
            "state_in_memory",
            "records_reset",
            "results_not_written",
            "accelerator_fault",
            "model_replaced",
            "controls_fault",
            "certificate_unusable",
            "certificate_expired",
            "certificate_expires",
            "hot",
            "clock_untrusted",
        ];
        assert_eq!(codes(&health), all);
        let report = health.report(s(60));
        assert!(report.degraded.is_sorted(), "the order of the enum is the urgency");
        let line =
            "degraded: nothing is analysed: fracture-detector-edge 0.1.0 is refused: its signature does not hold";
        assert_eq!(report.status_line(), line);
    }

    #[test]
    fn a_results_folder_that_does_not_answer_is_a_fault_without_a_word_from_it() {
        let mut health = well();
        health.results_busy(Some(s(20)));
        assert_eq!(codes(&health), ["results_not_written"]);
        health.results_busy(Some(s(40)));
        assert_eq!(codes(&health), [""; 0]);
    }

    #[test]
    fn a_cured_fault_goes_away() {
        let mut health = well();
        health.broker(offline(), s(10));
        health.silent_stage(Some(("publish", s(9))));
        assert_eq!(codes(&health), ["stage_silent", "broker_offline"]);
        health.broker(online(), s(20));
        health.silent_stage(None);
        assert_eq!(codes(&health), [""; 0]);
        assert_eq!(health.report(s(60)).broker.since_secs, 40);
    }

    #[test]
    fn a_broker_that_refuses_is_not_well_although_it_is_connected() {
        let mut health = well();
        let quota = Trouble::from(Cause::QuotaExceeded);
        let acks_refused = Some(Trouble::from(Cause::NotAuthorized));
        health.broker(BrokerHealth { refused: (2, Some(quota)), acks_refused, ..online() }, s(20));
        assert_eq!(codes(&health), ["messages_refused", "acks_refused"]);
        let report = health.report(s(60));
        assert_eq!((report.broker.since_secs, report.broker.messages_refused), (58, 2), "the connection stands");
        let words: Vec<_> = report.degraded.iter().map(ToString::to_string).collect();
        assert!(words[0].contains("2") && words[0].ends_with("the broker's quota is used up [quota_exceeded]"));
        assert!(words[1].ends_with("[not_authorized]"), "{words:?}");
    }

    #[test]
    fn repeating_a_state_does_not_restart_its_time() {
        let mut health = well();
        health.share(ShareHealth::Available, s(30));
        health.broker(online(), s(30));
        assert_eq!(health.report(s(60)).share.since_secs, 59);
        health.share(ShareHealth::Lost { reason: "stale file handle".into() }, s(40));
        let share = health.report(s(60)).share;
        assert_eq!((share.state, share.reason.as_deref(), share.since_secs), ("lost", Some("stale file handle"), 20));
    }

    #[test]
    fn a_disk_that_does_not_answer_is_no_disk() {
        let mut health = well();
        health.sensed(Sensed { disk: None, ..sensed() });
        assert_eq!(codes(&health), ["disk_low"]);
    }

    #[test]
    fn quarantine_reasons_are_counted_apart_and_bounded() {
        let mut health = well();
        for i in 0..100 {
            health.quarantined(&format!("reason_{i}"));
        }
        health.quarantined("reason_0");
        let counts = health.report(s(1)).quarantined;
        assert_eq!((counts.len(), counts["reason_0"], counts["other"]), (MOST_REASONS + 1, 2, 68));
    }

    #[test]
    fn slices_and_verdicts_are_counted() {
        let mut health = well();
        (0..40).for_each(|i| health.slice_analysed(Duration::from_millis(50_000 + i * 50)));
        health.verdict(&Verdict::NoneSuspected);
        health.verdict(&Verdict::NoneSuspected);
        let report = health.report(s(52));
        assert_eq!((report.slices_analysed, report.verdicts["none_suspected"]), (40, 2));
        assert!((report.slices_per_second - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_health_message_says_what_the_design_promises_and_stays_small() {
        let mut health = well();
        health.broker(offline(), s(10));
        health.queues(Queues { outbox: 4, analysis: 0 });
        for i in 0..MOST_REASONS {
            health.quarantined(&format!("a_rather_long_reason_for_a_rejection_{i}"));
        }
        let json = serde_json::to_value(health.report(s(60))).unwrap_or_default();
        assert_eq!(json["status"], "degraded");
        assert_eq!(json["degraded"][0]["code"], "broker_offline");
        assert_eq!(
            json["degraded"][0]["what"],
            "the broker is offline, messages waiting: 4: the broker does not answer [no_answer]"
        );
        assert!(json["degraded"][0]["cure"].as_str().is_some_and(|cure| !cure.is_empty()));
        assert_eq!((&json["share"]["state"], &json["queues"]["outbox"]), (&"available".into(), &4.into()));
        assert_eq!((&json["clock"], &json["clock_trusted"]), (&"synchronized".into(), &true.into()));
        assert_eq!(json["disk"]["free_bytes"], 1 << 30);
        assert!(json.to_string().len() < 4096, "{} bytes", json.to_string().len());
    }
}
