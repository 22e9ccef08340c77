//! What the broker knows: sessions, subscriptions, retained messages, wills. Pure but for the outlets it sends to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use rumqttc::mqttbytes::v5::{
    LastWill, Packet, Publish, PublishProperties, RetainForwardRule, SubscribeFilter, SubscribeReasonCode,
};
use rumqttc::mqttbytes::{QoS, matches, valid_filter};
use tokio::sync::mpsc;

/// Messages that wait for a client that is away; the oldest go first.
const MAX_WAITING: usize = 10_000;

/// Where a connected client's packets go.
pub struct Outlet {
    /// Number of the connection.
    pub number: u64,
    /// To its writer.
    pub packets: mpsc::Sender<Packet>,
}

/// What a CONNECT asks for.
pub struct Opening {
    pub clean: bool,
    pub expiry: Duration,
    pub receive_max: u16,
    pub will: Option<LastWill>,
    pub outlet: Outlet,
}

/// A message and when it came.
#[derive(Clone)]
struct Kept {
    publish: Publish,
    since: Duration,
}

struct Session {
    outlet: Option<Outlet>,
    expiry: Duration,
    away_since: Option<Duration>,
    will: Option<LastWill>,
    filters: Vec<SubscribeFilter>,
    receive_max: u16,
    waiting: VecDeque<Kept>,
    unacknowledged: BTreeMap<u16, Kept>,
    last_id: u16,
}

/// All that the broker knows.
#[derive(Default)]
pub struct Hub {
    sessions: HashMap<String, Session>,
    retained: BTreeMap<String, Kept>,
    /// Client, when it is due, what is to be published.
    wills: Vec<(String, Duration, LastWill)>,
}

impl Hub {
    /// A client connects; true when its session was still there. A connection it already had is dropped.
    pub fn open(&mut self, client_id: &str, opening: Opening, now: Duration) -> bool {
        self.tick(now);
        self.wills.retain(|(client, ..)| client != client_id);
        if opening.clean {
            self.sessions.remove(client_id);
        }
        let present = self.sessions.contains_key(client_id);
        let session = self.sessions.entry(client_id.to_owned()).or_insert_with(Session::new);
        session.outlet = Some(opening.outlet);
        session.away_since = None;
        (session.expiry, session.receive_max, session.will) = (opening.expiry, opening.receive_max, opening.will);
        // What was not acknowledged goes first, in the order in which it was sent.
        let again = std::mem::take(&mut session.unacknowledged).into_values();
        session.waiting = again.chain(std::mem::take(&mut session.waiting)).collect();
        present
    }

    /// A connection has ended.
    pub fn close(&mut self, client_id: &str, connection: u64, farewell: bool, now: Duration) {
        let Some(session) = self.sessions.get_mut(client_id) else { return };
        if session.outlet.as_ref().is_none_or(|outlet| outlet.number != connection) {
            return;
        }
        session.outlet = None;
        session.away_since = Some(now);
        let will = session.will.take().filter(|_| !farewell);
        let expiry = session.expiry;
        if let Some(will) = will {
            let delay = will.properties.as_ref().and_then(|p| p.delay_interval).unwrap_or(0);
            self.wills.push((client_id.to_owned(), now + expiry.min(Duration::from_secs(delay.into())), will));
        }
        self.tick(now);
    }

    /// Publishes wills that are due, forgets sessions that have expired.
    pub fn tick(&mut self, now: Duration) {
        let (due, later): (Vec<_>, _) = std::mem::take(&mut self.wills).into_iter().partition(|(_, at, _)| *at <= now);
        self.wills = later;
        for (_, _, will) in due {
            self.publish(publish_of(will), now);
        }
        self.sessions.retain(|_, session| session.away_since.is_none_or(|since| since + session.expiry > now));
    }

    /// Keeps a retained message, and hands the message to every session that has subscribed to it.
    pub fn publish(&mut self, mut publish: Publish, now: Duration) {
        (publish.dup, publish.pkid) = (false, 0);
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        if publish.retain && publish.payload.is_empty() {
            self.retained.remove(&topic);
        } else if publish.retain {
            self.retained.insert(topic.clone(), Kept { publish: publish.clone(), since: now });
        }
        for session in self.sessions.values_mut() {
            let Some(filter) = session.filters.iter().filter(|f| matches(&topic, &f.path)).max_by_key(|f| f.qos as u8)
            else {
                continue;
            };
            let retain = publish.retain && filter.preserve_retain;
            let qos = lower(publish.qos, filter.qos);
            session.give(Kept { publish: Publish { retain, qos, ..publish.clone() }, since: now }, now);
        }
    }

    /// Takes up subscriptions, and sends the retained messages that match.
    pub fn subscribe(
        &mut self,
        client_id: &str,
        filters: Vec<SubscribeFilter>,
        now: Duration,
    ) -> Vec<SubscribeReasonCode> {
        let Some(session) = self.sessions.get_mut(client_id) else { return Vec::new() };
        let mut codes = Vec::new();
        for mut filter in filters {
            if !valid_filter(&filter.path) || filter.path.starts_with("$share/") {
                codes.push(SubscribeReasonCode::TopicFilterInvalid);
                continue;
            }
            filter.qos = lower(filter.qos, QoS::AtLeastOnce);
            codes.push(SubscribeReasonCode::Success(filter.qos));
            let known = session.filters.iter().any(|f| f.path == filter.path);
            session.filters.retain(|f| f.path != filter.path);
            let wanted = match filter.retain_forward_rule {
                RetainForwardRule::OnEverySubscribe => true,
                RetainForwardRule::OnNewSubscribe => !known,
                RetainForwardRule::Never => false,
            };
            for (_, kept) in self.retained.iter().filter(|(topic, _)| wanted && matches(topic, &filter.path)) {
                let qos = lower(kept.publish.qos, filter.qos);
                let publish = Publish { retain: true, qos, ..kept.publish.clone() };
                session.give(Kept { publish, since: kept.since }, now);
            }
            session.filters.push(filter);
        }
        codes
    }

    /// Drops subscriptions.
    pub fn unsubscribe(&mut self, client_id: &str, filters: &[String]) {
        if let Some(session) = self.sessions.get_mut(client_id) {
            session.filters.retain(|filter| !filters.contains(&filter.path));
        }
    }

    /// A client has taken a message.
    pub fn acknowledged(&mut self, client_id: &str, id: u16, now: Duration) {
        if let Some(session) = self.sessions.get_mut(client_id) {
            session.unacknowledged.remove(&id);
            session.pump(now);
        }
    }

    /// Sends what waits, as far as the client allows.
    pub fn pump(&mut self, client_id: &str, now: Duration) {
        if let Some(session) = self.sessions.get_mut(client_id) {
            session.pump(now);
        }
    }
}

impl Session {
    const fn new() -> Self {
        Self {
            outlet: None,
            expiry: Duration::ZERO,
            away_since: None,
            will: None,
            filters: Vec::new(),
            receive_max: u16::MAX,
            waiting: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            last_id: 0,
        }
    }

    fn give(&mut self, kept: Kept, now: Duration) {
        if kept.publish.qos == QoS::AtMostOnce && self.outlet.is_none() {
            return;
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(kept);
        self.pump(now);
    }

    fn pump(&mut self, now: Duration) {
        let Some(outlet) = &self.outlet else { return };
        while self.unacknowledged.len() < usize::from(self.receive_max) {
            let Some(kept) = self.waiting.pop_front() else { return };
            let Some(mut publish) = unexpired(&kept, now) else { continue };
            if publish.qos == QoS::AtLeastOnce {
                self.last_id = free_id(self.last_id, &self.unacknowledged);
                publish.pkid = self.last_id;
                self.unacknowledged.insert(publish.pkid, kept);
            }
            // A full or closed outlet belongs to a client that is gone or hangs: QoS 1 waits for its return.
            let _ = outlet.packets.try_send(Packet::Publish(publish));
        }
    }
}

fn free_id(last: u16, taken: &BTreeMap<u16, Kept>) -> u16 {
    let mut id = last;
    loop {
        id = id.checked_add(1).unwrap_or(1);
        if !taken.contains_key(&id) {
            return id;
        }
    }
}

/// The message with what is left of its expiry; `None` when nothing is.
fn unexpired(kept: &Kept, now: Duration) -> Option<Publish> {
    let mut publish = kept.publish.clone();
    if let Some(expiry) = publish.properties.as_mut().and_then(|p| p.message_expiry_interval.as_mut()) {
        let waited = u32::try_from(now.saturating_sub(kept.since).as_secs()).unwrap_or(u32::MAX);
        *expiry = expiry.checked_sub(waited).filter(|left| *left > 0)?;
    }
    Some(publish)
}

fn publish_of(will: LastWill) -> Publish {
    let given = will.properties;
    let properties = given.map(|p| PublishProperties {
        payload_format_indicator: p.payload_format_indicator,
        message_expiry_interval: p.message_expiry_interval,
        response_topic: p.response_topic,
        correlation_data: p.correlation_data,
        user_properties: p.user_properties,
        content_type: p.content_type,
        ..PublishProperties::default()
    });
    let (qos, retain) = (lower(will.qos, QoS::AtLeastOnce), will.retain);
    Publish { dup: false, qos, retain, topic: will.topic, pkid: 0, payload: will.message, properties }
}

fn lower(a: QoS, b: QoS) -> QoS {
    if (a as u8) < (b as u8) { a } else { b }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Connects a client that subscribes to everything; its packets.
    fn client(hub: &mut Hub, name: &str, number: u64, opening: impl FnOnce(&mut Opening)) -> mpsc::Receiver<Packet> {
        let (packets, receiver) = mpsc::channel(100);
        let outlet = Outlet { number, packets };
        let mut wish = Opening { clean: false, expiry: secs(60), receive_max: 10, will: None, outlet };
        opening(&mut wish);
        hub.open(name, wish, secs(0));
        hub.subscribe(name, vec![SubscribeFilter::new("#", QoS::AtLeastOnce)], secs(0));
        receiver
    }

    fn message(topic: &str, retain: bool, expiry: Option<u32>) -> Publish {
        let properties = PublishProperties {
            message_expiry_interval: expiry,
            user_properties: vec![("id".into(), topic.into())],
            content_type: Some("application/json".into()),
            ..PublishProperties::default()
        };
        Publish { retain, ..Publish::new(topic, QoS::AtLeastOnce, "x", Some(properties)) }
    }

    fn drain(packets: &mut mpsc::Receiver<Packet>) -> Vec<Publish> {
        std::iter::from_fn(|| packets.try_recv().ok())
            .map(|packet| match packet {
                Packet::Publish(publish) => publish,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn expiries(packets: &mut mpsc::Receiver<Packet>) -> Vec<Option<u32>> {
        drain(packets).iter().map(|p| p.properties.as_ref().unwrap().message_expiry_interval).collect()
    }

    #[test]
    fn properties_arrive_as_they_were_sent() {
        let mut hub = Hub::default();
        let mut packets = client(&mut hub, "c", 1, |_| {});
        hub.publish(message("t", false, Some(60)), secs(1));
        let [arrived] = &drain(&mut packets)[..] else { panic!("one") };
        assert_eq!(arrived.properties, message("t", false, Some(60)).properties);
        assert!(arrived.pkid > 0 && !arrived.retain);
    }

    #[test]
    fn a_retained_message_counts_its_expiry_down_and_then_is_gone() {
        let mut hub = Hub::default();
        hub.publish(message("t", true, Some(60)), secs(0));
        hub.publish(message("old", true, Some(60)), secs(0));
        hub.publish(Publish { payload: "".into(), ..message("old", true, None) }, secs(0));
        let mut early = client(&mut hub, "early", 1, |_| {});
        assert_eq!(expiries(&mut early), [Some(60)], "the empty one has removed `old`");
        hub.subscribe("early", vec![SubscribeFilter::new("#", QoS::AtLeastOnce)], secs(45));
        assert_eq!(expiries(&mut early), [Some(15)]);
        hub.subscribe("early", vec![SubscribeFilter::new("#", QoS::AtLeastOnce)], secs(60));
        assert!(drain(&mut early).is_empty());
    }

    #[test]
    fn what_came_while_a_client_was_away_arrives_later_unless_it_expired() {
        let mut hub = Hub::default();
        let packets = client(&mut hub, "c", 1, |_| {});
        hub.close("c", 1, true, secs(10));
        drop(packets);
        hub.publish(message("short", false, Some(5)), secs(20));
        hub.publish(message("long", false, Some(50)), secs(20));
        hub.publish(Publish { qos: QoS::AtMostOnce, ..message("once", false, None) }, secs(20));
        let (sender, mut packets) = mpsc::channel(10);
        let outlet = Outlet { number: 2, packets: sender };
        let wish = Opening { clean: false, expiry: secs(60), receive_max: 10, will: None, outlet };
        assert!(hub.open("c", wish, secs(30)), "the session was kept");
        hub.pump("c", secs(30));
        assert_eq!(expiries(&mut packets), [Some(40)]);
    }

    #[test]
    fn a_session_ends_with_its_expiry() {
        let mut hub = Hub::default();
        let _packets = client(&mut hub, "c", 1, |_| {});
        hub.close("c", 1, true, secs(10));
        hub.tick(secs(69));
        assert!(hub.sessions.contains_key("c"));
        hub.tick(secs(70));
        assert!(!hub.sessions.contains_key("c"));
    }

    #[test]
    fn what_was_not_acknowledged_comes_again_and_never_more_at_a_time_than_the_client_wants() {
        let mut hub = Hub::default();
        let mut packets = client(&mut hub, "c", 1, |opening| opening.receive_max = 2);
        (0..5).for_each(|n| hub.publish(message(&format!("t/{n}"), false, None), secs(1)));
        let first = drain(&mut packets);
        assert_eq!(first.len(), 2);
        hub.acknowledged("c", first[0].pkid, secs(1));
        let second = drain(&mut packets);
        assert_eq!(second.len(), 1);
        assert_ne!(second[0].pkid, first[1].pkid);
        hub.close("c", 1, false, secs(2));
        let (sender, mut packets) = mpsc::channel(10);
        let outlet = Outlet { number: 2, packets: sender };
        hub.open("c", Opening { clean: false, expiry: secs(60), receive_max: 10, will: None, outlet }, secs(3));
        hub.pump("c", secs(3));
        let topics: Vec<_> = drain(&mut packets).iter().map(|p| String::from_utf8(p.topic.to_vec()).unwrap()).collect();
        assert_eq!(topics, ["t/1", "t/2", "t/3", "t/4"]);
    }

    #[test]
    fn a_will_is_published_after_its_delay_unless_the_client_returns_or_said_farewell() {
        for (farewell, returns, published) in [(false, false, true), (true, false, false), (false, true, false)] {
            let mut hub = Hub::default();
            let mut watcher = client(&mut hub, "watcher", 1, |_| {});
            let will = LastWill::new("status", "offline", QoS::AtLeastOnce, true, None);
            let properties = rumqttc::mqttbytes::v5::LastWillProperties {
                delay_interval: Some(5),
                payload_format_indicator: None,
                message_expiry_interval: None,
                content_type: None,
                response_topic: None,
                correlation_data: None,
                user_properties: vec![("id".into(), "w".into())],
            };
            let will = LastWill { properties: Some(properties), ..will };
            let _device = client(&mut hub, "device", 2, |opening| opening.will = Some(will));
            hub.close("device", 2, farewell, secs(10));
            hub.tick(secs(14));
            assert!(drain(&mut watcher).is_empty(), "not yet");
            let _again = returns.then(|| client(&mut hub, "device", 3, |_| {}));
            hub.tick(secs(15));
            let arrived = drain(&mut watcher);
            assert_eq!(arrived.len(), usize::from(published));
            let user = arrived.first().map(|p| p.properties.as_ref().unwrap().user_properties.clone());
            assert_eq!(user, published.then(|| vec![("id".to_owned(), "w".to_owned())]));
            assert_eq!(hub.retained.len(), usize::from(published));
        }
    }

    #[test]
    fn a_second_connection_of_a_client_ends_the_first_and_its_end_changes_nothing() {
        let mut hub = Hub::default();
        let mut first = client(&mut hub, "c", 1, |_| {});
        let mut second = client(&mut hub, "c", 2, |_| {});
        assert!(matches!(first.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        hub.close("c", 1, false, secs(1));
        hub.publish(message("t", false, None), secs(2));
        assert_eq!(drain(&mut second).len(), 1);
    }
}
