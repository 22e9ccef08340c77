//! One example of every screen, for `spinewatch screens`, the README and the tests. All synthetic.

mod slice;

use std::time::Duration;

use jiff::civil::Time;

use super::{
    Control, Delivery, DeviceState, Fault, Outcome, Phase, Picture, Progress, SelfTest, ServiceFacts, Since, StudyName,
    StudyReport, Words,
};
use crate::triage::{
    Assessment, BestSlice, Completeness, Coverage, Finding, FractureBox, Gap, Level, Missing, Verdict,
};

/// A state, and the time at which it calls for its screen.
pub struct Sample {
    /// File name of its picture.
    pub name: &'static str,
    /// What a person should do.
    pub meaning: &'static str,
    /// The state.
    pub state: DeviceState,
    /// The time.
    pub now: Duration,
}

/// The time of all samples: lit in every flash, the first of several pages, a turn of the faults.
const NOW: Duration = Duration::from_secs(4320);

/// Every screen once, in the order of a study's life.
pub fn all() -> Vec<Sample> {
    let running = |meaning, name, change: &dyn Fn(&mut DeviceState)| {
        let mut state = running();
        change(&mut state);
        state.beat(NOW);
        Sample { name, meaning, state, now: NOW }
    };
    let mut samples = vec![
        running("The self-test runs. Wait.", "starting", &|s| s.phase = starting()),
        running("Nothing arrives. What is not listed was not analysed.", "idle", &fill_recent),
        running("A study arrives. There is no result yet.", "receiving", &|s| s.set_arriving([progress()])),
        running("Look at these levels now.", "suspected", &|s| {
            s.report(suspected("7f3a", &[Level::C2, Level::C5], true, 47), NOW);
        }),
        running("No clinic answers. Look at these levels and telephone.", "suspected-sent-again", &|s| {
            let report = StudyReport { delivery: Delivery::Sent, ..suspected("7f3a", &[Level::C5], false, 745) };
            s.report(StudyReport { sent_again: 2, ..report }, NOW);
        }),
        running("The sound was paused here. Look at these levels.", "suspected-sound-paused", &|s| {
            let report = StudyReport { delivery: Delivery::Sent, ..suspected("7f3a", &[Level::C5], false, 192) };
            s.report(report, NOW);
            s.pause_sound(NOW + Duration::from_secs(100));
        }),
        running("A clinic has taken note. Look at these levels.", "suspected-acknowledged", &|s| {
            let report = StudyReport { delivery: Delivery::Sent, ..suspected("7f3a", &[Level::C5], false, 192) };
            s.report(report, NOW);
            s.acknowledge("7f3a", "Trauma centre", NOW);
        }),
        running("Not a clearance. Read the study as usual.", "none-suspected", &|s| s.report(none_suspected(), NOW)),
        running("Read the study. Send what is missing again.", "partly-analysed", &|s| {
            s.report(partly_analysed(), NOW)
        }),
        running("Read the study: the device has not looked at it.", "not-analysed", &|s| s.report(not_analysed(), NOW)),
    ];
    samples.extend(faults());
    samples.push(running("Keep it on. Read every study as usual.", "updating", &|s| {
        let (what, step) = (Words::new("Spinewatch 0.2.0"), Words::new("Writing"));
        s.phase = Phase::Updating { what, step, percent: Some(64) };
    }));
    samples.push(running("For the engineer: hold the button. Goes after a minute.", "service", &|s| {
        fill_recent(s);
        s.set_service(service());
        s.press(Control::Service, NOW);
    }));
    samples.push(running("The device does not work. Call service.", "startup-failed", &|s| {
        s.phase = Phase::Failed { reason: Words::new("The database folder /var/lib/spinewatch cannot be written.") };
    }));
    let mut stale = running("Do not trust this screen.", "stale", &fill_recent);
    stale.state.beat(Duration::from_secs(4278));
    samples.push(stale);
    samples
}

fn faults() -> Vec<Sample> {
    let since = Since::aged(NOW, Duration::from_secs(754));
    let cases = [
        (
            "model-refused",
            "Nothing is analysed. Call service.",
            Fault::ModelRefused { reason: Words::new("the signature does not match") },
        ),
        (
            "share-lost",
            "Nothing arrives. Check the network.",
            Fault::ShareLost { reason: Words::new("the server does not answer"), since },
        ),
        ("disk-full", "Nothing new is taken. Call service.", Fault::DiskFull { free_mib: 12 }),
        ("no-storage", "Do not switch it off. Call service.", Fault::StateInMemory),
        ("broker-offline", "Clinics see no alert. Telephone.", broker_offline(since)),
        (
            "messages-refused",
            "An alert was not taken. Telephone.",
            Fault::MessagesRefused {
                messages: 2,
                reason: Words::new("the broker's quota is used up"),
                code: "quota_exceeded",
            },
        ),
        (
            "acks-refused",
            "Answers are not seen. Ask.",
            Fault::AcksRefused {
                reason: Words::new("the broker does not authorize this device"),
                code: "not_authorized",
            },
        ),
        (
            "update-failed",
            "The old version works. Call service.",
            Fault::UpdateFailed {
                version: Words::new("0.2.0"),
                reason: Words::new("models: the detector does not give its golden outputs"),
            },
        ),
        (
            "update-refused",
            "Works as before. Remove the stick.",
            Fault::UpdateRefused {
                reason: Words::new(
                    "spinewatch-0.2.0.raucb is damaged: block 812 of 9216 is not the one that was signed; copy it again",
                ),
            },
        ),
        (
            "not-accelerated",
            "Alerts come later. Call service.",
            Fault::AcceleratorFault { reason: Words::new("given up: no answer within 1000 ms") },
        ),
        (
            "model-replaced",
            "Another model analyses. Call service.",
            Fault::ModelReplaced { reason: Words::new("the package's signature does not hold; 0.2.0 in its place") },
        ),
        (
            "controls-fault",
            "Not all is heard or lit. Call service.",
            Fault::ControlsFault { reason: Words::new("controls.buzzer: no GPIO line is called \"PIN_15\"") },
        ),
        (
            "certificate-expires",
            "Works until then. Call service.",
            Fault::CertificateExpires { days: 12, what: "this device's certificate" },
        ),
        (
            "results-not-written",
            "The archive gets nothing. Call service.",
            Fault::ResultsNotWritten { reason: Words::new("no space left on device") },
        ),
        ("clock-untrusted", "Times are not known.", Fault::ClockUntrusted),
    ];
    let sample = |(name, meaning, fault): (&'static str, &'static str, Fault)| {
        let mut state = running();
        fill_recent(&mut state);
        if matches!(fault, Fault::ClockUntrusted) {
            state.set_clock(None, NOW);
        }
        if matches!(fault, Fault::ModelRefused { .. }) {
            state.set_fault(broker_offline(since), NOW);
        }
        state.set_fault(fault, NOW);
        state.beat(NOW);
        let late = NOW + super::HELD;
        state.beat(late);
        Sample { name, meaning, state, now: late }
    };
    cases.into_iter().map(sample).collect()
}

fn broker_offline(since: Since) -> Fault {
    let reason = Words::new("nothing listens at the broker's address");
    Fault::BrokerOffline { queued: 3, reason, code: "connection_refused", since }
}

fn running() -> DeviceState {
    let mut state = DeviceState::new(NOW);
    state.phase = Phase::Running;
    state.set_clock(Some(Time::constant(14, 36, 9, 0)), NOW);
    state
}

fn starting() -> Phase {
    let step = |name: &str, outcome| SelfTest { name: Words::new(name), outcome };
    let steps = [
        step("Database", Outcome::Passed),
        step("Model packages", Outcome::Passed),
        step("Golden cases", Outcome::Running),
        step("Share", Outcome::Waiting),
    ];
    Phase::Starting { steps: steps.into_iter().collect() }
}

/// A day at work, all of it read by now.
fn fill_recent(state: &mut DeviceState) {
    let at = |minutes: u64| NOW - Duration::from_secs(minutes * 60);
    let mut old = suspected("c1d4", &[Level::C6], false, 0);
    old.study.started = Some(Time::constant(13, 52, 0, 0));
    old.delivery = Delivery::Sent;
    let earlier = |report: StudyReport, minutes| StudyReport { since: Since::new(at(minutes)), ..report };
    state.report(earlier(partly_analysed(), 45), at(45));
    state.report(earlier(old, 40), at(40));
    state.acknowledge("c1d4", "Trauma centre", at(38));
    state.set_fault(Fault::ClockUntrusted, at(37));
    state.clear_fault(&Fault::ClockUntrusted, at(35));
    state.report(earlier(none_suspected(), 21), at(21));
}

/// A device at work.
pub fn service() -> ServiceFacts {
    ServiceFacts {
        version: Words::new("0.1.0"),
        slot: Some(Words::new("A")),
        serial: Some(Words::new("RK5B-24-001734")),
        addresses: vec![Words::new("eth0 192.168.10.21"), Words::new("eth0 fd12:3456:789a::21")],
        last_error: Some(Words::new("the share is lost: the server does not answer (ended 12 min ago)")),
        share: Words::new("available"),
        broker: Words::new("connected"),
        models: Words::new("vertebra-classifier-edge 0.1.0, fracture-detector-edge 0.1.0"),
        update: Some(Words::new("0.1.0 proved on 2026-11-18")),
        up: Some(Duration::from_secs(274_920)),
        celsius: Some(51.4),
    }
}

/// The studies of a day, all of them read by now.
pub fn recent() -> Vec<StudyReport> {
    let mut state = running();
    fill_recent(&mut state);
    state.recent().to_vec()
}

/// A series half way.
pub fn progress() -> Progress {
    let study = StudyName::new("7f3a99", Some(Time::constant(14, 32, 5, 0)));
    let levels_seen = Level::ALL[..4].to_vec();
    Progress { study, received: 143, analysed: 138, expected: Some(300), levels_seen, unreadable: 0 }
}

/// A study with suspected findings at `levels`, `seconds` ago.
pub fn suspected(key: &str, levels: &[Level], provisional: bool, seconds: u64) -> StudyReport {
    let best = BestSlice {
        slice_key: "5c11".to_owned(),
        instance_number: Some(143),
        z_mm: -41.5,
        fracture_box: FractureBox { x: 286.0, y: 196.0, width: 92.0, height: 78.0, score: 0.91 },
        matrix: [512, 512],
    };
    let finding = |level: &Level| Finding {
        level: *level,
        score: 0.91,
        best_slice: best.clone(),
        z_range_mm: [-45.0, -38.0],
        slices: 8,
    };
    let seen = if provisional { &Level::ALL[..6] } else { &Level::ALL[..] };
    let mut assessment = assessment(Verdict::Suspected, seen, Vec::new());
    assessment.provisional = provisional;
    assessment.findings = levels.iter().map(finding).collect();
    let picture = Picture::of_slice(slice::grey(), slice::SIDE, slice::SIDE, &best);
    StudyReport { picture, ..report(key, (14, 32), assessment, seconds) }
}

/// All seven levels, nothing suspected.
pub fn none_suspected() -> StudyReport {
    report("e8b2", (14, 11), assessment(Verdict::NoneSuspected, &Level::ALL, Vec::new()), 24)
}

/// A gap, and the last level not seen.
pub fn partly_analysed() -> StudyReport {
    let gap = Gap { from_mm: 10.0, to_mm: -2.5, missing_slices: 5 };
    let missing = vec![Missing::Levels { levels: vec![Level::C7] }, Missing::Slices { gap }];
    let verdict = Verdict::PartlyAnalysed { missing: missing.clone() };
    report("09af", (13, 44), assessment(verdict, &Level::ALL[..6], missing), 35)
}

/// Another part of the body.
pub fn not_analysed() -> StudyReport {
    let why = "No cervical vertebra was seen in 212 slices. Was another part of the body scanned?";
    report("b66e", (13, 20), assessment(Verdict::NotAnalysed { why: why.to_owned() }, &[], Vec::new()), 18)
}

fn assessment(verdict: Verdict, seen: &[Level], missing: Vec<Missing>) -> Assessment {
    let coverage = Coverage {
        levels_seen: seen.to_vec(),
        slices_analysed: 212,
        slices_missing: 0,
        slices_unreadable: 0,
        gaps: Vec::new(),
        extent_mm: 180.0,
    };
    let completeness = Completeness::Quiet;
    Assessment {
        verdict,
        provisional: false,
        completeness,
        findings: Vec::new(),
        vertebrae: [0.0; 7],
        coverage,
        missing,
    }
}

fn report(key: &str, (hour, minute): (i8, i8), assessment: Assessment, seconds: u64) -> StudyReport {
    StudyReport {
        study: StudyName::new(key, Some(Time::constant(hour, minute, 0, 0))),
        assessment,
        picture: None,
        since: Since::aged(NOW, Duration::from_secs(seconds)),
        acknowledged: None,
        delivery: Delivery::Queued,
        sent_again: 0,
    }
}
