//! The metal: processor, memory, heat, clock chip, panel, watchdog. What the kernel's files say in, outcomes out.

use std::fmt::Write as _;

use super::{Ill, Outcome, Part};
use crate::config::{LinePlace, Settings, SurfaceKind};
use crate::health::board::Board;
use crate::health::{Limits, Sensors, Temperature};

/// More work than this for each core waits for a minute: slices come late.
const BUSY: f64 = 3.0;
/// Less memory than this is left for a study, MiB.
const MEMORY_LEFT: u64 = 96;

/// Looks at each part in turn.
pub fn look(settings: &Settings, board: &Board, tell: &mut dyn FnMut(Part)) {
    let text = |path: &str| board.text(path).unwrap_or_default();
    tell(Part::new("board", identity(board)));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tell(Part::new("processor", processor(&text("/proc/loadavg"), cores)));
    tell(Part::new("memory", memory(&text("/proc/meminfo"), &text("/proc/vmstat"))));
    let sensors = Sensors::below(settings.state.dir.clone(), &board.path("/sys/class/thermal"));
    tell(Part::new("heat", heat(&sensors.temperatures())));
    tell(Part::new("clock chip", clock_chip(board)));
    tell(Part::new("panel", panel(settings, board)));
    tell(Part::new("controls", controls(settings, board)));
    tell(Part::new("watchdog", watchdog(board)));
}

fn identity(board: &Board) -> Outcome {
    let model = board.model().unwrap_or_else(|| "a board without a name".into());
    let serial = board.serial().map_or(String::new(), |serial| format!(", serial {serial}"));
    let kernel = board.text("/proc/sys/kernel/osrelease").map_or(String::new(), |release| format!(", Linux {release}"));
    Ok(format!("{model}{serial}{kernel}"))
}

/// From `/proc/loadavg` (proc_loadavg(5)): the mean of a minute.
fn processor(loadavg: &str, cores: usize) -> Outcome {
    let load = loadavg.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    match load {
        None => Ok(format!("{cores} cores")),
        Some(load) if load > BUSY * cores as f64 => {
            let what = format!("{load:.1} processes want {cores} cores");
            Err(Ill::new(what, "see what runs: systemd-cgtop; lower models.workers if it is spinewatch"))
        }
        Some(load) => Ok(format!("{cores} cores, load {load:.1}")),
    }
}

/// From `/proc/meminfo` and `/proc/vmstat`.
fn memory(meminfo: &str, vmstat: &str) -> Outcome {
    let mebibytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes >> 10)
    };
    let killed = vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok());
    if let Some(killed @ 1..) = killed {
        let what = format!("{killed} processes were ended since the boot because memory ran out");
        return Err(Ill::new(what, "restart; lower models.workers; send a support bundle if it comes again"));
    }
    match (mebibytes("MemAvailable:"), mebibytes("MemTotal:")) {
        (Some(left), Some(total)) if left < MEMORY_LEFT => {
            let what = format!("{left} of {total} MiB are left");
            Err(Ill::new(what, "see what holds it: systemd-cgtop -m; lower models.workers"))
        }
        (Some(left), Some(total)) => Ok(format!("{left} of {total} MiB are left")),
        _ => Ok("not told by the kernel".into()),
    }
}

fn heat(zones: &[Temperature]) -> Outcome {
    let Some(hottest) = zones.iter().max_by(|a, b| a.celsius.total_cmp(&b.celsius)) else {
        return Ok("no sensor".into());
    };
    let words = format!("{} is at {:.0} degrees Celsius", hottest.sensor, hottest.celsius);
    if hottest.celsius >= Limits::default().hot_celsius {
        return Err(Ill::new(words, "give the device air: it slows down when it is hot"));
    }
    Ok(words)
}

fn clock_chip(board: &Board) -> Outcome {
    let name = board.word("/sys/class/rtc/rtc0/name").and_then(|name| name.split(' ').next().map(str::to_owned));
    Ok(match name {
        Some(name) => format!("{name} keeps the time while the power is off"),
        None => "none: after a power cut the time comes from the network".into(),
    })
}

/// The frame buffer that the kernel made of the panel, and its backlight.
fn panel(settings: &Settings, board: &Board) -> Outcome {
    if settings.display.surface != SurfaceKind::Framebuffer {
        return Ok("not a frame buffer, by configuration".into());
    }
    let device = settings.display.framebuffer.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = format!("/sys/class/graphics/{}", device.unwrap_or_default());
    let Some(name) = board.word(format!("{folder}/name")) else {
        let what = format!("the kernel has no {}", settings.display.framebuffer.display());
        return Err(Ill::new(
            what,
            "check the panel's cable and its device-tree overlay: dmesg | grep -i -e fb -e drm",
        ));
    };
    let mut words = name;
    if let Some(size) = board.word(format!("{folder}/virtual_size")) {
        let _infallible = write!(words, ", {} pixels", size.replace(',', " x "));
    }
    for light in board.names("/sys/class/backlight") {
        let folder = format!("/sys/class/backlight/{light}");
        let dark = board.number(format!("{folder}/brightness")) == Some(0);
        // 0 is on, 4 is off (sysfs-class-backlight)
        if dark || board.number(format!("{folder}/bl_power")).is_some_and(|power| power != 0) {
            let cure = format!("echo 0 > {folder}/bl_power; cat {folder}/max_brightness > {folder}/brightness");
            return Err(Ill::new(format!("the backlight {light} is off"), cure));
        }
    }
    Ok(words)
}

/// Buttons, lights, buzzer, touch: their chips and devices are there. Lines are not taken: the daemon holds them.
fn controls(settings: &Settings, board: &Board) -> Outcome {
    let controls = &settings.controls;
    if !controls.any() {
        return Ok("none, by configuration".into());
    }
    let lines: Vec<_> = controls.lines().collect();
    let chips = board.names("/dev").into_iter().filter(|name| name.starts_with("gpiochip")).collect::<Vec<_>>();
    let lacks_chip = |place: &LinePlace| match place {
        LinePlace::Offset { chip, .. } => !chips.contains(chip),
        LinePlace::Name(_) => chips.is_empty(),
    };
    if let Some((key, line)) = lines.iter().find(|(_, line)| lacks_chip(&line.place)) {
        let cure = "gpiodetect and gpioinfo show which there are; check the device-tree overlay";
        return Err(Ill::new(format!("controls.{key} is {line}, and there is no such chip"), cure));
    }
    let missing = controls.inputs.iter().chain(&controls.backlight).find(|path| !board.path(path).exists());
    if let Some(path) = missing {
        return Err(Ill::new(
            format!("controls has {}, which is not there", path.display()),
            "check the device-tree overlay",
        ));
    }
    let keys: Vec<&str> = lines.iter().map(|(key, _)| *key).collect();
    let inputs = if controls.inputs.is_empty() { "" } else { " and input devices" };
    Ok(format!("{} lines ({}){inputs}", keys.len(), keys.join(", ")))
}

/// The SoC's own: what restarts a board whose kernel stands still.
fn watchdog(board: &Board) -> Outcome {
    let folder = "/sys/class/watchdog/watchdog0";
    let Some(name) = board.word(format!("{folder}/identity")) else {
        let cure = "enable the SoC's watchdog in kernel and device tree, then RuntimeWatchdogSec= in system.conf";
        return Err(Ill::new("no hardware watchdog: a board that stands still stays so", cure));
    };
    if board.word(format!("{folder}/state")).is_some_and(|state| state != "active") {
        let cure = "set RuntimeWatchdogSec=30 in /etc/systemd/system.conf.d/watchdog.conf and restart";
        return Err(Ill::new(format!("{name} is there, and nobody feeds it"), cure));
    }
    let limit = board.number(format!("{folder}/timeout")).map_or(String::new(), |secs| format!(", {secs} s"));
    // WDIOF_CARDRESET of linux/watchdog.h
    let bitten = board.number(format!("{folder}/bootstatus")).is_some_and(|bits| bits & 0x20 != 0);
    let last = if bitten { "; it has made the last restart: send a support bundle" } else { "" };
    Ok(format!("{name}{limit}{last}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_busy_when_three_wait_for_each_core() {
        assert_eq!(processor("0.52 0.40 0.30 1/200 4711", 4).unwrap(), "4 cores, load 0.5");
        assert!(processor("12.10 8.0 3.0 9/200 4711", 4).unwrap_err().what.contains("12.1 processes want 4 cores"));
        assert_eq!(processor("", 2).unwrap(), "2 cores");
    }

    #[test]
    fn memory_that_ran_out_once_is_told_although_there_is_some_again() {
        let info = |left: u32| format!("MemTotal:        1014784 kB\nMemFree: 1 kB\nMemAvailable:   {left} kB\n");
        assert_eq!(memory(&info(512_000), "oom_kill 0\n").unwrap(), "500 of 991 MiB are left");
        assert!(memory(&info(51_200), "").unwrap_err().what.starts_with("50 of 991"));
        assert!(memory(&info(512_000), "pgfault 3\noom_kill 2\n").unwrap_err().what.starts_with("2 processes"));
        assert!(memory("", "").is_ok());
    }

    #[test]
    fn the_hottest_zone_is_told() {
        let zone = |sensor: &str, celsius| Temperature { sensor: sensor.into(), celsius };
        assert_eq!(heat(&[zone("cpu", 51.0), zone("gpu", 47.0)]).unwrap(), "cpu is at 51 degrees Celsius");
        assert!(heat(&[zone("cpu", 51.0), zone("npu", 92.4)]).unwrap_err().what.starts_with("npu is at 92"));
        assert_eq!(heat(&[]).unwrap(), "no sensor");
    }
}
