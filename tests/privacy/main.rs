//! No identity leaves, and none is shown: a study with a canary in every element, folder and file name goes through the
//! real daemon, and everything that the daemon leaves anywhere is searched for every piece of every canary.
//!
//! `cargo test --test privacy -- --nocapture` prints what was searched.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod canaries;
mod device;
mod files;
mod search;
mod wire;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use canaries::{Canaries, Kind};
use device::{Device, Places};
use search::Search;
use spinewatch::config::Identifiers;
use spinewatch::publish::Received;
use spinewatch::store::Store;

/// Places with what of which canaries was found in them.
fn searched(title: &str, places: &Places, canaries: &Canaries) -> Vec<(&'static str, Vec<(Kind, String)>)> {
    let search = Search::new(&canaries.all);
    println!("\n{title}: {} canaries\n{:<30} {:>12} {:>6}", canaries.all.len(), "place", "bytes", "found");
    let mut all = Vec::new();
    for (place, bytes) in places {
        let found = search.find(bytes);
        println!("{place:<30} {:>12} {:>6}", bytes.len(), found.len());
        let told = found.into_iter().map(|it| {
            let canary = &canaries.all[it.canary];
            (canary.kind, format!("{} {}, {}: ...{}...", canary.place, canary.value, it.reading, it.context))
        });
        all.push((*place, told.collect()));
    }
    all
}

fn verdict_is_final(heard: &[Received], verdict: &str) -> bool {
    let triage = heard.iter().filter(|event| event.topic.contains("/triage/")).filter_map(|event| event.triage().ok());
    triage.into_iter().any(|payload| !payload.provisional && payload.verdict == verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_of_any_element_folder_or_file_name_is_found_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let share = dir.path().join("share");
    std::fs::create_dir_all(&share).unwrap();
    let mut canaries = Canaries::default();
    let broken = files::broken(&mut canaries);
    files::hostile_names(&share, &mut canaries, &broken);
    files::fractured_study(&share, &mut canaries, 72);

    let mut device = Device::start(dir.path(), &share, Identifiers::default()).await;
    device.until(|heard| verdict_is_final(heard, "suspected")).await;
    device.until(|heard| heard.iter().any(|event| event.topic.contains("/image/"))).await;
    device.until(|heard| verdict_is_final(heard, "not_analysed")).await;
    device.acknowledged("Dr. Nowak").await;
    let drawn = device.drawn();
    assert!(drawn.contains("SUSPECTED") && drawn.contains("C5"), "the draw calls are heard: {drawn}");
    assert!(!drawn.contains("CLEAR IDS"));
    let database = device.dir().join("state/spinewatch.db");
    let screens = device.dir().join("screens");
    for image in device.heard().iter().filter(|event| event.topic.contains("/image/")) {
        assert_eq!(text_chunks(&image.payload), Vec::<String>::new(), "words in a key image");
    }
    let places = device.stop();

    let (store, _) = Store::open(&database, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let rejected = store.rejected(1000).unwrap();
    for code in broken.iter().filter_map(|(code, _)| *code) {
        assert!(rejected.iter().any(|entry| entry.code == code), "no file was refused as {code}: {rejected:#?}");
    }
    for picture in std::fs::read_dir(screens).unwrap().flatten() {
        assert_eq!(text_chunks(&std::fs::read(picture.path()).unwrap()), Vec::<String>::new());
    }
    for (place, bytes) in &places {
        assert!(bytes.len() > 40 || *place == "standard output", "nothing is in {place}");
    }
    let found = searched("identifiers hidden", &places, &canaries);
    let leaks: Vec<_> = found.iter().filter(|(_, found)| !found.is_empty()).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// What proves that the search above can find: the site's switch lets exactly the identifiers pass, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifiers_in_clear_let_the_study_pass_and_still_no_name_and_the_screen_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let share = dir.path().join("share");
    std::fs::create_dir_all(&share).unwrap();
    let mut canaries = Canaries::default();
    let study = files::fractured_study(&share, &mut canaries, 12);

    let mut device = Device::start(dir.path(), &share, Identifiers::Clear).await;
    device.until(|heard| heard.iter().any(|event| event.topic.contains("/triage/"))).await;
    assert!(device.drawn().contains("CLEAR IDS"), "{}", device.drawn());
    let places = device.stop();
    let found = searched("identifiers in clear", &places, &canaries);
    for (place, found) in &found {
        let others: Vec<_> = found.iter().filter(|(kind, _)| *kind != Kind::Identifier).collect();
        assert!(others.is_empty(), "{place}: {others:#?}");
    }
    for place in ["MQTT, device to broker", "MQTT, as a clinic hears it", "database and WAL, after"] {
        let (_, found) = found.iter().find(|(name, _)| *name == place).unwrap();
        assert!(found.iter().any(|(_, words)| words.contains(&study)), "{place} holds no StudyInstanceUID: {found:#?}");
    }
    for place in ["screens, by their draw calls", "journal (all crates, trace)", "metrics page", "words to systemd"] {
        let (_, found) = found.iter().find(|(name, _)| *name == place).unwrap();
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
}

#[test]
fn the_search_finds_a_canary_in_every_encoding_at_every_alignment_and_in_pieces() {
    let mut canaries = Canaries::default();
    let text = canaries.text("name");
    let uid = canaries.uid("uid", Kind::Identifier);
    let day = canaries.number("a date", 8);
    let search = Search::new(&canaries.all);
    let found = |bytes: &[u8]| search.find(bytes).into_iter().map(|it| it.canary).collect::<Vec<_>>();
    for before in 0..6 {
        let around = |bytes: &[u8]| [&b"#!?#!?"[..before], bytes, b"#!?"].concat();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
        let percent = text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        for (name, encoded) in [
            ("as it stands", text.clone().into_bytes()),
            ("small", text.to_lowercase().into_bytes()),
            ("eight characters", text.as_bytes()[5..13].to_vec()),
            ("UTF-16LE", wide(u16::to_le_bytes)),
            ("UTF-16BE", wide(u16::to_be_bytes)),
            ("hexadecimal", hex(text.as_bytes()).into_bytes()),
            ("hexadecimal of a piece", hex(&text.as_bytes()[3..11]).to_lowercase().into_bytes()),
            ("percent-encoded", percent.into_bytes()),
            ("base64", base64(text.as_bytes()).into_bytes()),
            ("base64, second alignment", base64(format!("x{text}").as_bytes()).into_bytes()),
            ("base64, third alignment", base64(format!("xy{text}z").as_bytes()).into_bytes()),
        ] {
            assert_eq!(found(&around(&encoded)), [0], "{name}, {before} bytes before it");
        }
        assert_eq!(found(&around(uid.as_bytes())), [1]);
        assert_eq!(found(&around(&uid.as_bytes()[9..25])), [1], "a piece of a UID");
        assert_eq!(found(&around(day.as_bytes())), [2]);
        assert_eq!(found(&around(&text.as_bytes()[..7])), Vec::<usize>::new(), "seven characters are no piece");
    }
    assert_eq!(found(format!("0.{day}").as_bytes()), Vec::<usize>::new(), "a date is none inside another number");
    let planted = [b"\0\0\0".to_vec(), text.clone().into_bytes(), uid.into_bytes()].concat();
    assert_eq!(found(&planted), [0, 1]);
}

/// Whole groups of three bytes only.
fn base64(bytes: &[u8]) -> String {
    let digits: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let group = |three: &[u8]| three.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    let four = |word: u32| [18, 12, 6, 0].map(|shift| digits[(word >> shift) as usize & 63]);
    bytes.chunks_exact(3).flat_map(|three| four(group(three))).collect()
}

/// Names of the chunks of a PNG file that may hold words.
fn text_chunks(png: &[u8]) -> Vec<String> {
    let mut rest = &png[8..];
    let mut chunks = Vec::new();
    while let Some((header, behind)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(header[..4].try_into().unwrap()) as usize;
        let kind = String::from_utf8_lossy(&header[4..]).into_owned();
        if !["IHDR", "PLTE", "IDAT", "IEND", "pHYs", "gAMA", "sRGB"].contains(&kind.as_str()) {
            chunks.push(kind);
        }
        rest = behind.get(length + 4..).unwrap_or_default();
    }
    chunks
}

const CRASH: &str = "SPINEWATCH_TEST_CRASH";

/// Not a test of its own: the process that crashes.
#[test]
fn child_that_crashes() {
    let Some(words) = std::env::var_os(CRASH) else { return };
    let words = words.into_string().unwrap();
    if std::env::var_os("SPINEWATCH_TEST_SEALED").is_some() {
        spinewatch::appliance::seal();
    }
    let panicked = std::thread::Builder::new().name("reader".into()).spawn({
        let words = words.clone();
        move || {
            let value: Result<u8, _> = words.parse::<u8>();
            value.expect(&words)
        }
    });
    assert!(panicked.unwrap().join().is_err());
    std::process::abort();
}

/// Runs the child above; its output, and whether the system wrote a core.
fn crash(canary: &str, sealed: bool, dir: &Path) -> (String, bool) {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; exec \"$0\" --exact child_that_crashes --nocapture --test-threads=1"]);
    command.arg(std::env::current_exe().unwrap()).env(CRASH, canary).env("RUST_BACKTRACE", "1").current_dir(dir);
    if sealed {
        command.env("SPINEWATCH_TEST_SEALED", "1");
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.signal(), Some(6), "{words}");
    (words, output.status.core_dumped())
}

#[test]
fn a_crash_tells_where_and_not_with_what_and_leaves_no_core() {
    let mut canaries = Canaries::default();
    let canary = canaries.text("what the code choked on");
    let search = Search::new(&canaries.all);
    let dir = tempfile::tempdir().unwrap();
    let (open, dumped) = crash(&canary, false, dir.path());
    assert_eq!(search.find(open.as_bytes()).len(), 1, "without the seal the canary is in the words: {open}");
    std::fs::read_dir(dir.path()).unwrap().flatten().for_each(|core| std::fs::remove_file(core.path()).unwrap());
    let (sealed, dumped_sealed) = crash(&canary, true, dir.path());
    println!("crash output: {} bytes, core dumped without the seal: {dumped}, with it: {dumped_sealed}", sealed.len());
    assert_eq!(search.find(sealed.as_bytes()), [], "{sealed}");
    assert!(sealed.contains("thread reader panicked at tests/privacy/main.rs:"), "{sealed}");
    assert!(sealed.contains("child_that_crashes"), "the way there is told: {sealed}");
    assert!(!dumped_sealed, "a core was written");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a core lies there");
    if !dumped {
        println!("this machine writes no cores at all: that the seal prevents one was not seen");
    }
}

/// The kernel gives what belongs to a process without a core to root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_itself_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let share = dir.path().join("share");
    std::fs::create_dir_all(&share).unwrap();
    let mut device = Device::start(dir.path(), &share, Identifiers::default()).await;
    device.until(|heard| heard.iter().any(|event| event.topic.ends_with("/status"))).await;
    let status = device.abort();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
}
