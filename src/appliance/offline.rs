//! The desk without share, store and wire: files in, statements, evidence and rejected files out. The very stages of the
//! daemon, for verbs that work on files at rest.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::coordinator::key_image;
use super::desk::{Act, Content, Desk, Job, JobTag, Now, Statement};
use super::{ReadSlice, Reader, desk_rules};
use crate::config::StudySettings;
use crate::dicom::Limits;
use crate::inference::{Analyser, AnalyserError, Analysis, Pool, SliceFailure, SubmitError, Worker, guarded};
use crate::publish::KeyImage;
use crate::store::{Fate, KeyedHeader, Keys, SourceSlice};
use crate::triage::Evidence;

/// Slices that may wait in memory.
const MOST_WAITING: usize = 64;

/// A file that gave nothing to analyse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its name, as given.
    pub file: String,
    /// `excluded`, `quarantined` or `duplicate`.
    pub fate: &'static str,
    /// Reason, for machines.
    pub code: String,
    /// Reason, for people.
    pub reason: String,
}

/// What came of all files.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One a series, by series key.
    pub statements: BTreeMap<String, Statement>,
    /// What the networks said, by the name of the file; of a file with several frames, of each.
    pub evidence: BTreeMap<String, Vec<Evidence>>,
    /// Files that gave nothing.
    pub rejected: Vec<Rejected>,
    /// The best slice of the first finding, by series key.
    pub pictures: BTreeMap<String, KeyImage>,
    /// UIDs, where they were asked for.
    pub uids: Uids,
}

/// Identifiers in clear, by key.
#[derive(Debug, Default)]
pub struct Uids {
    /// StudyInstanceUID by study key.
    pub studies: BTreeMap<String, String>,
    /// By slice key.
    pub slices: BTreeMap<String, SourceSlice>,
}

/// Where the networks run.
enum Networks {
    /// Nowhere: this device does not analyse.
    None,
    /// On the thread that reads.
    Here(Box<Worker>),
    /// On threads of their own.
    Pool(Pool<JobTag>),
}

/// Files at work.
pub struct Offline {
    reader: Reader,
    desk: Desk,
    networks: Networks,
    waiting: VecDeque<Job>,
    in_flight: usize,
    /// File of each slice.
    files: BTreeMap<String, String>,
    outcome: Outcome,
}

impl Offline {
    /// Ready for the first file. Without an analyser every series is told to be not analysed, and why.
    ///
    /// # Errors
    /// When the system gives no random numbers or no threads.
    pub fn new(analyser: Result<&Arc<Analyser>, &AnalyserError>, workers: NonZeroUsize) -> anyhow::Result<Self> {
        let started = Instant::now();
        let networks = match analyser {
            Ok(analyser) => {
                let queue = workers.saturating_mul(NonZeroUsize::MIN.saturating_add(1));
                Networks::Pool(Pool::start(analyser, workers, queue, move || started.elapsed())?)
            }
            Err(_) => Networks::None,
        };
        Self::with(analyser, networks)
    }

    /// As [`Self::new`], with everything on the calling thread: for measuring what a slice costs.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn on_this_thread(analyser: &Arc<Analyser>) -> anyhow::Result<Self> {
        Self::with(Ok(analyser), Networks::Here(Box::new(analyser.worker())))
    }

    fn with(analyser: Result<&Arc<Analyser>, &AnalyserError>, networks: Networks) -> anyhow::Result<Self> {
        let reader = Reader {
            analyser: analyser.ok().cloned(),
            keys: Keys::ephemeral()?,
            store: None,
            clear_identifiers: false,
            limits: Limits::default(),
        };
        let desk = Desk::new(desk_rules(&StudySettings::default(), analyser.map(|analyser| &**analyser)));
        Ok(Self {
            reader,
            desk,
            networks,
            waiting: VecDeque::new(),
            in_flight: 0,
            files: BTreeMap::new(),
            outcome: Outcome::default(),
        })
    }

    /// Keeps the UIDs of what is read, for documents that name them.
    pub const fn keep_uids(&mut self) {
        self.reader.clear_identifiers = true;
    }

    /// Takes one file.
    pub fn read(&mut self, name: &str, bytes: &[u8]) {
        let reading = self.reader.read(bytes, name.to_owned(), Sha256::digest(bytes).into());
        self.outcome.uids.take(&reading.content);
        if let Content::Slices(slices) = &reading.content {
            let keys = slices.iter().map(|slice| (slice.header.slice_key.clone(), name.to_owned()));
            self.files.extend(keys);
        }
        let acts = self.desk.read(reading, at(Duration::ZERO));
        self.execute(acts);
        self.work(MOST_WAITING);
    }

    /// Nothing more will come: every rule of patience is over.
    pub fn finish(mut self) -> Outcome {
        self.work(0);
        let acts = self.desk.tick(at(Duration::from_secs(300)), true);
        self.execute(acts);
        self.work(0);
        self.outcome
    }

    fn execute(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Analyse(job) => self.waiting.push_back(job),
                Act::Record(record) => {
                    let (fate, code, reason) = match record.fate {
                        Fate::Excluded { code, words } => ("excluded", code, words),
                        Fate::Quarantined { code, words } => ("quarantined", code, words),
                        Fate::Duplicate => {
                            ("duplicate", "duplicate".into(), "the same picture is there already".into())
                        }
                        Fate::Accepted | Fate::Collected => continue,
                    };
                    self.outcome.rejected.push(Rejected { file: record.fingerprint, fate, code, reason });
                }
                Act::Tell(statement) => {
                    let best = statement.assessment.findings.first().map(|finding| &finding.best_slice.slice_key);
                    let picture = best.and_then(|best| self.desk.picture(&statement.series_key, best));
                    let pictures = &mut self.outcome.pictures;
                    pictures.extend(picture.and_then(|p| Some((statement.series_key.clone(), key_image(p)?))));
                    self.outcome.statements.insert(statement.series_key.clone(), *statement);
                }
            }
        }
    }

    /// Analyses until at most `left` slices wait; with 0, until none is in flight either.
    fn work(&mut self, left: usize) {
        match std::mem::replace(&mut self.networks, Networks::None) {
            Networks::None => self.waiting.clear(),
            Networks::Here(worker) => self.networks = Networks::Here(self.work_here(worker)),
            Networks::Pool(pool) => {
                self.work_in(&pool, left);
                self.networks = Networks::Pool(pool);
            }
        }
    }

    fn work_here(&mut self, mut worker: Box<Worker>) -> Box<Worker> {
        while let Some(Job { tag, input }) = self.waiting.pop_front() {
            let outcome = guarded(&mut worker, &input);
            if let (Err(SliceFailure::Panicked(_)), Some(analyser)) = (&outcome, &self.reader.analyser) {
                *worker = analyser.worker();
            }
            self.analysed(&tag, &input.this.slice_key, Duration::ZERO, outcome);
        }
        worker
    }

    fn work_in(&mut self, pool: &Pool<JobTag>, left: usize) {
        loop {
            while let Some(Job { tag, input }) = self.waiting.pop_front() {
                match pool.submit(tag, input) {
                    Ok(()) => self.in_flight += 1,
                    Err(SubmitError::Full(tag, input) | SubmitError::Ended(tag, input)) => {
                        self.waiting.push_front(Job { tag, input });
                        break;
                    }
                }
            }
            let done = self.waiting.len() <= left && (left > 0 || self.in_flight == 0);
            if done && (left > 0 || self.waiting.is_empty()) {
                break;
            }
            let Ok(done) = pool.results().recv() else { break };
            self.in_flight -= 1;
            self.analysed(&done.tag, &done.slice_key, done.waited, done.outcome);
        }
    }

    fn analysed(&mut self, tag: &JobTag, slice: &str, waited: Duration, outcome: Result<Analysis, SliceFailure>) {
        let analysis = outcome.map_err(|error| tracing::error!(slice, "{error}")).ok();
        if let (Some(analysis), Some(file)) = (&analysis, self.files.get(slice)) {
            let evidence = self.outcome.evidence.entry(file.clone()).or_default();
            // a slice that is analysed again, with the neighbours that came later, takes the place of the first
            evidence.retain(|earlier| earlier.slice_key != slice);
            evidence.push(analysis.evidence.clone());
        }
        let acts = self.desk.analysed(tag, waited, analysis);
        self.execute(acts);
    }
}

impl Uids {
    fn take(&mut self, content: &Content) {
        match content {
            Content::Slices(slices) => slices.iter().for_each(|slice| self.take_slice(slice, slices.len() > 1)),
            Content::Rejected { belongs_to: Some((study, _)), study_instance_uid: Some(uid), .. } => {
                self.studies.insert(study.clone(), uid.clone());
            }
            _ => {}
        }
    }

    fn take_slice(&mut self, slice: &ReadSlice, is_enhanced: bool) {
        let (KeyedHeader { study_key, slice_key, header, .. }, Some(clear)) = (&slice.header, &slice.clear) else {
            return;
        };
        self.studies.insert(study_key.clone(), clear.study_instance_uid.clone());
        let source = SourceSlice {
            slice_key: slice_key.clone(),
            series_instance_uid: clear.series_instance_uid.clone(),
            sop_instance_uid: clear.sop_instance_uid.clone(),
            frame: is_enhanced.then_some(header.frame),
        };
        self.slices.insert(slice_key.clone(), source);
    }
}

fn at(monotonic: Duration) -> Now {
    Now { monotonic, wall: Timestamp::now() }
}
