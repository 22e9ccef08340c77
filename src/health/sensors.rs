//! The machine in; free disk, temperatures, memory and the time daemon's word out. Reads files, changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ClockTrust;

/// Space on the disk that holds the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes that an unprivileged process may still write.
    pub free_bytes: u64,
    /// Size of the file system in bytes.
    pub total_bytes: u64,
}

impl Disk {
    /// Of the file system that holds `path`.
    ///
    /// # Errors
    /// What `statvfs` says.
    pub fn at(path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Self { free_bytes: bytes(stat.f_bavail), total_bytes: bytes(stat.f_blocks) })
    }
}

/// One thermal zone of the kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// The zone's type, as `cpu-thermal`.
    pub sensor: String,
    /// Degrees Celsius.
    pub celsius: f64,
}

/// Memory of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident now, bytes (`VmRSS`).
    pub resident_bytes: u64,
    /// Most that was ever resident, bytes (`VmHWM`).
    pub peak_bytes: u64,
}

impl Memory {
    /// Of this process, from `/proc/self/status`.
    ///
    /// # Errors
    /// When `/proc` is not there or does not have the two lines.
    pub fn of_this_process() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        Self::parse(&status).ok_or_else(|| io::Error::other("no VmRSS and VmHWM in /proc/self/status"))
    }

    /// Reads the text of `/proc/<pid>/status` (proc(5)).
    pub fn parse(status: &str) -> Option<Self> {
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kibibytes: u64 = line.strip_suffix("kB")?.trim().parse().ok()?;
            kibibytes.checked_mul(1024)
        };
        Some(Self { resident_bytes: bytes("VmRSS:")?, peak_bytes: bytes("VmHWM:")? })
    }
}

/// What the sensors saw. What cannot be read is absent, never invented.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensed {
    /// Absent when the disk does not answer.
    pub disk: Option<Disk>,
    /// Empty where the machine has no thermal zones.
    pub temperatures: Vec<Temperature>,
    /// Absent without `/proc`.
    pub memory: Option<Memory>,
    /// The wall clock.
    pub clock: ClockTrust,
}

/// Where the machine is read.
#[derive(Clone, Debug)]
pub struct Sensors {
    /// Any path on the disk that holds the state.
    pub state_dir: PathBuf,
    /// `/sys/class/thermal`.
    pub thermal_root: PathBuf,
    /// Files of which any one means "the clock was set from the network since boot".
    pub clock_markers: Vec<PathBuf>,
}

impl Sensors {
    /// The machine's own paths. systemd-timesyncd writes the first marker; the second is for a site's own time daemon
    /// (`ExecStartPost=chronyc waitsync` and `touch`).
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            thermal_root: "/sys/class/thermal".into(),
            clock_markers: vec!["/run/systemd/timesync/synchronized".into(), "/run/clock-synchronized".into()],
        }
    }

    /// As [`Self::new`], with the thermal zones below another folder.
    pub fn below(state_dir: PathBuf, thermal_root: &Path) -> Self {
        Self { thermal_root: thermal_root.to_owned(), ..Self::new(state_dir) }
    }

    /// The thermal zones that say something sensible.
    pub fn temperatures(&self) -> Vec<Temperature> {
        temperatures(&self.thermal_root)
    }

    /// Reads everything; `now` is the wall clock's reading.
    pub fn read(&self, now: Timestamp) -> Sensed {
        Sensed {
            disk: Disk::at(&self.state_dir).ok(),
            temperatures: self.temperatures(),
            memory: Memory::of_this_process().ok(),
            clock: self.clock(now),
        }
    }

    /// Whether the wall clock's reading `now` can be believed.
    pub fn clock(&self, now: Timestamp) -> ClockTrust {
        ClockTrust::judge(now, self.clock_markers.iter().any(|marker| marker.exists()))
    }
}

/// Most thermal zones that are reported: the message has a size to keep.
const MOST_ZONES: usize = 8;

/// `thermal_zone*/type` and `/temp` (thousandths of a degree) below `root`, sorted by zone name.
fn temperatures(root: &Path) -> Vec<Temperature> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let is_zone = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("thermal_zone"))
    };
    let mut zones: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_zone).collect();
    zones.sort();
    zones.iter().filter_map(|zone| temperature(zone)).take(MOST_ZONES).collect()
}

fn temperature(zone: &Path) -> Option<Temperature> {
    let sensor = fs::read_to_string(zone.join("type")).ok()?.trim().chars().take(32).collect();
    let thousandths: i32 = fs::read_to_string(zone.join("temp")).ok()?.trim().parse().ok()?;
    // A sensor that is switched off says -273 or some such.
    let celsius = f64::from(thousandths) / 1000.0;
    (-60.0..=200.0).contains(&celsius).then_some(Temperature { sensor, celsius })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_read_in_degrees_and_nonsense_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let zones = [("thermal_zone1", "gpu", "47250"), ("thermal_zone0", "cpu-thermal\n", "51000\n")];
        let broken =
            [("thermal_zone2", "off", "-274000"), ("thermal_zone3", "odd", "warm"), ("cooling_device0", "fan", "1")];
        for (zone, kind, temp) in zones.iter().chain(&broken) {
            let zone = root.path().join(zone);
            fs::create_dir(&zone).unwrap();
            fs::write(zone.join("type"), kind).unwrap();
            fs::write(zone.join("temp"), temp).unwrap();
        }
        let found = temperatures(root.path());
        let found: Vec<(&str, f64)> = found.iter().map(|t| (t.sensor.as_str(), t.celsius)).collect();
        assert_eq!(found, [("cpu-thermal", 51.0), ("gpu", 47.25)]);
        assert_eq!(temperatures(&root.path().join("absent")), []);
    }

    #[test]
    fn memory_is_read_from_the_kernels_words() {
        let status = "Name:\tspinewatch\nVmPeak:\t  900 kB\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\nThreads:\t3\n";
        assert_eq!(Memory::parse(status), Some(Memory { resident_bytes: 4096 * 1024, peak_bytes: 5120 * 1024 }));
        assert_eq!(Memory::parse("VmRSS:\t 1 kB\n"), None);
        assert_eq!(Memory::parse("VmRSS:\t x kB\nVmHWM:\t 1 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_its_peak_is_no_less() {
        let ballast = vec![1_u8; 8 << 20];
        let memory = Memory::of_this_process().unwrap();
        assert!(memory.resident_bytes >= std::hint::black_box(&ballast).len() as u64);
        assert!(memory.peak_bytes >= memory.resident_bytes);
    }

    #[test]
    fn the_disk_of_a_folder_has_space() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::at(folder.path()).unwrap();
        assert!(disk.free_bytes > 0 && disk.free_bytes <= disk.total_bytes);
        assert!(Disk::at(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn any_marker_means_that_the_clock_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("synchronized");
        let sensors = Sensors {
            state_dir: folder.path().join("gone"),
            thermal_root: folder.path().into(),
            clock_markers: vec!["/nonexistent/marker".into(), marker.clone()],
        };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let before = sensors.read(now);
        assert_eq!((before.clock, before.disk), (ClockTrust::NotSynchronized, None));
        fs::write(marker, "").unwrap();
        assert_eq!(sensors.read(now).clock, ClockTrust::Synchronized);
    }
}
