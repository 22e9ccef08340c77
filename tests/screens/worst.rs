//! States whose texts are as long as they can be.

use std::time::Duration;

use spinewatch::display::{
    Control, Delivery, DeviceState, Fault, Outcome, Phase, Progress, SelfTest, ServiceFacts, Since, StudyReport, Words,
    samples,
};
use spinewatch::triage::{Gap, Level, Missing, Verdict};

pub const NOW: Duration = Duration::from_secs(100_000);
const LONG: &str = "The package vertebra-classifier-edge in /var/lib/spinewatch/models/vertebra-classifier-edge-0.1.0 does not give \
                    its golden outputs: the largest difference is 0.412 in case 3, allowed are 0.030; it was trained elsewhere";
const LONG_NAME: &str = "Universitätsklinikum Ostwestfalen-Lippe, Institut für Neuroradiologie, Ärztin vom Dienst";

fn running() -> DeviceState {
    let mut state = DeviceState::new(NOW);
    state.phase = Phase::Running;
    state.set_clock(Some(jiff::civil::Time::constant(23, 58, 58, 0)), NOW);
    state
}

fn old(report: StudyReport) -> StudyReport {
    StudyReport { since: Since::aged(NOW, Duration::from_secs(86_399)), ..report }
}

fn fresh(report: StudyReport) -> StudyReport {
    StudyReport { since: Since::new(NOW), ..report }
}

fn every_fault(state: &mut DeviceState) {
    let since = Since::older_than(NOW - Duration::from_secs(90_000));
    state.set_fault(Fault::ModelRefused { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::DiskFull { free_mib: 1_048_576 }, NOW);
    state.set_fault(Fault::ShareLost { reason: Words::new(LONG), since }, NOW);
    let (reason, code) = (Words::new(LONG), "connection_rate_exceeded");
    state.set_fault(Fault::BrokerOffline { queued: 123_456, reason: reason.clone(), code, since }, NOW);
    state.set_fault(Fault::MessagesRefused { messages: 123_456, reason: reason.clone(), code }, NOW);
    state.set_fault(Fault::AcksRefused { reason, code }, NOW);
    state.set_fault(Fault::StateInMemory, NOW);
    state.set_fault(Fault::RecordsReset, NOW);
    state.set_fault(Fault::FilesRefused { files: 99_999, reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::ResultsNotWritten { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::UpdateFailed { version: Words::new("10.20.30-rc.1"), reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::UpdateRefused { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::AcceleratorFault { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::ModelReplaced { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::CertificateUnusable { reason: Words::new(LONG) }, NOW);
    state.set_fault(Fault::CertificateExpires { days: 30, what: "this device's certificate" }, NOW);
    state.set_fault(Fault::ClockUntrusted, NOW);
    state.set_fault(Fault::IdentifiersInClear, NOW);
}

fn progress(expected: Option<u32>) -> Progress {
    Progress { received: 12_345, analysed: 12_340, expected, unreadable: 999, ..samples::progress() }
}

fn many_alerts(acknowledged: bool) -> DeviceState {
    let mut state = running();
    for i in 0..30 {
        state.report(old(samples::suspected(&format!("{i:04x}"), &Level::ALL, true, 0)), NOW);
        state.deliver(&format!("{i:04x}"), Delivery::ScreenOnly);
        if acknowledged {
            state.acknowledge(&format!("{i:04x}"), LONG_NAME, NOW);
        }
    }
    if acknowledged {
        every_fault_but_stopping(&mut state);
    } else {
        state.set_arriving([progress(Some(99_999))]);
        every_fault(&mut state);
    }
    state
}

fn left_unread(verdict: Verdict, missing: Vec<Missing>) -> DeviceState {
    let mut state = running();
    for key in ["a", "b", "c"] {
        let mut report = fresh(samples::partly_analysed());
        report.study = spinewatch::display::StudyName::new(key, report.study.started);
        report.assessment.verdict = verdict.clone();
        report.assessment.missing.clone_from(&missing);
        report.assessment.coverage.levels_seen.clear();
        state.report(report, NOW);
    }
    every_fault_but_stopping(&mut state);
    state
}

fn every_fault_but_stopping(state: &mut DeviceState) {
    every_fault(state);
    let none = Words::new("");
    state.clear_fault(&Fault::ModelRefused { reason: none.clone() }, NOW);
    state.clear_fault(&Fault::DiskFull { free_mib: 0 }, NOW);
    state.clear_fault(&Fault::ShareLost { reason: none, since: Since::new(NOW) }, NOW);
}

fn long_facts() -> ServiceFacts {
    let long = || Words::new(LONG);
    let address = |n: u32| Words::new(&format!("enp0s31f6 2001:db8:85a3:1234:5678:8a2e:370:733{n}"));
    ServiceFacts {
        version: long(),
        slot: Some(long()),
        serial: Some(Words::new("CN-0XYZ12-70821-4AB-00FF-A00-SERIAL-0123456789")),
        addresses: (0..6).map(address).collect(),
        last_error: Some(long()),
        share: long(),
        broker: long(),
        models: long(),
        update: Some(long()),
        up: Some(Duration::from_secs(400 * 86_400)),
        celsius: Some(-40.0),
    }
}

/// Every screen with the longest texts it can meet, by name.
pub fn states() -> Vec<(&'static str, DeviceState)> {
    let with = |change: &dyn Fn(&mut DeviceState)| {
        let mut state = running();
        change(&mut state);
        state
    };
    let gap = Gap { from_mm: 1234.5, to_mm: -1234.5, missing_slices: 4321 };
    let missing = vec![
        Missing::Levels { levels: vec![Level::C1, Level::C3, Level::C5, Level::C7] },
        Missing::Slices { gap },
        Missing::Count { expected: 99_999, arrived: 12_345 },
        Missing::Unreadable { slices: 999 },
        Missing::TimeLimit,
    ];
    let mut states = vec![
        ("suspected", many_alerts(false)),
        ("suspected-acknowledged", many_alerts(true)),
        ("partly-analysed", left_unread(Verdict::PartlyAnalysed { missing: missing.clone() }, missing)),
        ("not-analysed", left_unread(Verdict::NotAnalysed { why: LONG.to_owned() }, Vec::new())),
        ("degraded", with(&every_fault)),
        ("receiving", with(&|s| s.set_arriving((0..9).map(|_| progress(Some(99_999)))))),
        ("receiving without a count", with(&|s| s.set_arriving([progress(None)]))),
        (
            "updating",
            with(&|s| {
                s.phase = Phase::Updating {
                    what: Words::new(LONG),
                    step: Words::new("Checking the bundle"),
                    percent: Some(100),
                }
            }),
        ),
        ("startup-failed", with(&|s| s.phase = Phase::Failed { reason: Words::new(LONG) })),
        ("idle without a study", with(&|_| {})),
    ];
    states.push((
        "service",
        with(&|s| {
            every_fault_but_stopping(s);
            s.set_service(long_facts());
            s.press(Control::Service, NOW);
        }),
    ));
    states.push(("service without facts", with(&|s| s.press(Control::Service, NOW))));
    states.push((
        "starting",
        with(&|s| {
            let step = |outcome| SelfTest { name: Words::new("Golden cases of the fracture detector"), outcome };
            let outcomes = [Outcome::Passed, Outcome::Running, Outcome::Failed, Outcome::Waiting];
            s.phase = Phase::Starting { steps: outcomes.into_iter().cycle().take(8).map(step).collect() };
        }),
    ));
    states.push((
        "none-suspected",
        with(&|s| {
            let mut report = fresh(samples::none_suspected());
            report.assessment.coverage.slices_analysed = 99_999;
            s.report(report, NOW);
            every_fault_but_stopping(s);
        }),
    ));
    states.push((
        "idle",
        with(&|s| {
            for i in 0..12 {
                let key = format!("{i:04x}");
                s.report(old(samples::suspected(&key, &Level::ALL, false, 0)), NOW);
                s.acknowledge(&key, LONG_NAME, NOW);
                s.retire_alert(&key);
            }
        }),
    ));
    states.push(("stale", with(&|s| s.beat(Duration::ZERO))));
    states.push((
        "one fault of each kind alone",
        with(&|s| s.set_fault(Fault::FilesRefused { files: 1, reason: Words::new(LONG) }, NOW)),
    ));
    states
}
