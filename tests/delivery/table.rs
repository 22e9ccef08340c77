//! The faults of a broker, each injected a few times into a device at work, and what a clinic and the screen saw of it.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rumqttc::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason, SubscribeReasonCode};
use spinewatch::publish::{Cause, LinkState, Trouble};
use spinewatch::store::Keys;
use spinewatch::triage::Level;
use tokio::sync::watch;

use super::device::{Device, none_suspected, patiently, suspected, until};
use super::faulty_broker::{FaultyBroker, Mode};
use super::tally::{Clinic, Tally};

/// A fault, and the code that screen and health must say for it; `None` where nothing is wrong in the device's eyes.
struct Fault {
    name: &'static str,
    mode: Mode,
    code: Option<Cause>,
}

/// What came of a fault.
struct Row {
    name: &'static str,
    code: Option<Cause>,
    injected: usize,
    tally: Tally,
    /// From the begin of the fault, with messages waiting, to its code; the longest.
    shown: Duration,
    /// From the end of the fault to the first message that came after it; the longest.
    blind: Duration,
}

const fn fault(name: &'static str, mode: Mode, code: Cause) -> Fault {
    Fault { name, mode, code: Some(code) }
}

fn faults() -> Vec<Fault> {
    use Mode::{Announces, Cuts, Disconnects, Down, HangsUpOver, Mute, RefusesConnect, RefusesPublish, SessionLost};
    vec![
        fault("down", Down, Cause::ConnectionRefused),
        fault("restarted without its session", SessionLost, Cause::ConnectionLost),
        fault("half-open: takes connections, says nothing", Mode::Silent, Cause::NoAnswer),
        fault("acknowledges nothing", Mute, Cause::NotAcknowledged),
        Fault { name: "slow: acknowledges after 100 ms", mode: Mode::Slow(Duration::from_millis(100)), code: None },
        fault("cut between message and acknowledgement", Cuts, Cause::ConnectionLost),
        fault(
            "refuses user name or password",
            RefusesConnect(ConnectReturnCode::BadUserNamePassword),
            Cause::BadCredentials,
        ),
        fault("does not authorize the device", RefusesConnect(ConnectReturnCode::NotAuthorized), Cause::NotAuthorized),
        fault("busy", RefusesConnect(ConnectReturnCode::ServerBusy), Cause::ServerBusy),
        fault("has banned the device", RefusesConnect(ConnectReturnCode::Banned), Cause::Banned),
        fault("quota reached, on connect", RefusesConnect(ConnectReturnCode::QuotaExceeded), Cause::QuotaExceeded),
        fault("rejects by its access list", RefusesPublish(PubAckReason::NotAuthorized), Cause::NotAuthorized),
        fault("quota reached, on publish", RefusesPublish(PubAckReason::QuotaExceeded), Cause::QuotaExceeded),
        fault("packet too large, by its CONNACK", Announces(1000), Cause::PacketTooLarge),
        fault("packet too large, by DISCONNECT", HangsUpOver(700), Cause::PacketTooLarge),
        fault("shuts down", Disconnects(DisconnectReasonCode::ServerShuttingDown), Cause::ServerShuttingDown),
        fault(
            "another device with this name",
            Disconnects(DisconnectReasonCode::SessionTakenOver),
            Cause::SessionTakenOver,
        ),
        fault("keep alive timed out", Disconnects(DisconnectReasonCode::KeepAliveTimeout), Cause::KeepAliveTimeout),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_broker_loses_doubles_or_disorders_and_each_is_shown_by_its_code() {
    let times = std::env::var("SPINEWATCH_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let runs = futures_util::stream::iter(faults()).map(|fault| tokio::spawn(inject(fault, times)));
    let rows: Vec<Row> = runs.buffered(6).map(Result::unwrap).collect().await;
    print(&rows);
    for row in &rows {
        let Tally { lost, doubled, out_of_order, .. } = row.tally;
        assert_eq!((lost, doubled, out_of_order), (0, 0, 0), "{}", row.name);
        assert_eq!(row.injected, times);
    }
}

#[tokio::test]
async fn a_broker_that_refuses_the_subscription_is_said_and_alerts_still_pass() {
    let broker = FaultyBroker::start().await;
    broker.set(Mode::RefusesSubscribe(SubscribeReasonCode::NotAuthorized));
    let clinic = Clinic::listen(broker.behind()).await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&[Level::C2]));
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    let link = patiently("the word", link.wait_for(|link| link.acks_refused.is_some())).await.unwrap().clone();
    assert_eq!((link.online, link.acks_refused.unwrap().cause), (true, Cause::NotAuthorized));
    until("alert and verdict", || clinic.topics().len() == 2).await;
    until("an empty outbox", || device.waiting() == 0).await;
}

/// A device at work: studies that are revised before, during and after each fault, over real TCP, from a real store.
async fn inject(fault: Fault, times: usize) -> Row {
    let broker = FaultyBroker::start().await;
    let clinic = Clinic::listen(broker.behind()).await;
    let mut device = Device::new(broker.url());
    device.settings.limits.revive = Duration::from_millis(100);
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    let (mut shown, mut blind) = (Duration::ZERO, Duration::ZERO);
    let mut studies = vec!["long".to_owned()];
    for n in 0..times {
        patiently("online", link.wait_for(|link| link.online)).await.unwrap();
        let study = format!("study {n}");
        device.commit("long", suspected(&[Level::ALL[n % 7]]));
        until("delivery", || device.waiting() == 0).await;

        let losses = link.borrow().losses;
        broker.set(fault.mode);
        let began = Instant::now();
        for verdict in [suspected(&[Level::C2]), none_suspected(), suspected(&Level::ALL)] {
            device.commit(&study, verdict.clone());
        }
        device.commit("long", none_suspected());
        says(&device, &mut link, &fault, losses).await;
        shown = shown.max(began.elapsed());
        if matches!(fault.mode, Mode::Announces(_)) {
            // What a broker has said in its CONNACK holds until the next.
            let losses = link.borrow().losses;
            broker.set(Mode::SessionLost);
            patiently("a cut", link.wait_for(|link| link.losses > losses)).await.unwrap();
        }
        broker.set(Mode::Well);
        let ended = Instant::now();
        device.commit(&study, none_suspected());
        until(&format!("an empty outbox after `{}`", fault.name), || {
            device.store.queue_depth().unwrap() == Default::default()
        })
        .await;
        until("the first message", || clinic.first_after(ended).is_some()).await;
        blind = blind.max(clinic.first_after(ended).unwrap());
        studies.push(study);
    }
    let keys = Keys::from_secret([5; 32]);
    until("the last message", || clinic.tally(&device.store, &keys, &studies).lost == 0).await;
    Row {
        name: fault.name,
        code: fault.code,
        injected: times,
        tally: clinic.tally(&device.store, &keys, &studies),
        shown,
        blind,
    }
}

/// As health and screen get it: from the link's state and the outbox. The fault before may have had the same code.
async fn says(device: &Device, link: &mut watch::Receiver<LinkState>, fault: &Fault, before: u32) {
    let Some(code) = fault.code else { return };
    let refuses = matches!(fault.mode, Mode::RefusesPublish(_) | Mode::Announces(_) | Mode::HangsUpOver(_));
    let is = |trouble: &Option<Trouble>| trouble.as_ref().is_some_and(|trouble| trouble.cause == code);
    let what = format!("{} of `{}`", code.code(), fault.name);
    until(&what, || {
        let link = link.borrow_and_update();
        if refuses {
            is(&link.refused) && device.store.queue_depth().unwrap().refused > 0
        } else {
            is(&link.trouble) && link.losses > before
        }
    })
    .await;
}

fn print(rows: &[Row]) {
    println!(
        "\n{:<44} {:<20} {:>8} {:>5} {:>7} {:>12} {:>10} {:>5} {:>8} {:>8}",
        "fault", "code", "injected", "lost", "doubled", "out of order", "superseded", "again", "shown ms", "blind ms"
    );
    for Row { name, code, injected, tally, shown, blind } in rows {
        let Tally { lost, doubled, out_of_order, superseded, again } = tally;
        let code = code.map_or("-", Cause::code);
        let shown = if code == "-" { "-".to_owned() } else { shown.as_millis().to_string() };
        println!(
            "{name:<44} {code:<20} {injected:>8} {lost:>5} {doubled:>7} {out_of_order:>12} {superseded:>10} {again:>5} {shown:>8} {:>8}",
            blind.as_millis()
        );
    }
    println!(
        "\nlost: neither it nor a newer revision of its topic came. doubled: handed on twice by a consumer that knows event ids.\n\
         superseded: given up, and a newer revision came. again: came twice, and was passed over by its id.\n\
         shown: from the begin of the fault to its code on screen and in health; blind: from its end to the first message; the longest."
    );
}
