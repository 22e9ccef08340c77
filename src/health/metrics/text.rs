//! A health report as Prometheus text, exposition format 0.0.4. Pure.

use std::fmt::{Display, Write};

use super::super::HealthReport;

/// All metrics of the device, sorted by nothing but their order here.
pub fn render(report: &HealthReport) -> String {
    let mut page = Page::default();
    let version = [("version", report.device.version)];
    page.gauge("build_info", "Version of the program.").sample(&version, 1);
    page.gauge("uptime_seconds", "Time since start.").sample(&[], report.device.uptime_secs);
    page.gauge("share_available", "1 while the share is readable.")
        .sample(&[], u8::from(report.share.state == "available"));
    page.gauge("broker_connected", "1 while the broker is connected.").sample(&[], u8::from(report.broker.connected));
    page.counter("broker_losses_total", "Losses of the connection.").sample(&[], report.broker.losses);
    let trouble = page.gauge("broker_trouble", "1 for the cause of the last loss or failed connection.");
    if let Some(why) = &report.broker.trouble {
        trouble.sample(&[("cause", why.cause.code())], 1);
    }
    page.gauge("messages_refused", "Messages that the broker has refused and that are not sent.")
        .sample(&[], report.broker.messages_refused);
    page.gauge("queue_depth", "Work that waits.")
        .sample(&[("queue", "outbox")], report.queues.outbox)
        .sample(&[("queue", "analysis")], report.queues.analysis);
    page.counter("slices_analysed_total", "Slices analysed.").sample(&[], report.slices_analysed);
    page.gauge("slices_per_second", "Slices analysed per second, last ten seconds.")
        .sample(&[], report.slices_per_second);
    let verdicts = page.counter("verdicts_total", "Series by final verdict.");
    for (verdict, count) in &report.verdicts {
        verdicts.sample(&[("verdict", verdict)], count);
    }
    let quarantined = page.counter("files_quarantined_total", "Files refused, by reason.");
    for (reason, count) in &report.quarantined {
        quarantined.sample(&[("reason", reason)], count);
    }
    let models = page.gauge("model_active", "1 for a model package that is run, 0 for one that is refused.");
    for model in &report.models {
        let digest = model.digest.as_deref().unwrap_or_default();
        models.sample(&[("name", &model.name), ("digest", digest)], u8::from(model.refused.is_none()));
    }
    if let Some(disk) = report.disk {
        page.gauge("disk_free_bytes", "Free space on the state disk.").sample(&[], disk.free_bytes);
        page.gauge("disk_size_bytes", "Size of the state disk.").sample(&[], disk.total_bytes);
    }
    let temperatures = page.gauge("temperature_celsius", "Thermal zones.");
    for (zone, temperature) in report.temperatures.iter().enumerate() {
        // Two zones may carry the same type.
        temperatures.sample(&[("zone", &zone.to_string()), ("sensor", &temperature.sensor)], temperature.celsius);
    }
    if let Some(memory) = report.memory {
        page.gauge("memory_resident_bytes", "Resident memory.").sample(&[], memory.resident_bytes);
        page.gauge("memory_peak_bytes", "Most memory ever resident.").sample(&[], memory.peak_bytes);
    }
    page.gauge("clock_trusted", "1 if the clock is set from the network.").sample(&[], u8::from(report.clock_trusted));
    let degraded = page.gauge("degraded", "1 for each reason why the device is not well.");
    for reason in &report.degraded {
        degraded.sample(&[("reason", reason.code())], 1);
    }
    page.text
}

/// The text so far; samples go under the metric that was named last.
#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, "gauge", help)
    }

    fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, "counter", help)
    }

    fn metric(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.name = name;
        self.write(format_args!("# HELP spinewatch_{name} {help}\n# TYPE spinewatch_{name} {kind}\n"))
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let name = self.name;
        if labels.is_empty() {
            self.write(format_args!("spinewatch_{name} {value}\n"))
        } else {
            self.write(format_args!("spinewatch_{name}{{{}}} {value}\n", labels.join(",")))
        }
    }

    fn write(&mut self, text: std::fmt::Arguments) -> &mut Self {
        // Writing into a String cannot fail.
        let _ = self.text.write_fmt(text);
        self
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::{
        BrokerHealth, ClockTrust, Disk, Health, Limits, Memory, Model, Queues, Sensed, ShareHealth, Temperature,
    };
    use super::*;
    use crate::publish::Cause;
    use crate::triage::Verdict;

    fn report() -> HealthReport {
        let mut health = Health::new(Limits::default());
        health.share(ShareHealth::Available, Duration::ZERO);
        let trouble = Some(Cause::ConnectionRefused.into());
        let broker = BrokerHealth { trouble, losses: 2, refused: (5, None), ..BrokerHealth::default() };
        health.broker(broker, Duration::ZERO);
        health.queues(Queues { outbox: 3, analysis: 1 });
        health.models(vec![
            Model { name: "vertebra-classifier-edge 0.1.0".into(), digest: Some("ab12".into()), refused: None },
            Model { name: "a \"quoted\\name\"".into(), digest: None, refused: Some("no signature".into()) },
        ]);
        for _ in 0..7 {
            health.slice_analysed(Duration::from_secs(1));
        }
        health.verdict(&Verdict::Suspected);
        health.quarantined("pixel_data_truncated");
        health.sensed(Sensed {
            disk: Some(Disk { free_bytes: 1 << 30, total_bytes: 1 << 34 }),
            temperatures: vec![Temperature { sensor: "cpu-thermal".into(), celsius: 51.5 }],
            memory: Some(Memory { resident_bytes: 4096, peak_bytes: 8192 }),
            clock: ClockTrust::Synchronized,
        });
        health.report(Duration::from_secs(2))
    }

    #[test]
    fn every_figure_of_the_report_is_on_the_page() {
        let page = render(&report());
        for line in [
            "spinewatch_share_available 1",
            "spinewatch_broker_connected 0",
            "spinewatch_broker_losses_total 2",
            "spinewatch_broker_trouble{cause=\"connection_refused\"} 1",
            "spinewatch_messages_refused 5",
            "spinewatch_queue_depth{queue=\"outbox\"} 3",
            "spinewatch_slices_analysed_total 7",
            "spinewatch_slices_per_second 3.5",
            "spinewatch_verdicts_total{verdict=\"suspected\"} 1",
            "spinewatch_files_quarantined_total{reason=\"pixel_data_truncated\"} 1",
            "spinewatch_model_active{name=\"vertebra-classifier-edge 0.1.0\",digest=\"ab12\"} 1",
            "spinewatch_model_active{name=\"a \\\"quoted\\\\name\\\"\",digest=\"\"} 0",
            "spinewatch_disk_free_bytes 1073741824",
            "spinewatch_temperature_celsius{zone=\"0\",sensor=\"cpu-thermal\"} 51.5",
            "spinewatch_memory_peak_bytes 8192",
            "spinewatch_clock_trusted 1",
            "spinewatch_degraded{reason=\"broker_offline\"} 1",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn every_metric_has_its_help_and_type_once_and_every_sample_a_number() {
        let page = render(&report());
        let mut kinds = std::collections::HashSet::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(kinds.insert(rest.split(' ').next().unwrap_or_default().to_owned()), "{line} twice");
            } else if !line.starts_with('#') {
                let name: String = line.chars().take_while(|c| *c != '{' && *c != ' ').collect();
                assert!(kinds.contains(&name), "{line} before its type");
                let value = line.rsplit(' ').next().unwrap_or_default();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(page.ends_with('\n') && kinds.len() > 12);
    }

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
