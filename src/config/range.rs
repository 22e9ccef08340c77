//! Ranges that the type system does not hold: one line per value that is outside.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::settings::{Identifiers, Settings, SurfaceKind};

const SCREEN_SIZES: [[u32; 2]; 5] = [[240, 240], [320, 240], [480, 320], [800, 480], [128, 64]];

/// One line for each value outside its range; empty when the settings can be used.
pub(super) fn problems(settings: &Settings) -> Vec<String> {
    let mut found = Found(Vec::new());
    found.topic_part("device.site", &settings.device.site);
    found.topic_part("device.name", &settings.device.name);
    found.within("share.scan_millis", settings.share.scan_millis, 50..=60_000);
    found.within("share.settle_millis", settings.share.settle_millis, 100..=60_000);
    found.within("share.incomplete_secs", settings.share.incomplete_secs, 1..=3_600);
    found.within("share.max_file_mib", settings.share.max_file_mib, 1..=4_096);
    found.within("study.series_quiet_secs", settings.study.series_quiet_secs, 1..=120);
    found.within("study.series_gap_patience_secs", settings.study.series_gap_patience_secs, 1..=3_600);
    found.within("study.series_limit_secs", settings.study.series_limit_secs, 10..=86_400);
    found.within("models.workers", settings.models.workers, 1..=64);
    found.within("models.slice_deadline_secs", settings.models.slice_deadline_secs, 1..=600);
    found.within("mqtt.keep_alive_secs", settings.mqtt.keep_alive_secs, 5..=3_600);
    found.within("mqtt.expiry_hours", settings.mqtt.expiry_hours, 1..=8_760);
    let within = settings.mqtt.acknowledge_within_secs;
    found.require(within == 0 || (30..=86_400).contains(&within), || {
        format!("mqtt.acknowledge_within_secs is {within}: allowed is 30 to 86400, or 0 to send no alert again")
    });
    found.within("state.retention_days", settings.state.retention_days, 1..=3_650);
    found.within("health.interval_secs", settings.health.interval_secs, 1..=3_600);
    found.within("health.disk_free_min_mib", settings.health.disk_free_min_mib, 1..=1_048_576);
    found.update(settings);
    found.hawkbit(settings);
    found.accelerator(settings);
    found.broker(settings);
    found.results(settings);
    found.require(SCREEN_SIZES.contains(&settings.display.size), || {
        let sizes = SCREEN_SIZES.map(|[w, h]| format!("{w} x {h}")).join(", ");
        let [w, h] = settings.display.size;
        format!("display.size is {w} x {h}: a layout exists for {sizes}")
    });
    found.device(settings);
    found.require(settings.health.metrics_address.is_none_or(|address| address.ip().is_loopback()), || {
        "health.metrics_address: metrics are served on a loopback address only, such as 127.0.0.1:9464".into()
    });
    found.0
}

struct Found(Vec<String>);

impl Found {
    fn require(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(problem());
        }
    }

    fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        self.require(allowed.contains(&value), || {
            format!("{key} is {value}: allowed is {} to {}", allowed.start(), allowed.end())
        });
    }

    fn topic_part(&mut self, key: &str, value: &str) {
        let fits = !value.is_empty()
            && value.len() <= 64
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        self.require(fits, || {
            format!(
                "{key} is {value:?}: allowed are 1 to 64 letters, digits, '-', '_' and '.', as it is part of a topic"
            )
        });
    }

    fn update(&mut self, settings: &Settings) {
        let update = &settings.update;
        self.within("update.settled_secs", update.settled_secs, 5..=600);
        self.within("update.limit_secs", update.limit_secs, 60..=3_600);
        self.require(update.settled_secs < update.limit_secs, || {
            format!("update.settled_secs is {}: allowed is less than update.limit_secs", update.settled_secs)
        });
        self.require(update.run_dir.is_absolute(), || {
            format!("update.run_dir is {}: a path from / is needed", update.run_dir.display())
        });
    }

    fn hawkbit(&mut self, settings: &Settings) {
        let (update, mqtt) = (&settings.update, &settings.mqtt);
        self.within("update.hawkbit_poll_min_secs", update.hawkbit_poll_min_secs, 5..=3_600);
        self.within("update.hawkbit_poll_max_secs", update.hawkbit_poll_max_secs, 60..=86_400);
        self.require(update.hawkbit_poll_min_secs <= update.hawkbit_poll_max_secs, || {
            "update.hawkbit_poll_min_secs: allowed is at most update.hawkbit_poll_max_secs".into()
        });
        let controller = update.hawkbit_controller.as_ref();
        self.address_part("update.hawkbit_tenant", &update.hawkbit_tenant);
        self.address_part("update.hawkbit_controller", controller.unwrap_or(&settings.device.name));
        let Some(url) = &update.hawkbit_url else { return };
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let fits = host.is_some_and(|rest| {
            !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(['@', '?', '#', ' '])
        });
        self.require(fits, || {
            format!("update.hawkbit_url is {url:?}: allowed is https://HOST[:PORT][/PATH], or http:// in a laboratory")
        });
        let secured = url.starts_with("https://");
        self.require(!secured || update.hawkbit_ca_file.is_some() || mqtt.ca_file.is_some(), || {
            "update.hawkbit_ca_file is needed for https://: the PEM file of the authority that signed the server's \
             certificate"
                .into()
        });
        self.require(update.hawkbit_token_file.is_some() || (secured && mqtt.certificate_file.is_some()), || {
            "update.hawkbit_token_file is needed with update.hawkbit_url, or https:// and the device's certificate \
             (mqtt.certificate_file)"
                .into()
        });
    }

    /// A segment of an address.
    fn address_part(&mut self, key: &str, value: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        self.require((1..=128).contains(&value.len()) && value.chars().all(plain) && !value.starts_with('.'), || {
            format!("{key} is {value:?}: allowed are 1 to 128 letters, digits, '-', '_', '~' and '.', as in an address")
        });
    }

    fn accelerator(&mut self, settings: &Settings) {
        let accelerator = &settings.accelerator;
        self.within("accelerator.deadline_millis", accelerator.deadline_millis, 10..=60_000);
        self.within("accelerator.start_deadline_secs", accelerator.start_deadline_secs, 1..=3_600);
        self.within("accelerator.slowest_ratio", accelerator.slowest_ratio, 0.01..=100.0);
        // one wait for a turn, one for the answer, and the processor still has its time
        let (millis, secs) = (accelerator.deadline_millis, settings.models.slice_deadline_secs);
        self.require(millis < secs.saturating_mul(500), || {
            format!("accelerator.deadline_millis is {millis}: allowed is less than half of models.slice_deadline_secs")
        });
        let Some(provider) = accelerator.provider else { return };
        self.require(accelerator.library.is_some(), || {
            "accelerator.library is needed with accelerator.provider: the path of libonnxruntime.so".into()
        });
        let Some(known) = provider.options() else { return };
        for key in accelerator.options.keys().filter(|key| !known.contains(&key.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            self.0.push(format!("accelerator.options: {} takes {known}, not {key}", provider.name()));
        }
    }

    /// Panel and controls. What is not used is not asked for.
    fn device(&mut self, settings: &Settings) {
        let (panel, used) = (&settings.panel, settings.display.surface == SurfaceKind::Panel);
        if used {
            self.0.extend(panel.problems(settings.display.size));
        }
        let lines = [("panel.data_command", &panel.data_command), ("panel.reset", &panel.reset)];
        let taken = lines.into_iter().filter(|_| used).filter_map(|(key, line)| Some((key, line.as_ref()?)));
        self.0.extend(settings.controls.problems(taken));
    }

    fn results(&mut self, settings: &Settings) {
        let formats = &settings.results.formats;
        for (at, format) in formats.iter().enumerate() {
            let name = format.name();
            self.require(!formats[..at].contains(format), || {
                format!("results.formats has {name:?} twice: once is enough")
            });
            let in_clear = settings.privacy.identifiers == Identifiers::Clear;
            self.require(in_clear || !format.needs_clear_identifiers(), || {
                format!(
                    "results.formats has {name:?}, which an archive files by the StudyInstanceUID: set \
                     privacy.identifiers = \"clear\", or leave it out (\"fhir\" and \"hl7\" need no UID)"
                )
            });
        }
        self.require(formats.is_empty() || settings.results.dir.is_absolute(), || {
            format!("results.dir is {}: a path from / is needed", settings.results.dir.display())
        });
    }

    fn broker(&mut self, settings: &Settings) {
        let mqtt = &settings.mqtt;
        let host = mqtt.url.strip_prefix("mqtt://").or_else(|| mqtt.url.strip_prefix("mqtts://"));
        self.require(host.is_some_and(|host| !host.is_empty()), || {
            format!("mqtt.url is {:?}: allowed are mqtt://HOST:PORT and mqtts://HOST:PORT", mqtt.url)
        });
        for url in &mqtt.fallback_urls {
            let same = url.starts_with("mqtts://") == mqtt.url.starts_with("mqtts://");
            self.require(same && (url.starts_with("mqtt://") || url.starts_with("mqtts://")), || {
                format!("mqtt.fallback_urls holds {url:?}: allowed are URLs as mqtt.url, all mqtt:// or all mqtts://")
            });
        }
        let has_key = mqtt.key_file.is_some() || mqtt.pkcs11_key.is_some();
        self.require(mqtt.certificate_file.is_some() == has_key, || {
            "mqtt.certificate_file and mqtt.key_file (or mqtt.pkcs11_key) go together: give both or neither".into()
        });
        self.require(!mqtt.url.starts_with("mqtts://") || mqtt.ca_file.is_some(), || {
            "mqtt.ca_file is needed for mqtts://: the PEM file of the authority that signed the broker's certificate"
                .into()
        });
    }
}
