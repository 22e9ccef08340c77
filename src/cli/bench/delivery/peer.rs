//! Their side: mosquitto_pub reads lines and publishes each, mosquitto_sub prints what comes with the time of arrival.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::broker::program;
use super::{PATIENCE, Way, at_pace};
use crate::cli::bench::clock::ms;
use crate::publish::BrokerUrl;

const TOPIC: &str = "bench/mosquitto";

/// Both clients, each with one connection for the whole run.
pub struct MosquittoClients {
    name: String,
    publisher: Child,
    input: ChildStdin,
    subscriber: Child,
    /// When the subscriber had a message, by its own clock, and the message: time of sending, then padding.
    lines: mpsc::Receiver<String>,
    padding: String,
}

impl MosquittoClients {
    /// Starts both, and waits until a message passes.
    ///
    /// # Errors
    /// When one is not installed, or nothing passes.
    pub fn start(url: &BrokerUrl, payload_bytes: usize) -> anyhow::Result<Self> {
        let find = |name| program(name).with_context(|| format!("there is no {name}: install mosquitto-clients"));
        let (pub_program, sub_program) = (find("mosquitto_pub")?, find("mosquitto_sub")?);
        let port = url.port.to_string();
        let common = ["-V", "5", "-q", "1", "-h", &url.host, "-p", &port, "-t", TOPIC];
        let mut subscriber =
            Command::new(sub_program).args(common).args(["-F", "%U %p"]).stdout(Stdio::piped()).spawn()?;
        let output = subscriber.stdout.take().context("mosquitto_sub has no output")?;
        let mut publisher = Command::new(pub_program).args(common).arg("-l").stdin(Stdio::piped()).spawn()?;
        let input = publisher.stdin.take().context("mosquitto_pub has no input")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let name = "mosquitto_pub -l and mosquitto_sub".to_owned();
        // A line is the time of sending, a blank, and the padding.
        let padding = "x".repeat(payload_bytes.saturating_sub(21));
        let mut clients = Self { name, publisher, input, subscriber, lines, padding };
        clients.wait_until_connected()?;
        Ok(clients)
    }

    /// As it stands in the report.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The way of each of `count` messages, one each `pace`.
    ///
    /// # Errors
    /// When a client has ended, or messages do not arrive.
    pub fn paced(&mut self, count: usize, pace: Duration) -> anyhow::Result<Vec<Way>> {
        at_pace(count, pace, |_| self.send())?;
        let way = |(sent, arrived): (Duration, Duration)| {
            let sent = ms(arrived.saturating_sub(sent));
            Way { with_commit: sent, sent, first: true }
        };
        Ok(self.collect(count)?.into_iter().map(way).collect())
    }

    /// Messages per second of `count` lines that were handed over at once, from the first arrival to the last.
    ///
    /// # Errors
    /// When a client has ended, or messages do not arrive.
    pub fn backlog(&mut self, count: usize) -> anyhow::Result<f64> {
        (0..count).try_for_each(|_| self.send())?;
        let arrived = self.collect(count)?;
        let span = arrived.last().zip(arrived.first()).map(|(last, first)| last.1.saturating_sub(first.1));
        Ok(span.map_or(0.0, |span| (count - 1) as f64 / span.as_secs_f64()))
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        writeln!(self.input, "{} {}", now.as_nanos(), self.padding).context("mosquitto_pub has ended")?;
        self.input.flush().context("mosquitto_pub has ended")
    }

    /// Times of sending and of arrival since the epoch.
    fn collect(&self, count: usize) -> anyhow::Result<Vec<(Duration, Duration)>> {
        let next = |number| {
            let late = || format!("of {count} messages of mosquitto_pub, {number} arrived");
            times(&self.lines.recv_timeout(PATIENCE).with_context(late)?)
        };
        (0..count).map(next).collect()
    }

    /// What is sent before the subscription stands is lost; so one is sent after the other until one comes.
    fn wait_until_connected(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.lines.recv_timeout(Duration::from_millis(50)).is_err() {
            if started.elapsed() > Duration::from_secs(10) {
                bail!("mosquitto_pub and mosquitto_sub do not reach the broker");
            }
            self.send()?;
        }
        while self.lines.recv_timeout(Duration::from_millis(300)).is_ok() {}
        Ok(())
    }
}

impl Drop for MosquittoClients {
    fn drop(&mut self) {
        for client in [&mut self.publisher, &mut self.subscriber] {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

/// Of `1795267143.579865752 1795267143472020396 xxx`.
fn times(line: &str) -> anyhow::Result<(Duration, Duration)> {
    let mut words = line.split(' ');
    let read = || {
        let (secs, nanos) = words.next()?.split_once('.')?;
        let arrived = Duration::new(secs.parse().ok()?, nanos.parse().ok()?);
        let sent = Duration::from_nanos(words.next()?.parse().ok()?);
        Some((sent, arrived))
    };
    let mut read = read;
    read().with_context(|| format!("mosquitto_sub says `{}`", line.chars().take(40).collect::<String>()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_subscriber_has_both_times() {
        let (sent, arrived) = times("1795267143.579865752 1795267143472020396 xxx").unwrap();
        assert_eq!(arrived - sent, Duration::from_nanos(107_845_356));
        assert!(times("Connection error: refused").is_err());
    }
}
