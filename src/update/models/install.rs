//! The two verbs: a package in, and the one before it back. Both prove what they switch to, on this machine, first.

use std::path::Path;

use semver::Version;

use super::SwitchError;
use super::places::{Place, Places};
use super::selection::{Opened, Sources, is_newer};
use super::unpack::unpack;
use crate::inference::{self, GoldenReport, Loaded, ModelSummary};

/// What the next start uses.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which it is.
    pub summary: ModelSummary,
    /// What its golden cases gave on this machine.
    pub golden: GoldenReport,
    /// What was used before.
    pub before: Option<ModelSummary>,
}

/// Installs the package in a tar or a folder. The next start uses it; the one before it stays for [`rollback`].
///
/// The order is what makes a power cut harmless: unpacked and synced where nobody looks, proven there, moved as a whole to
/// the place that is not in use, synced, and only then the link.
///
/// # Errors
/// What does not hold, and its cure; what was in use before is in use after it.
pub fn install(sources: &Sources<'_>, source: &Path, force: bool) -> Result<Installed, SwitchError> {
    let locked = Places::new(sources.installed).lock()?;
    let unpacked = unpack(source, &locked.staging())?;
    let Loaded { summary, golden, .. } = prove(sources, &unpacked)?;
    let places = locked.places();
    let in_use = sources.in_use(places, &summary.name);
    only_of_its_kind(sources, places, &summary)?;
    let not_newer = newer_than(&summary, in_use.as_ref().map(|opened| &opened.summary))?;
    if let (Some(have), false) = (not_newer, force) {
        let ModelSummary { name, version, .. } = summary;
        return Err(SwitchError::NotNewer { name, version, have });
    }
    let shipped = sources.shipped_for(&summary.name, None).map(|opened| opened.summary);
    let forced_over = shipped.filter(|shipped| force && !is_newer(&summary.version, &shipped.version));
    let before = in_use.as_ref().and_then(|opened| opened.place);
    let place = before.map_or(Place::A, Place::other);
    let digest = forced_over.as_ref().map(|shipped| shipped.digest.as_str());
    locked
        .fill(&summary.name, place, &unpacked, digest)
        .and_then(|()| if before.is_none() { locked.vacate(&summary.name, place.other()) } else { Ok(()) })
        .and_then(|()| locked.switch(&summary.name, Some(place)))
        .map_err(SwitchError::io(sources.installed))?;
    Ok(Installed { summary, golden, before: in_use.map(|opened| opened.summary) })
}

/// Takes the package back that was used before the last installation: the one in the other place, or the one that came
/// with the system. `to_shipped` asks for the latter.
///
/// # Errors
/// When nothing is installed, or what was before does not hold; nothing changes then.
pub fn rollback(sources: &Sources<'_>, name: &str, to_shipped: bool) -> Result<Installed, SwitchError> {
    let locked = Places::new(sources.installed).lock()?;
    let places = locked.places();
    if !places.names().iter().any(|installed| installed == name) {
        return Err(SwitchError::NotInstalled { name: name.to_owned() });
    }
    let in_use = sources.in_use(places, name);
    if let Some(Opened { place: None, summary, .. }) = &in_use
        && !to_shipped
        && places.current(name).is_some_and(|place| sources.open(places, name, place).is_ok())
    {
        return Err(SwitchError::ShippedInUse { name: name.to_owned(), version: summary.version.clone() });
    }
    let (place, target) = before(sources, places, name, in_use.as_ref(), to_shipped)?;
    let Loaded { summary, golden, .. } = inference::load(&target.folder, sources.keys, sources.engine)
        .map_err(|refusal| SwitchError::NothingBefore { name: name.to_owned(), why: refusal.why })?;
    locked.switch(name, place).map_err(SwitchError::io(sources.installed))?;
    Ok(Installed { summary, golden, before: in_use.map(|opened| opened.summary) })
}

/// What was used before, and its place; no place for the system's own.
fn before(
    sources: &Sources<'_>,
    places: &Places,
    name: &str,
    in_use: Option<&Opened>,
    to_shipped: bool,
) -> Result<(Option<Place>, Opened), SwitchError> {
    let nothing = |why: String| SwitchError::NothingBefore { name: name.to_owned(), why };
    let other = in_use.and_then(|opened| opened.place).or(places.current(name)).map_or(Place::A, Place::other);
    if !to_shipped && places.package(name, other).exists() {
        let opened = sources
            .open(places, name, other)
            .map_err(|why| nothing(format!("{why}; --shipped goes back to the one that came with the system")))?;
        if sources.counts(places, &opened) {
            return Ok((Some(other), opened));
        }
    }
    let shipped = sources.shipped_for(name, in_use.map(|opened| opened.summary.kind));
    Ok((None, shipped.ok_or_else(|| nothing("the system has no package of its kind that holds".into()))?))
}

fn prove(sources: &Sources<'_>, unpacked: &Path) -> Result<Loaded, SwitchError> {
    inference::load(unpacked, sources.keys, sources.engine).map_err(|refusal| SwitchError::Refused(refusal.why))
}

/// The version in use, where the new one is not newer.
fn newer_than(summary: &ModelSummary, in_use: Option<&ModelSummary>) -> Result<Option<String>, SwitchError> {
    let ModelSummary { name, version, .. } = summary;
    if Version::parse(version).is_err() {
        return Err(SwitchError::Version { name: name.clone(), version: version.clone() });
    }
    Ok(in_use.filter(|in_use| !is_newer(version, &in_use.version)).map(|in_use| in_use.version.clone()))
}

/// A start could not tell which of two installed packages of a kind is meant.
fn only_of_its_kind(sources: &Sources<'_>, places: &Places, summary: &ModelSummary) -> Result<(), SwitchError> {
    let of_kind = |name: &String| {
        let opened = sources.in_use(places, name).filter(|opened| opened.place.is_some());
        opened.is_some_and(|opened| opened.summary.kind == summary.kind)
    };
    let other = places.names().into_iter().find(|name| *name != summary.name && of_kind(name));
    other.map_or(Ok(()), |other| {
        let (name, kind) = (summary.name.clone(), summary.kind.name());
        Err(SwitchError::OtherOfKind { name, kind, other })
    })
}
