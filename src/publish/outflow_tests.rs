//! The core of the publisher as values in, values out; no socket, no clock, no store.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::cause::Cause;
use super::limits::Limits;
use super::outflow::{Command, Event, Outflow, STATUS_PREFIX, too_large};
use crate::store::{MessagePriority, MessageProperties, OutboxMessage, OutboxRow};

const LOST: Event = Event::Lost(Cause::ConnectionLost);
const CONNECTED: Event = Event::Connected { max_packet_bytes: None, receive_max: None };

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn row(id: &str) -> (OutboxRow, usize) {
    let message = OutboxMessage {
        event_id: id.into(),
        topic: format!("t/{id}"),
        payload: vec![],
        properties: MessageProperties::default(),
        retain: false,
        expiry_secs: None,
        priority: MessagePriority::Verdict,
    };
    (OutboxRow { message, attempts: 0 }, 500)
}

fn rows(ids: &[&str]) -> Event {
    Event::Rows(ids.iter().map(|id| row(id)).collect())
}

fn sent(commands: &[Command]) -> Vec<&str> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Send(row) => Some(row.message.event_id.as_str()),
            _ => None,
        })
        .collect()
}

/// The limit and the held ids of the one fetch among the commands.
fn fetch(commands: &[Command]) -> Option<(usize, Vec<&str>)> {
    commands.iter().find_map(|command| match command {
        Command::Fetch { limit, held } => Some((*limit, held.iter().map(String::as_str).collect())),
        _ => None,
    })
}

fn acknowledged(id: &str) -> Event {
    Event::Acknowledged(id.into())
}

/// Online since `now`, the birth acknowledged.
fn online(now: Duration) -> Outflow {
    let mut outflow = Outflow::new(Limits::default(), 7);
    assert_eq!(outflow.on(Event::Tick, now), [Command::Connect]);
    let commands = outflow.on(CONNECTED, now);
    assert_eq!(commands[0], Command::SendStatus(format!("{STATUS_PREFIX}1")), "the birth comes first");
    assert_eq!(fetch(&commands), Some((8, vec![])));
    outflow.on(acknowledged("status-1"), now);
    outflow
}

/// Ticks at every deadline until the core connects again; returns when.
fn reconnect(outflow: &mut Outflow) -> Duration {
    let due = outflow.deadline().unwrap();
    assert!(outflow.on(Event::Tick, due).contains(&Command::Connect));
    outflow.on(CONNECTED, due);
    due
}

#[test]
fn a_row_leaves_the_outbox_only_after_its_acknowledgement() {
    let mut outflow = online(secs(0));
    assert_eq!(sent(&outflow.on(rows(&["a", "b"]), secs(1))), ["a", "b"]);
    let commands = outflow.on(acknowledged("a"), secs(2));
    assert_eq!(fetch(&commands), Some((7, vec!["b", "a"])), "neither is fetched again meanwhile");
    let due = outflow.deadline().unwrap();
    assert!(commands.len() == 1 && due < secs(3), "b's may come with it, but it does not wait for long");
    assert_eq!(outflow.on(Event::Tick, due), [Command::Delete(vec!["a".into()])]);
    assert_eq!(outflow.on(Event::Tick, due), [], "once");
    assert!(outflow.on(Event::Gone(vec!["a".into()]), secs(2)).iter().all(|c| !matches!(c, Command::Delete(_))));
}

#[test]
fn what_is_delivered_together_is_deleted_together() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a", "b"]), secs(1));
    outflow.on(acknowledged("a"), secs(1));
    let commands = outflow.on(acknowledged("b"), secs(1));
    assert_eq!(commands.last(), Some(&Command::Delete(vec!["a".into(), "b".into()])), "nothing more is coming");
}

#[test]
fn what_was_not_acknowledged_is_sent_again_after_a_loss() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a", "b"]), secs(1));
    assert_eq!(outflow.on(LOST, secs(2)), []);
    let due = outflow.deadline().unwrap();
    assert!(outflow.on(Event::Tick, due).contains(&Command::Connect));
    let commands = outflow.on(CONNECTED, due);
    assert_eq!(fetch(&commands), Some((1, vec![])), "and one by one, because one of them may be the cause");
    assert_eq!(sent(&outflow.on(rows(&["a"]), due)), ["a"]);
}

#[test]
fn no_acknowledgement_in_time_drops_the_link_and_builds_a_new_one() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a"]), secs(1));
    assert_eq!(outflow.deadline(), Some(secs(11)));
    assert_eq!(outflow.on(Event::Tick, secs(10)), []);
    assert_eq!(outflow.on(Event::Tick, secs(11)), [Command::Drop(Cause::NotAcknowledged)]);
    assert!(!outflow.is_online());
    reconnect(&mut outflow);
}

#[test]
fn a_birth_that_is_not_acknowledged_drops_the_link_too() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    outflow.on(Event::Tick, secs(0));
    outflow.on(CONNECTED, secs(0));
    assert!(matches!(outflow.on(Event::Tick, secs(10))[..], [Command::Drop(_)]));
}

#[test]
fn a_broker_that_never_answers_the_connect_is_given_up_and_tried_again() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    outflow.on(Event::Tick, secs(0));
    assert_eq!(outflow.on(Event::Tick, secs(10)), [Command::Drop(Cause::NoAnswer)]);
    reconnect(&mut outflow);
}

#[test]
fn attempts_to_connect_come_less_and_less_often_and_at_once_after_a_link_that_worked() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    let mut now = secs(0);
    let mut waits = vec![];
    for _ in 0..12 {
        outflow.on(Event::Tick, now);
        outflow.on(LOST, now);
        let due = outflow.deadline().unwrap();
        waits.push(due - now);
        now = due;
    }
    assert!(
        waits[0] <= Duration::from_millis(250) && waits[11] > secs(7) && waits.iter().all(|w| *w <= secs(15)),
        "{waits:?}"
    );
    outflow.on(Event::Tick, now);
    outflow.on(CONNECTED, now);
    outflow.on(rows(&["a"]), now);
    outflow.on(acknowledged("a"), now);
    outflow.on(LOST, now);
    assert!(outflow.deadline().unwrap() - now <= Duration::from_millis(250));
}

#[test]
fn a_connection_that_is_accepted_and_cut_at_once_does_not_make_a_storm() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    let mut now = secs(0);
    for _ in 0..10 {
        outflow.on(Event::Tick, now);
        outflow.on(CONNECTED, now);
        outflow.on(LOST, now);
        now = outflow.deadline().unwrap();
    }
    assert!(now > secs(30), "ten connections in {now:?}");
}

#[test]
fn a_refused_row_rests_and_others_pass() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a", "b"]), secs(1));
    let commands = outflow.on(Event::Refused("a".into(), Cause::QuotaExceeded.into()), secs(2));
    assert_eq!(commands[0], Command::Refuse("a".into(), Cause::QuotaExceeded.into()));
    assert_eq!(fetch(&commands), Some((7, vec!["b", "a"])), "held while it rests");
    outflow.on(acknowledged("b"), secs(2));
    outflow.on(Event::Gone(vec!["b".into()]), secs(2));
    assert_eq!(outflow.deadline(), Some(secs(3)));
    assert_eq!(fetch(&outflow.on(Event::Tick, secs(3))), Some((8, vec![])), "then it may go again");
    assert_eq!(outflow.deadline(), None, "and nothing ticks for it any more");
    assert_eq!(sent(&outflow.on(rows(&["a"]), secs(3))), ["a"]);
    outflow.on(Event::Refused("a".into(), Cause::QuotaExceeded.into()), secs(4));
    assert_eq!(outflow.deadline(), Some(secs(6)), "each time longer");
    let commands = outflow.on(Event::GivenUp("a".into()), secs(4));
    assert_eq!(fetch(&commands), Some((8, vec![])), "given up: what waited behind it in its topic may go");
}

#[test]
fn a_packet_over_the_brokers_limit_is_refused_here_and_never_sent() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    outflow.on(Event::Tick, secs(0));
    outflow.on(Event::Connected { max_packet_bytes: Some(499), receive_max: None }, secs(0));
    let commands = outflow.on(rows(&["a"]), secs(0));
    assert_eq!(commands[0], Command::Refuse("a".into(), too_large(500, 499)));
    assert_eq!(sent(&commands), Vec::<&str>::new());
}

#[test]
fn our_own_limit_holds_where_the_broker_has_none() {
    let mut outflow = online(secs(0));
    let (row, _) = row("a");
    let limit = Limits::default().max_packet_bytes;
    let commands = outflow.on(Event::Rows(vec![(row, limit + 1)]), secs(0));
    assert_eq!(commands[0], Command::Refuse("a".into(), too_large(limit + 1, limit)));
}

#[test]
fn the_brokers_receive_maximum_is_kept() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    outflow.on(Event::Tick, secs(0));
    let commands = outflow.on(Event::Connected { max_packet_bytes: None, receive_max: Some(2) }, secs(0));
    assert_eq!(fetch(&commands).unwrap().0, 2);
    assert_eq!(sent(&outflow.on(rows(&["a", "b", "c"]), secs(0))), ["a", "b"]);
}

#[test]
fn a_message_on_which_the_broker_hangs_up_does_not_hold_up_the_others() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["poison", "b", "c"]), secs(1));
    outflow.on(LOST, secs(1));
    let now = reconnect(&mut outflow);
    outflow.on(acknowledged("status-2"), now);
    // Alone, on a link that works: the next loss is its own.
    assert_eq!(sent(&outflow.on(rows(&["poison"]), now)), ["poison"]);
    outflow.on(LOST, now);
    let due = outflow.deadline().unwrap();
    assert!(outflow.on(Event::Tick, due).contains(&Command::Connect));
    assert_eq!(fetch(&outflow.on(CONNECTED, due)), Some((1, vec!["poison"])), "it rests, the others go");
    outflow.on(rows(&["b"]), due);
    let commands = outflow.on(acknowledged("b"), due);
    assert_eq!(fetch(&commands).unwrap().0, 1, "still one by one: all that were in flight are suspects");
}

#[test]
fn a_message_that_the_broker_blames_for_hanging_up_is_refused() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["large", "b"]), secs(1));
    assert!(outflow.on(Event::Lost(Cause::PacketTooLarge), secs(1)).is_empty(), "which of the two is not known");
    let now = reconnect(&mut outflow);
    outflow.on(acknowledged("status-2"), now);
    outflow.on(rows(&["large"]), now);
    let commands = outflow.on(Event::Lost(Cause::PacketTooLarge), now);
    assert_eq!(commands, [Command::Refuse("large".into(), Cause::PacketTooLarge.into())]);
}

#[test]
fn a_message_that_is_blamed_for_each_loss_gets_no_new_life_by_them() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["large"]), secs(1));
    outflow.on(Event::Lost(Cause::PacketTooLarge), secs(1));
    outflow.on(Event::GivenUp("large".into()), secs(1));
    let due = outflow.deadline().unwrap();
    outflow.on(Event::Tick, due);
    assert!(!outflow.on(CONNECTED, due).contains(&Command::Revive));
    outflow.on(LOST, due);
    let due = outflow.deadline().unwrap();
    outflow.on(Event::Tick, due);
    assert!(outflow.on(CONNECTED, due).contains(&Command::Revive), "this loss was not its fault");
}

#[test]
fn a_link_that_does_not_last_and_brings_nothing_forward_is_tried_less_and_less_often() {
    let mut outflow = online(secs(0));
    let (mut now, mut waits) = (secs(0), Vec::new());
    for n in 2..10 {
        outflow.on(LOST, now);
        let lost = now;
        now = reconnect(&mut outflow);
        waits.push(now - lost);
        outflow.on(acknowledged(&format!("status-{n}")), now);
    }
    let longest = Limits::default().reconnect.1;
    assert!(waits[0] < secs(1) && waits[7] >= longest / 2, "{waits:?}");
    outflow.on(LOST, now + longest);
    assert!(reconnect(&mut outflow) - now - longest < secs(1), "it had lasted");
}

#[test]
fn two_devices_with_one_name_do_not_throw_each_other_out_as_fast_as_they_can() {
    let mut outflow = online(secs(0));
    outflow.on(Event::Lost(Cause::SessionTakenOver), secs(1));
    assert!(outflow.deadline().unwrap() >= secs(1) + Limits::default().reconnect.1 / 2);
}

#[test]
fn a_dead_network_is_not_held_against_a_message() {
    let mut outflow = Outflow::new(Limits::default(), 7);
    outflow.on(Event::Tick, secs(0));
    outflow.on(CONNECTED, secs(0));
    for _ in 0..5 {
        // Alone in flight, but nothing was acknowledged on this link: its end says nothing about the row.
        assert_eq!(sent(&outflow.on(rows(&["a"]), outflow.deadline().unwrap() - secs(9))), ["a"]);
        outflow.on(LOST, outflow.deadline().unwrap() - secs(9));
        reconnect(&mut outflow);
    }
}

/// Attempts in 24 simulated hours, each failing `after` it began.
fn a_day_without_a_broker(cause: Cause, after: Duration) -> (Outflow, u64) {
    let day = Duration::from_secs(24 * 3600);
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a", "b"]), secs(1));
    outflow.on(LOST, secs(1));
    let mut attempts = 0;
    while let Some(due) = outflow.deadline().filter(|due| *due < day) {
        for command in outflow.on(Event::Tick, due) {
            match command {
                Command::Connect => attempts += 1,
                Command::Drop(_) => {}
                other => panic!("nothing else is to be done without a broker: {other:?}"),
            }
        }
        if matches!(outflow.on(Event::Committed, due)[..], []) && after.is_zero() {
            outflow.on(Event::Lost(cause), due);
        }
    }
    (outflow, attempts)
}

#[test]
fn a_day_without_a_broker_costs_an_attempt_each_ten_seconds_and_then_everything_goes() {
    for (cause, after, expected) in
        [(Cause::ConnectionRefused, secs(0), 5_760..=11_530), (Cause::NoAnswer, secs(10), 3_456..=4_950)]
    {
        let (mut outflow, attempts) = a_day_without_a_broker(cause, after);
        assert!(expected.contains(&attempts), "{cause:?}: {attempts} attempts");
        let mut due = outflow.deadline().unwrap();
        while !outflow.on(Event::Tick, due).contains(&Command::Connect) {
            due = outflow.deadline().unwrap();
        }
        assert_eq!(fetch(&outflow.on(CONNECTED, due)), Some((1, vec![])), "nothing is held back");
        assert_eq!(sent(&outflow.on(rows(&["a"]), due)), ["a"]);
    }
}

#[test]
fn a_store_that_fails_is_asked_again_and_a_delivered_row_is_deleted_then() {
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a"]), secs(1));
    outflow.on(acknowledged("a"), secs(2));
    outflow.on(Event::StoreFailed, secs(2));
    assert_eq!(outflow.on(Event::Committed, secs(2)), [], "it rests");
    assert_eq!(outflow.deadline(), Some(secs(3)));
    let commands = outflow.on(Event::Tick, secs(3));
    assert_eq!(commands[0], Command::Delete(vec!["a".into()]));
    assert_eq!(fetch(&commands), Some((8, vec!["a"])), "and is not sent again meanwhile");
}

#[test]
fn a_status_change_is_published_when_online_and_at_birth_otherwise() {
    let mut outflow = online(secs(0));
    assert_eq!(outflow.on(Event::StatusChanged, secs(1))[0], Command::SendStatus("status-2".into()));
    outflow.on(LOST, secs(1));
    assert_eq!(outflow.on(Event::StatusChanged, secs(1)), []);
    let due = outflow.deadline().unwrap();
    outflow.on(Event::Tick, due);
    assert_eq!(outflow.on(CONNECTED, due)[0], Command::SendStatus("status-3".into()));
}

#[test]
fn what_was_given_up_gets_another_life_in_time_and_after_a_connect() {
    let revive = Limits::default().revive;
    let mut outflow = online(secs(0));
    outflow.on(rows(&["a"]), secs(1));
    outflow.on(Event::GivenUp("a".into()), secs(1));
    outflow.on(Event::Rows(vec![]), secs(1));
    outflow.on(Event::Gone(vec!["a".into()]), secs(1));
    let due = secs(1) + revive;
    outflow.on(acknowledged("a"), secs(2));
    assert_eq!(outflow.deadline(), Some(due));
    assert!(outflow.on(Event::Tick, due).contains(&Command::Revive));
    assert!(outflow.on(Event::StoreFailed, due).is_empty());
    assert!(outflow.on(Event::Tick, due + revive).contains(&Command::Revive), "asked again when the store failed");
    assert!(fetch(&outflow.on(Event::Revived, due + revive)).is_some());

    outflow.on(Event::GivenUp("b".into()), due + revive);
    outflow.on(LOST, due + revive);
    let connect = outflow.deadline().unwrap();
    assert!(outflow.on(Event::Tick, connect).contains(&Command::Connect));
    assert!(outflow.on(CONNECTED, connect).contains(&Command::Revive), "the broker may have been repaired");
}

#[test]
fn nothing_to_do_means_no_timer() {
    let mut outflow = online(secs(0));
    outflow.on(Event::Rows(vec![]), secs(0));
    assert_eq!(outflow.deadline(), None, "an idle publisher does not wake");
}

/// A broker and a store as simple as can be, to play random games against the core.
#[derive(Default)]
struct World {
    outbox: Vec<String>,
    on_the_wire: Vec<String>,
    delivered: BTreeMap<String, u32>,
    store_fails: bool,
}

impl World {
    fn play(&mut self, outflow: &mut Outflow, event: Event, now: Duration) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for command in outflow.on(event, now) {
                match command {
                    Command::Connect | Command::Drop(_) => self.on_the_wire.clear(),
                    Command::SendStatus(id) => self.on_the_wire.push(id),
                    Command::Send(row) => self.on_the_wire.push(row.message.event_id),
                    Command::Fetch { .. } | Command::Delete(_) if self.store_fails => events.push(Event::StoreFailed),
                    Command::Fetch { limit, held } => {
                        let ids: Vec<_> =
                            self.outbox.iter().filter(|id| !held.contains(id)).take(limit).cloned().collect();
                        events.push(Event::Rows(ids.iter().map(|id| row(id)).collect()));
                    }
                    Command::Delete(ids) => {
                        assert!(
                            ids.iter().all(|id| self.delivered.contains_key(id)),
                            "deleted before it was acknowledged"
                        );
                        self.outbox.retain(|row| !ids.contains(row));
                        events.push(Event::Gone(ids));
                    }
                    Command::Refuse(..) | Command::Revive => {}
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the network, the broker and the store do: once they behave, every row arrives and leaves the outbox.
    #[test]
    fn nothing_is_lost_and_nothing_stays(games in prop::collection::vec(0..10_u8, 0..200), seed: u64) {
        let mut outflow = Outflow::new(Limits::default(), seed);
        let mut world = World::default();
        let mut now = secs(0);
        let mut count = 0;
        let mut peace = [0, 4].repeat(200);
        for game in games.into_iter().chain([9]).chain(peace.drain(..)) {
            now += Duration::from_millis(200);
            let event = match game {
                0 => {
                    now = now.max(outflow.deadline().unwrap_or(now));
                    world.play(&mut outflow, Event::Tick, now);
                    if outflow.is_online() || outflow.deadline().is_none() { continue }
                    CONNECTED
                }
                1 => { count += 1; world.outbox.push(format!("row-{count}")); Event::Committed }
                2 => { world.on_the_wire.clear(); LOST }
                3..=5 => {
                    if world.on_the_wire.is_empty() { continue }
                    let id = world.on_the_wire.remove(0);
                    *world.delivered.entry(id.clone()).or_default() += 1;
                    Event::Acknowledged(id)
                }
                6 => {
                    if world.on_the_wire.is_empty() { continue }
                    Event::Refused(world.on_the_wire.remove(0), Cause::Refused.into())
                }
                7 => { world.store_fails = true; continue }
                8 => Event::Tick,
                _ => { world.store_fails = false; continue }
            };
            world.play(&mut outflow, event, now);
        }
        prop_assert!(world.outbox.is_empty(), "left: {:?}", world.outbox);
        for n in 1..=count {
            let id = format!("row-{n}");
            prop_assert!(world.delivered.contains_key(&id), "never arrived");
        }
    }
}
