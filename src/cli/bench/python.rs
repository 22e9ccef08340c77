//! A peer in Python: one process that answers one line of JSON to each line of JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Which Python, and where its scripts lie.
#[derive(Clone, Debug, Args)]
pub struct Peers {
    /// Python with the packages of tests/peer/requirements.txt, for peers outside this program.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Folder of the peers' scripts.
    #[arg(long, value_name = "DIR", default_value = "tests/peer")]
    peers: PathBuf,
}

/// Variables by which numerical libraries are told how many threads they may use.
const THREADS: [&str; 3] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];

/// A peer at work; its input is closed when it is dropped, which ends it.
pub struct Python {
    script: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Error { error: String },
    Good(Value),
}

impl Python {
    /// Starts a script of the peers' folder with so many threads for its numerical libraries.
    ///
    /// # Errors
    /// When there is no such script or no such Python; with the cure.
    pub fn start(peers: &Peers, script: &'static str, threads: usize) -> anyhow::Result<Self> {
        let path = peers.peers.join(script);
        if !path.is_file() {
            bail!("no peer {}: run this in the checkout, or name the folder with --peers", path.display());
        }
        let mut child = Command::new(&peers.python)
            .arg(&path)
            .envs(THREADS.map(|name| (name, threads.to_string())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {}: install Python 3.11 or newer with tests/peer/requirements.txt and name it with \
                     --python",
                    peers.python.display()
                )
            })?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output of the peer")?;
        Ok(Self { script, child, input, output: BufReader::new(output) })
    }

    /// Asks one thing and waits for the answer.
    ///
    /// # Errors
    /// What the peer answers as `error`, or that it has ended.
    pub fn ask<T: DeserializeOwned>(&mut self, question: &Value) -> anyhow::Result<T> {
        let script = self.script;
        let ended = || format!("{script} ended; what it said stands above");
        let input = self.input.as_mut().with_context(ended)?;
        writeln!(input, "{question}").and_then(|()| input.flush()).with_context(ended)?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!(ended());
        }
        match serde_json::from_str(&line).with_context(|| format!("{script} answered {line:?}"))? {
            Answer::Error { error } => bail!("{script}: {error}"),
            Answer::Good(value) => Ok(serde_json::from_value(value)?),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ended = self.child.wait();
    }
}
