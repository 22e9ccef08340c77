//! One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)) in, a mount out. Pure.

use std::path::Path;

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor` of the file system.
    pub device: String,
    /// Where it is mounted.
    pub point: String,
    /// Type, as `ext4`, `cifs`, `autofs`.
    pub kind: String,
    /// What is mounted: a device, or a server's export. May name a server.
    pub source: String,
    /// Options of the mount and of the file system. May name a user.
    pub options: Vec<String>,
}

impl Mount {
    /// Reads a line; `None` where it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(2);
        let (device, _root, point, options) = (left.next()?, left.next()?, left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, source, more) = (right.next()?, right.next()?, right.next().unwrap_or_default());
        let mut known: Vec<String> = Vec::new();
        for option in options.split(',').chain(more.split(',')).filter(|option| !option.is_empty()) {
            if !known.iter().any(|before| before == option) {
                known.push(option.to_owned());
            }
        }
        Some(Self {
            device: device.to_owned(),
            point: unescaped(point),
            kind: kind.to_owned(),
            source: unescaped(source),
            options: known,
        })
    }

    /// Whether it has this option, as a word of its own or before a `=`.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| word == option || word.split_once('=').is_some_and(|(key, _)| key == option))
    }

    /// Nothing can be written through it. The file system's own word counts: a bind mount may say otherwise.
    pub fn is_read_only(&self) -> bool {
        self.has("ro")
    }

    /// The other end of a network.
    pub fn is_network(&self) -> bool {
        ["cifs", "smb3", "nfs", "nfs4", "9p", "ceph", "afs", "coda"].contains(&self.kind.as_str())
            || self.kind.starts_with("fuse.")
    }

    /// The one that holds `path`: the deepest, and of those at one place the last.
    pub fn holding<'a>(mounts: &'a [Self], path: &Path) -> Option<&'a Self> {
        let depth = |mount: &Self| Path::new(&mount.point).components().count();
        mounts.iter().filter(|mount| path.starts_with(&mount.point)).max_by_key(|mount| depth(mount))
    }
}

/// Blanks and the like stand there in octal, as `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let digits = behind.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.filter(|_| *byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &behind[3..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    const SHARE: &str =
        "61 25 0:52 / /mnt/ct\\040export ro,nosuid shared:30 - cifs //console/export ro,vers=3.1.1,username=ct,soft";

    #[test]
    fn a_line_gives_point_type_source_and_all_options() {
        let mount = Mount::parse(SHARE).unwrap();
        assert_eq!((mount.point.as_str(), mount.kind.as_str()), ("/mnt/ct export", "cifs"));
        assert_eq!((mount.device.as_str(), mount.source.as_str()), ("0:52", "//console/export"));
        assert!(mount.has("soft") && mount.has("vers") && mount.has("nosuid") && !mount.has("hard"));
        assert!(mount.is_read_only() && mount.is_network());
        assert_eq!(Mount::parse("61 25 0:52 / /mnt"), None);
        assert_eq!(Mount::parse(""), None);
    }

    #[test]
    fn what_holds_a_path_is_the_deepest_mount_and_the_one_on_top() {
        let lines = [
            "22 1 254:2 / / ro - ext4 /dev/vda2 ro",
            "30 22 254:4 / /data rw - ext4 /dev/vda4 rw",
            "31 22 0:40 / /mnt/ct rw - autofs systemd-1 rw",
            "32 31 0:52 / /mnt/ct ro - cifs //c/e ro",
        ];
        let mounts: Vec<Mount> = lines.into_iter().filter_map(Mount::parse).collect();
        let kind = |path: &str| Mount::holding(&mounts, Path::new(path)).unwrap().source.clone();
        assert_eq!(kind("/data/spinewatch"), "/dev/vda4");
        assert_eq!(kind("/mnt/ct"), "//c/e");
        assert_eq!(kind("/database"), "/dev/vda2");
    }
}
