//! `spinewatch audit`: is the trail whole, and what does it say.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::{DEFAULT_PATH, Settings};
use crate::store::{AuditFile, Broken, Head, Link, Verified, hex};

/// Verify or show the audit trail; also while the daemon runs.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// Prove that no entry was changed, removed or put in; exit code 1 and the first bad entry otherwise.
    Verify {
        #[command(flatten)]
        database: Database,
        /// A head that this device sent earlier: `audit_head` of a health message.
        #[arg(long, value_name = "SEQUENCE:HASH")]
        head: Option<Head>,
    },
    /// Print the newest entries, oldest first.
    Show {
        #[command(flatten)]
        database: Database,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: u32,
        /// One JSON object a line, with the hashes.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Database {
    /// Configuration file, which names the state folder.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// The database itself, such as one that was set aside.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    database: Option<PathBuf>,
}

impl Database {
    fn open(self) -> anyhow::Result<AuditFile> {
        let path = match self.database {
            Some(path) => path,
            None => Settings::read(&self.config)?.state.dir.join("spinewatch.db"),
        };
        Ok(AuditFile::open(&path)?)
    }
}

/// Runs the verb.
///
/// # Errors
/// When the database cannot be read.
pub fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    match args.verb {
        AuditVerb::Verify { database, head } => Ok(verdict(&database.open()?.verify(head)?, head)),
        AuditVerb::Show { database, last, json } => {
            for link in database.open()?.last(last)? {
                println!("{}", if json { line_of_json(&link) } else { line(&link) });
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verdict(found: &Result<Verified, Broken>, anchor: Option<Head>) -> ExitCode {
    match found {
        Ok(Verified { head: None, .. }) => println!("0 entries"),
        Ok(Verified { entries, first, head: Some(head), anchored }) => {
            println!("{entries} entries from {first} to {}, chain holds", head.sequence);
            println!("head {head}");
            if let Some(anchor) = anchor.filter(|_| !anchored) {
                println!("the head given is older than the first entry: retention has forgotten {}", anchor.sequence);
            }
        }
        Err(broken) => {
            println!("BROKEN  {broken}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What came over the network may hold what a terminal obeys.
fn line(link: &Link) -> String {
    let entry = &link.entry;
    let parts = [Some(&entry.action), entry.subject.as_ref(), entry.detail.as_ref()];
    let words = parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("  ");
    let text = format!("{:>6}  {}  {:<8}  {words}", link.sequence, entry.at, entry.actor);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn line_of_json(link: &Link) -> String {
    json!({
        "sequence": link.sequence,
        "at": link.at,
        "actor": link.entry.actor,
        "action": link.entry.action,
        "subject": link.entry.subject,
        "detail": link.entry.detail,
        "previous": hex(&link.previous),
        "hash": hex(&link.hash),
    })
    .to_string()
}
