//! The list of what goes into a bundle, in its order: a name, where it comes from, how much of it is kept.

use std::time::Duration;

use jiff::Timestamp;

use super::scrub::Scrub;
use super::{configuration, records, system};
use crate::cli::ask::within;
use crate::config::Settings;
use crate::health::board::Board;

/// A part that has not answered for this long is left out. The models' self-test is the longest: a minute on a small board.
const PATIENCE: Duration = Duration::from_secs(120);

const KIB: usize = 1 << 10;

/// One member of a bundle.
pub struct Source {
    /// Its name in the archive.
    pub name: &'static str,
    /// Of what is longer, this much of the end is kept, bytes.
    pub most: usize,
    gather: fn(&Subject) -> Result<String, String>,
}

/// What an engineer reads first stands first. A half-dead device has everything small before the logs.
pub const ALL: [Source; 18] = [
    Source { name: "check.json", most: 64 * KIB, gather: records::check },
    Source { name: "versions.json", most: 64 * KIB, gather: records::versions },
    Source { name: "standing.json", most: 64 * KIB, gather: records::standing },
    Source { name: "metrics.txt", most: 128 * KIB, gather: records::metrics },
    Source { name: "configuration.toml", most: 64 * KIB, gather: configuration::effective },
    Source { name: "store.json", most: 64 * KIB, gather: records::store },
    Source { name: "audit.json", most: 256 * KIB, gather: records::audit },
    Source { name: "update.json", most: 256 * KIB, gather: records::update },
    Source { name: "slots.txt", most: 64 * KIB, gather: system::slots },
    Source { name: "boot.txt", most: 64 * KIB, gather: system::boot },
    Source { name: "mounts.txt", most: 128 * KIB, gather: system::mounts },
    Source { name: "disks.txt", most: 64 * KIB, gather: system::disks },
    Source { name: "memory.txt", most: 64 * KIB, gather: system::memory },
    Source { name: "network.txt", most: 64 * KIB, gather: system::network },
    Source { name: "units.txt", most: 256 * KIB, gather: system::units },
    Source { name: "kernel.txt", most: 1024 * KIB, gather: system::kernel },
    Source { name: "journal-update.txt", most: 1024 * KIB, gather: system::journal_of_updates },
    Source { name: "journal.txt", most: 3072 * KIB, gather: system::journal },
];

/// The device that the bundle is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its configuration, or the defaults.
    pub settings: Settings,
    /// Why the configuration was refused.
    pub refused: Option<String>,
    /// Its machine.
    pub board: Board,
    /// Takes identities out of what other programs wrote.
    pub scrub: Scrub,
    /// When.
    pub at: Timestamp,
}

impl Subject {
    /// A device as it is configured.
    pub fn new(settings: Settings, refused: Option<String>, board: Board, at: Timestamp) -> Self {
        let secrets = configuration::secrets(&settings);
        let scrub = Scrub::new(&settings.share.path.to_string_lossy(), secrets);
        Self { settings, refused, board, scrub, at }
    }

    /// What a source gives, in time.
    ///
    /// # Errors
    /// Why it gives nothing, without identities.
    pub fn ask(&self, source: &Source) -> Result<String, String> {
        let (subject, gather) = (self.clone(), source.gather);
        let answer = within(PATIENCE, move || gather(&subject)).and_then(|answer| answer);
        answer.map_err(|why| self.scrub.line(&why))
    }

    /// Name of the bundle's file: device and time, which sort.
    pub fn name(&self) -> String {
        let device = &self.settings.device;
        format!("spinewatch-support-{}-{}-{}.tar.gz", device.site, device.name, self.at.strftime("%Y%m%dT%H%M%SZ"))
    }
}
