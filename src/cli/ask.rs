//! A question to another program, or to a part of the device that may hang: its answer in time, or why there is none.
//!
//! Never waits longer than it is told, and never keeps more than it is told: a device is asked because it is ill.

use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks whether the program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// What a program wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its standard output; the end of it, where it was too long.
    pub text: String,
    /// Something is missing at its beginning.
    pub cut: bool,
}

/// Runs `program` for at most `patience`, and keeps the last `most` bytes that it writes.
///
/// # Errors
/// One line: not installed, too slow, or what it complained of.
pub fn ask(program: &str, args: &[&str], patience: Duration, most: usize) -> Result<Answer, String> {
    let mut command = Command::new(program);
    // words that are parsed, whatever the shell speaks
    command.args(args).env("LC_ALL", "C.UTF-8").env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{program} is not installed"),
        _ => format!("{program}: {error}"),
    })?;
    let said = child.stdout.take().map(|pipe| thread::spawn(move || tail(pipe, most)));
    let complained = child.stderr.take().map(|pipe| thread::spawn(move || tail(pipe, 4096)));
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < patience => thread::sleep(LOOK),
            Ok(None) => {
                // one that cannot be killed hangs in the kernel; it is left behind
                let _dead_or_stuck = child.kill();
                return Err(format!("{program} did not end within {} s", patience.as_secs()));
            }
            Err(error) => return Err(format!("{program}: {error}")),
        }
    };
    let read = |pipe: Option<thread::JoinHandle<Answer>>| pipe.and_then(|pipe| pipe.join().ok()).unwrap_or_default();
    let (said, complained) = (read(said), read(complained));
    if status.success() {
        return Ok(said);
    }
    let why =
        complained.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word of why").trim().to_owned();
    Err(format!("{program} ended with {}: {why}", status.code().map_or("a signal".into(), |code| code.to_string())))
}

/// The last `most` bytes of what comes, in whole characters.
fn tail(mut pipe: impl Read, most: usize) -> Answer {
    let (mut kept, mut cut, mut chunk) = (Vec::new(), false, [0; 16 << 10]);
    while let Ok(count @ 1..) = pipe.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        // twice as much is kept on the way, so that little is moved
        if kept.len() > 2 * most {
            kept.drain(..kept.len() - most);
            cut = true;
        }
    }
    if kept.len() > most {
        kept.drain(..kept.len() - most);
        cut = true;
    }
    Answer { text: String::from_utf8_lossy(&kept).into_owned(), cut }
}

/// What `work` gives, if it gives it within `patience`. One that does not is left to itself on a thread of its own.
///
/// # Errors
/// One line: it hangs, or it panicked.
pub fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, waits) = channel();
    let thread = thread::Builder::new().name("question".into()).spawn(move || drop(done.send(work())));
    thread.map_err(|error| format!("no thread: {error}"))?;
    waits.recv_timeout(patience).map_err(|error| match error {
        RecvTimeoutError::Timeout => format!("no answer within {} s", patience.as_secs()),
        RecvTimeoutError::Disconnected => "the question itself failed".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_program_that_is_missing_fails_or_complains_is_named() {
        let error = ask("spinewatch-no-such-program", &[], PATIENCE, 10).unwrap_err();
        assert_eq!(error, "spinewatch-no-such-program is not installed");
        let error = ask("sh", &["-c", "echo; echo 'no such slot' >&2; exit 3"], PATIENCE, 10).unwrap_err();
        assert_eq!(error, "sh ended with 3: no such slot");
    }

    #[test]
    fn a_program_that_hangs_is_left() {
        let started = Instant::now();
        let error = ask("sleep", &["30"], Duration::from_millis(50), 10).unwrap_err();
        assert!(error.contains("did not end") && started.elapsed() < PATIENCE, "{error}");
    }

    #[test]
    fn of_too_many_words_the_last_are_kept() {
        let answer = ask("sh", &["-c", "seq 1 100000"], PATIENCE, 12).unwrap();
        assert_eq!((answer.text.as_str(), answer.cut), ("9999\n100000\n", true));
        assert_eq!(ask("echo", &["ä"], PATIENCE, 12).unwrap(), Answer { text: "ä\n".into(), cut: false });
    }

    #[test]
    fn a_part_that_hangs_or_panics_is_no_answer() {
        assert_eq!(within(PATIENCE, || 7), Ok(7));
        let error = within(Duration::from_millis(20), || thread::sleep(PATIENCE)).unwrap_err();
        assert!(error.contains("no answer"), "{error}");
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let error = within(PATIENCE, || assert_eq!(1, 2)).unwrap_err();
        std::panic::set_hook(silent);
        assert_eq!(error, "the question itself failed");
    }
}
