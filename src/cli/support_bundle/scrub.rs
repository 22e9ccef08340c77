//! Text that other programs wrote in, the same without what may be an identity out. Pure.
//!
//! The daemon's own words hold none (tests/privacy); kernel, mount and systemd know of no such promise. What looks like a
//! UID, a path on the share, a server's export or a credential goes; of what a network file system says, its error
//! numbers stay.

use std::borrow::Cow;

/// Words after which everything is the console's: modules of the kernel and programs that speak for them.
const NETWORK_FILE_SYSTEMS: [&str; 8] = ["CIFS", "cifs", "NFS", "nfs", "SMB", "smb", "9p", "fuse"];
/// Keys whose value says who somebody is, in mount options and elsewhere.
const CREDENTIALS: [&str; 8] = ["username=", "user=", "password=", "pass=", "domain=", "dom=", "password2=", "cred="];

/// What is known of this device that must not leave it.
#[derive(Clone, Debug, Default)]
pub struct Scrub {
    /// The folder of the share: everything below it is the console's.
    share: String,
    /// Words to be removed wherever they stand.
    words: Vec<String>,
}

impl Scrub {
    /// For the share at `share`, and with words that are known to be secret. Those of less than three characters would
    /// remove half of a text, and are passed over.
    pub fn new(share: &str, words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().filter(|word| word.chars().count() >= 3).collect();
        Self { share: share.trim_end_matches('/').to_owned(), words }
    }

    /// A text without identities, line by line.
    pub fn text(&self, text: &str) -> String {
        text.lines().map(|line| self.line(line) + "\n").collect()
    }

    /// A line without identities.
    pub fn line(&self, line: &str) -> String {
        let line = self.below_share(line);
        let line = network_file_system(&line).map_or(line, Cow::Owned);
        let mut line = exports(&line);
        for word in &self.words {
            line = line.replace(word, "<removed>");
        }
        uids(&credentials(&line)).chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
    }

    /// A name may hold blanks and quotes: what follows the share's folder is cut to the end of the line.
    fn below_share<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let at = line.find(&self.share).filter(|_| !self.share.is_empty());
        match at.map(|at| at + self.share.len()) {
            Some(end) if line[end..].starts_with('/') => Cow::Owned(format!("{}/<cut>", &line[..end])),
            _ => Cow::Borrowed(line),
        }
    }
}

/// Of what a network file system says: when, who, and the error numbers.
fn network_file_system(line: &str) -> Option<String> {
    let (at, tag) = NETWORK_FILE_SYSTEMS.iter().filter_map(|tag| Some((tagged(line, tag)?, *tag))).min()?;
    let rest = &line[at + tag.len()..];
    let numbers = rest.split(|c: char| !(c.is_ascii_digit() || c == '-')).filter(|word| is_errno(word));
    let numbers: Vec<&str> = numbers.collect();
    Some(format!("{}{tag}: <cut> {}", &line[..at], numbers.join(" ")).trim_end().to_owned())
}

/// Where the kernel's `tag:` or systemd's and mount's `mount.tag` begins.
fn tagged(line: &str, tag: &str) -> Option<usize> {
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    line.match_indices(tag).map(|(at, _)| at).find(|at| {
        let behind = &line[at + tag.len()..];
        begins(*at) && (behind.starts_with(':') || line[..*at].ends_with("mount.") || behind.starts_with(" mount"))
    })
}

/// `-112`, as the kernel gives errors.
fn is_errno(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|digits| (1..=3).contains(&digits.len()) && !digits.contains('-'))
}

/// `//server/share` and `\\server\share`, as far as the next blank or quote; a URL's host stays, its user goes.
fn exports(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = [rest.find("//"), rest.find("\\\\")].into_iter().flatten().min() {
        let (before, found) = rest.split_at(at);
        let end = found.find([' ', '\t', '\'', '"', ',', ')']).unwrap_or(found.len());
        let (name, behind) = found.split_at(end);
        out.push_str(before);
        match name.split_once('@') {
            Some((_, host)) if before.ends_with(':') => out.push_str(&format!("//<removed>@{host}")),
            _ if before.ends_with(':') => out.push_str(name),
            _ => out.push_str("//<cut>"),
        }
        rest = behind;
    }
    out + rest
}

/// `username=...` up to the next comma, blank or quote.
fn credentials(line: &str) -> String {
    let mut line = line.to_owned();
    for key in CREDENTIALS {
        let mut from = 0;
        while let Some(at) = line.get(from..).and_then(|rest| rest.find(key)).map(|at| from + at) {
            let value = at + key.len();
            let end = line[value..].find([',', ' ', '"', '\'']).map_or(line.len(), |end| value + end);
            let whole_word = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            if whole_word {
                line.replace_range(value..end, "<removed>");
            }
            from = value;
        }
    }
    line
}

/// Sixteen and more digits and dots with a dot among them are a UID (PS3.5 section 9), or not worth keeping.
fn uids(line: &str) -> String {
    const SHORTEST: usize = 16;
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        out.push_str(if run.len() >= SHORTEST && run.contains('.') { "<uid>" } else { run });
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        out.push_str(&behind[..end]);
        rest = &behind[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(line: &str) -> String {
        Scrub::new("/srv/ct", ["ct-tech".to_owned(), "x".to_owned()]).line(line)
    }

    #[test]
    fn names_below_the_share_are_cut_with_their_blanks() {
        assert_eq!(scrubbed("cannot read /srv/ct/Kowalska Anna/1.dcm: denied"), "cannot read /srv/ct/<cut>");
        assert_eq!(scrubbed("/srv/ct is lost"), "/srv/ct is lost");
        assert_eq!(scrubbed("/srv/cttool"), "/srv/cttool");
    }

    #[test]
    fn of_a_network_file_system_the_error_numbers_stay() {
        let said = "Nov 21 14:00:01 kernel: CIFS: VFS: \\\\CONSOLE send error in SessSetup = -13 for Kowalska";
        assert_eq!(scrubbed(said), "Nov 21 14:00:01 kernel: CIFS: <cut> -13");
        assert_eq!(scrubbed("kernel: NFS: directory Kowalska/1.2 contains a readdir loop"), "kernel: NFS: <cut>");
        assert_eq!(
            scrubbed("mount[77]: mount.cifs: bad share Kowalska, mount error(-2)"),
            "mount[77]: mount.cifs: <cut> -2"
        );
        assert_eq!(scrubbed("kernel: info: confuse: all well"), "kernel: info: confuse: all well");
    }

    #[test]
    fn a_servers_export_goes_and_a_brokers_address_stays() {
        assert_eq!(scrubbed("mounting '//console/Kowalska$' on x"), "mounting '//<cut>' on x");
        assert_eq!(scrubbed("to mqtts://broker.site:8883 now"), "to mqtts://broker.site:8883 now");
        assert_eq!(scrubbed("to mqtts://me:secret@broker:8883"), "to mqtts://<removed>@broker:8883");
    }

    #[test]
    fn credentials_and_known_words_go() {
        assert_eq!(scrubbed("ro,username=anna,domain=ward,vers=3"), "ro,username=<removed>,domain=<removed>,vers=3");
        assert_eq!(scrubbed("login of ct-tech x"), "login of <removed> x");
        assert_eq!(scrubbed("superuser=1"), "superuser=1");
    }

    #[test]
    fn a_uid_goes_and_versions_addresses_and_times_stay() {
        assert_eq!(scrubbed("series 2.25.123456789012345678901234567890123 is open"), "series <uid> is open");
        assert_eq!(scrubbed("1.2.840.10008.5.1.4.1.1.2"), "<uid>");
        let harmless = "2026-11-21T16:22:01.123456+01:00 v0.1.0 at 192.168.10.21:8883";
        assert_eq!(scrubbed(harmless), harmless);
    }

    #[test]
    fn what_a_terminal_obeys_is_taken_out() {
        assert_eq!(scrubbed("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
