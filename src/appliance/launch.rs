//! Builds the stages from the settings, starts them, supervises them, ends them.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use embedded_graphics::geometry::Size;
use jiff::Timestamp;

use super::attendant::Attendant;
use super::coordinator::{Coordinator, Parts};
use super::desk::{Content, Desk, DeskRules, Now, Reading};
use super::reader::Reader;
use super::service::Service;
use super::signals::Signals;
use super::telling::Teller;
use super::threads::Threads;
use super::updates::Updates;
use super::{filing, front, logbook, screen, vitals};
use crate::config::{Identifiers, Settings, StudySettings, SurfaceKind};
use crate::controls::{Front, KernelLines};
use crate::dicom;
use crate::display::{
    DeviceState, Display, DrivenPanel, Fault, FrameBuffer, Panel, Phase, PngFiles, Surface, Terminal, Words,
};
use crate::health::board::Board;
use crate::health::{self, Beat, Health, Heartbeats, Notifier, Sensors, ShareHealth, StandingFile};
use crate::inference::{
    Accelerated, Analyser, AnalyserError, Choice, Engine, ModelSummary, Pool, Refusal, TrustedKeys,
};
use crate::ingest::{self, Event, Folder, PathSecret, Scanner, ShareState, Silence, Structure};
use crate::publish::tls::CertificateClock;
use crate::publish::{self, ModelTag, Publisher};
use crate::store::{Fate, Keys, Store};
use crate::study::{self, Rules};
use crate::triage::OperatingPoint;
use crate::update::models::{Selection, Sources};

/// Files between two stages.
const CHANNEL: usize = 4;
/// A stage that has not ticked for this long starves the watchdog.
const SILENT: Duration = Duration::from_secs(15);
/// Entries of the audit trail in which the end of the life before is looked for.
const TRAIL: u32 = 500;
/// The screen looks for news this often.
const FRAME: Duration = Duration::from_millis(100);

/// A screen that failed is tried again after this long.
const SCREEN_AGAIN: Duration = Duration::from_secs(1);

/// What the appliance is started with.
pub struct Launch {
    /// Checked settings.
    pub settings: Settings,
    /// Where screens are drawn; `None` for a device without one.
    pub surface: Option<Box<dyn Surface + Send>>,
}

/// A running appliance.
pub struct Appliance {
    signals: Arc<Signals>,
    screen: Arc<Mutex<DeviceState>>,
    threads: Threads,
    ingest: ingest::Running,
    store: Store,
}

/// The surface that the settings name.
///
/// # Errors
/// When it cannot be opened.
pub fn surface(settings: &Settings) -> anyhow::Result<Option<Box<dyn Surface + Send>>> {
    let display = &settings.display;
    let [width, height] = display.size;
    let size = Size::new(width, height);
    Ok(match display.surface {
        SurfaceKind::None => None,
        SurfaceKind::Terminal => {
            let (columns, rows) =
                rustix::termios::tcgetwinsize(std::io::stdout()).map_or((80, 24), |w| (w.ws_col, w.ws_row));
            Some(Box::new(
                Terminal::new(std::io::stdout(), size, columns, rows).context("cannot draw on the terminal")?,
            ))
        }
        SurfaceKind::Framebuffer => Some(Box::new(
            FrameBuffer::open(&display.framebuffer, Path::new("/sys/class/graphics"))
                .with_context(|| format!("cannot open the frame buffer {}", display.framebuffer.display()))?,
        )),
        SurfaceKind::Panel => {
            let panel = &settings.panel;
            Some(Box::new(
                DrivenPanel::of_settings(panel, size)
                    .with_context(|| format!("cannot set up the {} of [panel]", panel.controller.name()))?,
            ))
        }
        SurfaceKind::Png => Some(Box::new(
            PngFiles::new(&display.png_dir, size)
                .with_context(|| format!("cannot write pictures to {}", display.png_dir.display()))?,
        )),
    })
}

impl Appliance {
    /// Starts every stage. When something essential fails, the screen says so before this returns.
    ///
    /// # Errors
    /// When the state folder, a thread, the broker's settings or the screen cannot be had.
    pub fn start(launch: Launch) -> anyhow::Result<Self> {
        let signals = Arc::new(Signals::default());
        let screen = Arc::new(Mutex::new(DeviceState::new(signals.clock())));
        let mut threads = Threads::default();
        let mut heartbeats = Heartbeats::default();
        if let Some(surface) = launch.surface {
            let beat = heartbeats.stage("display", SILENT);
            let (screen, signals) = (Arc::clone(&screen), Arc::clone(&signals));
            threads.start("display", move || show(surface, &screen, &signals, &beat))?;
        }
        let built = Self::build(&launch.settings, &signals, &screen, threads, heartbeats);
        if let Err(error) = &built {
            lock(&screen).phase = Phase::Failed { reason: Words::new(&format!("{error:#}")) };
            // one frame for the display to show it; the process ends after that
            std::thread::sleep(Duration::from_millis(500));
            signals.stop();
        }
        built
    }

    fn build(
        settings: &Settings,
        signals: &Arc<Signals>,
        screen: &Arc<Mutex<DeviceState>>,
        mut threads: Threads,
        mut heartbeats: Heartbeats,
    ) -> anyhow::Result<Self> {
        let wall = Timestamp::now();
        std::fs::create_dir_all(&settings.state.dir)
            .with_context(|| format!("cannot create the state folder {}", settings.state.dir.display()))?;
        let keys = Keys::open(&settings.state.dir)?;
        let (store, opened) = Store::open(&settings.state.dir.join("spinewatch.db"), wall)?;
        let mut health = Health::new(health::Limits {
            disk_free_min_mib: settings.health.disk_free_min_mib,
            ..health::Limits::default()
        });
        if let Some(aside) = &opened.set_aside {
            tracing::error!(reason = aside.reason, "the database was damaged and set aside");
            health.records_reset();
        }
        match health::StatePartition::found(Path::new(health::STATE_PARTITION)) {
            health::StatePartition::Kept => {}
            health::StatePartition::Anew => health.records_reset(),
            health::StatePartition::InMemory => health.state_in_memory(),
        }
        let engine = Accelerated::of_device(settings);
        let (analyser, replaced) = open_models(settings, &engine);
        health.model_replaced(replaced);
        health.models(health_models(&analyser));
        health.accelerator(engine.watch().fault());
        let health = Arc::new(Mutex::new(health));

        let topics = publish::Topics::new(&settings.device.site, &settings.device.name)?;
        let models = analyser.as_ref().map_or_else(|_| Vec::new(), |analyser| model_tags(analyser));
        logbook::started(&store, &keys, settings, &models, wall)?;
        let sensors = Sensors::new(settings.state.dir.clone());
        let certificate_clock = CertificateClock::sensed(sensors.clone(), &settings.state.dir);
        let mut publish_settings = publish::Settings::from_config(&settings.mqtt, &settings.device)?;
        publish_settings.connection = publish_settings.connection.verified_by(certificate_clock.clone());
        let tls = publish_settings.connection.tls.clone();
        let limits = publish_settings.limits;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("network")
            .enable_all()
            .build()?;
        let (publisher, acks) = {
            let _inside = runtime.enter();
            let birth = vitals::status(&lock(&health).report(signals.clock()), &topics, &models, None, None);
            Publisher::start(publish_settings, store.clone(), birth)?
        };

        let (events_in, events) = bounded::<Event>(CHANNEL);
        let (readings_in, readings) = bounded::<Reading>(CHANNEL);
        let share = scanner(settings, &keys, &store, events_in)?;
        let clock = {
            let signals = Arc::clone(signals);
            move || signals.clock()
        };
        let ingest = share.spawn(clock.clone())?;

        let shared_analyser = analyser.as_ref().ok().cloned();
        let workers = NonZeroUsize::new(settings.models.workers).unwrap_or(NonZeroUsize::MIN);
        let reader = Arc::new(Reader {
            analyser: shared_analyser.clone(),
            keys,
            store: Some(store.clone()),
            clear_identifiers: settings.privacy.identifiers == Identifiers::Clear,
            limits: dicom::Limits::default(),
        });
        for _ in 0..workers.get().min(2) {
            let (reader, events, readings_in) = (Arc::clone(&reader), events.clone(), readings_in.clone());
            let (signals, health) = (Arc::clone(signals), Arc::clone(&health));
            threads.start("reader", move || read_files(&reader, &events, &readings_in, &signals, &health))?;
        }
        let pool = match &shared_analyser {
            Some(analyser) => {
                Some(Pool::start(analyser, workers, NonZeroUsize::new(workers.get() * 2).unwrap_or(workers), clock)?)
            }
            None => None,
        };
        let mut desk = Desk::new(desk_rules(&settings.study, analyser.as_deref()));
        let now = Now { monotonic: signals.clock(), wall };
        for open in store.open_series()? {
            desk.restore(open, now);
        }
        {
            let mut screen = lock(screen);
            for told in store.recent_verdicts(8)?.iter().rev() {
                screen.report(screen::recalled(told, true, now, false), now.monotonic);
            }
            screen.phase = Phase::Running;
            if settings.privacy.identifiers == Identifiers::Clear {
                screen.set_fault(Fault::IdentifiersInClear, now.monotonic);
            }
        }
        let filing = filing::writer(settings, &store);
        let writes_results = filing.is_some();
        if let Some(writer) = filing {
            let (signals, health) = (Arc::clone(signals), Arc::clone(&health));
            threads.start_unjoined("results", move || filing::file(&writer, &signals, &health))?;
        }
        let coordinator = Coordinator::new(Parts {
            desk,
            pool,
            teller: Teller {
                store: store.clone(),
                topics: topics.clone(),
                limits,
                models: models.clone(),
                writes_results,
            },
            screen: Arc::clone(screen),
            signals: Arc::clone(signals),
            key_images: settings.privacy.key_image,
            health: Arc::clone(&health),
            arrivals: events,
            share: ingest.pulse(),
            slice_deadline: Duration::from_secs(settings.models.slice_deadline_secs),
        });
        if settings.controls.any() {
            let (front, store) = (Front::new(&settings.controls, KernelLines), store.clone());
            let (screen, signals) = (Arc::clone(screen), Arc::clone(signals));
            threads.start("controls", move || front::attend(front, &screen, &signals, &store))?;
        }
        let beat = heartbeats.stage("triage", SILENT);
        threads.start("triage", move || coordinator.run(&readings, &beat))?;
        let attendant = Attendant {
            settings: settings.clone(),
            signals: Arc::clone(signals),
            screen: Arc::clone(screen),
            health,
            store: store.clone(),
            service: Service::new(Board::default(), &settings.state.dir, &store.audit_trail(TRAIL)?),
            sensors,
            tls,
            certificate_clock,
            accelerator: engine.watch(),
            share: (ingest.pulse(), Silence::default()),
            watchdog: heartbeats.watchdog(signals.clock()),
            escalation: publish::Escalation::new(Duration::from_secs(settings.mqtt.acknowledge_within_secs)),
            topics,
            limits,
            models,
            started: wall,
            updates: Updates::of_device(settings),
            standing: StandingFile::from_environment(),
            notifier: Notifier::from_environment(),
        };
        threads.start("vitals", move || runtime.block_on(attendant.attend(publisher, acks)))?;
        Ok(Self { signals: Arc::clone(signals), screen: Arc::clone(screen), threads, ingest, store })
    }

    /// What the screen shows; for verbs that look over the appliance's shoulder.
    pub fn screen(&self) -> Arc<Mutex<DeviceState>> {
        Arc::clone(&self.screen)
    }

    /// Asks every stage to end, and tells the broker.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let signals = Arc::clone(&self.signals);
        move || signals.stop()
    }

    /// Waits until the appliance is stopped, or until the first stage ends by itself, which ends all of them.
    ///
    /// # Errors
    /// Why the stage ended.
    pub fn wait(self) -> anyhow::Result<()> {
        let outcome = match self.threads.ended().recv() {
            Ok(ended) if !self.signals.is_stopping() => {
                Err(ended.outcome.err().unwrap_or_else(|| anyhow::anyhow!("ended by itself")))
                    .with_context(|| format!("stage {} has ended", ended.name))
            }
            Ok(ended) => ended.outcome,
            Err(_) => Ok(()),
        };
        self.signals.stop();
        // not joined: the thread may hang in a dead mount
        drop(self.ingest);
        self.threads.join();
        logbook::stopped(&self.store, &outcome, Timestamp::now())?;
        outcome
    }
}

/// Draws until the appliance stops.
fn show(
    surface: Box<dyn Surface + Send>,
    screen: &Mutex<DeviceState>,
    signals: &Signals,
    beat: &Beat,
) -> anyhow::Result<()> {
    let mut display = Display::new(Panel::of(surface.size()), surface);
    loop {
        let state = lock(screen).clone();
        let now = signals.clock();
        // A screen whose cable was pulled comes back, and the wire works on meanwhile: it is tried again, and told.
        let trouble = display.tick(&state, now).err().map(|error| error.to_string());
        let rest = if trouble.is_some() { SCREEN_AGAIN } else { Display::next_change(&state, now).min(FRAME) };
        {
            let mut told = lock(&signals.screen_trouble);
            match &trouble {
                Some(words) if told.is_none() => tracing::error!("the screen cannot be drawn on: {words}"),
                None if told.is_some() => tracing::info!("the screen is drawn on again"),
                _ => {}
            }
            *told = trouble;
        }
        beat.tick();
        if signals.is_stopping() {
            return Ok(());
        }
        std::thread::sleep(rest);
    }
}

fn read_files(
    reader: &Reader,
    events: &Receiver<Event>,
    readings: &Sender<Reading>,
    signals: &Signals,
    health: &Mutex<Health>,
) -> anyhow::Result<()> {
    while !signals.is_stopping() {
        let Ok(event) = events.recv_timeout(FRAME) else { continue };
        let _mark = signals.in_hand();
        let reading = match event {
            Event::Arrival(arrival) => reader.read_arrival(&arrival),
            Event::Unreadable(unreadable) => Reader::unreadable(&unreadable),
            Event::Share(state) => {
                lock(health).share(share_health(state), signals.clock());
                continue;
            }
        };
        if let Content::Rejected { fate: Fate::Quarantined { code, .. }, .. } = &reading.content {
            lock(health).quarantined(code);
        }
        if readings.send(reading).is_err() {
            break;
        }
    }
    Ok(())
}

fn share_health(state: ShareState) -> ShareHealth {
    match state {
        ShareState::Available => ShareHealth::Available,
        ShareState::Lost { reason } => ShareHealth::Lost { reason },
        ShareState::NotMounted => ShareHealth::NotMounted,
    }
}

fn scanner(settings: &Settings, keys: &Keys, store: &Store, events: Sender<Event>) -> anyhow::Result<Scanner<Folder>> {
    let share = &settings.share;
    let known: HashSet<String> = store.known_fingerprints()?.into_iter().collect();
    let scan = ingest::Settings {
        scan: share.scan_interval(),
        settle: share.settle(),
        incomplete: Duration::from_secs(share.incomplete_secs),
        max_file_bytes: share.max_file_mib << 20,
        ..ingest::Settings::new(PathSecret(keys.path_secret()))
    };
    let folder = Folder::new(&share.path, share.require_mount);
    Ok(Scanner::new(folder, scan, move |file| known.contains(&file.to_string()), structure, events))
}

/// What the structure of a DICOM file says of its being finished.
fn structure(bytes: &[u8]) -> Structure {
    match dicom::structure(bytes, &dicom::Limits::default()) {
        dicom::Structure::Complete => Structure::Complete,
        dicom::Structure::Incomplete => Structure::Incomplete,
        dicom::Structure::Unknown => Structure::Unknown,
    }
}

/// The networks to analyse with, and why an installed package is not among them although it should be.
fn open_models(settings: &Settings, engine: &dyn Engine) -> (Result<Arc<Analyser>, AnalyserError>, Option<String>) {
    let keys = match TrustedKeys::from_folder(&settings.models.trusted_keys) {
        Ok(keys) => keys,
        Err(error) => return (Err(AnalyserError { why: error.to_string(), refused: Vec::new() }), None),
    };
    let (shipped, installed) = (&settings.models.dir, &settings.installed_models());
    let Selection { loaded, refused, fallbacks } = Sources { shipped, installed, keys: &keys, engine }.select();
    for why in &fallbacks {
        tracing::error!(%why, "an installed model package is not used");
    }
    let replaced = Some(fallbacks.join("; ")).filter(|words| !words.is_empty());
    (Analyser::assemble(loaded, refused, &Choice::default()).map(Arc::new), replaced)
}

/// The packages as health knows them: those in use, those refused, and why there is none at all.
fn health_models(analyser: &Result<Arc<Analyser>, AnalyserError>) -> Vec<health::Model> {
    let refusal = |refusal: &Refusal| health::Model {
        name: refusal.package.clone(),
        digest: None,
        refused: Some(refusal.why.clone()),
    };
    match analyser {
        Ok(analyser) => {
            let used = analyser.models().iter().map(|model| health::Model {
                name: format!("{} {}", model.name, model.version),
                digest: Some(model.digest.clone()),
                refused: None,
            });
            used.chain(analyser.refused().iter().map(refusal)).collect()
        }
        Err(error) if error.refused.is_empty() => {
            vec![health::Model { name: "models".into(), digest: None, refused: Some(error.why.clone()) }]
        }
        Err(error) => error.refused.iter().map(refusal).collect(),
    }
}

/// The packages as messages name them.
pub fn model_tags(analyser: &Analyser) -> Vec<ModelTag> {
    let tag = |model: &ModelSummary| ModelTag {
        name: model.name.clone(),
        version: model.version.clone(),
        digest: model.digest.clone(),
        phantom_trained: model.phantom_trained,
    };
    analyser.models().iter().map(tag).collect()
}

/// What the desk goes by.
pub fn desk_rules(settings: &StudySettings, analyser: Result<&Analyser, &AnalyserError>) -> DeskRules {
    let secs = Duration::from_secs;
    DeskRules {
        completeness: Rules {
            series_quiet: secs(settings.series_quiet_secs),
            series_gap_patience: secs(settings.series_gap_patience_secs),
            series_limit: secs(settings.series_limit_secs),
            ..Rules::default()
        },
        limits: study::Limits::default(),
        operating_point: analyser.map_or_else(|_| OperatingPoint::NONE, Analyser::operating_point),
        does_not_analyse: analyser.err().map(|error| format!("this device does not analyse: {error}")),
        detector_missing: analyser.ok().and_then(|analyser| analyser.detector_missing().map(str::to_owned)),
    }
}

/// The screen's state; a thread that panicked while it held it left a state that is as good as any.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
