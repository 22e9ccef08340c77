//! Which packages a start uses: an installed one in the place of the system's, as long as it holds and is newer.
//!
//! An installed package that does not hold is replaced by the one before it, or by the system's: the device analyses, and
//! says so. The order of a start is the order here: signature, digests and manifest of each, golden cases only of what
//! would be used.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use semver::Version;

use super::places::{Place, Places};
use crate::inference::{
    self, Engine, Kind, Loaded, ModelReport, ModelSummary, Package, Refusal, SelftestReport, TrustedKeys,
};

/// Where packages come from, and what they are proven with.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Folder of the packages that came with the system, read only.
    pub shipped: &'a Path,
    /// Folder of those that were installed later; need not be there.
    pub installed: &'a Path,
    /// Whose packages are used.
    pub keys: &'a TrustedKeys,
    /// What runs the golden cases.
    pub engine: &'a dyn Engine,
}

/// What a start uses.
pub struct Selection {
    /// Packages that hold, one of each kind where the folders allow it.
    pub loaded: Vec<Loaded>,
    /// Packages that do not, and in whose place there is no other.
    pub refused: Vec<Refusal>,
    /// Why an installed package is not used although it should be, and what is in its place: for the screen.
    pub fallbacks: Vec<String>,
}

/// A package whose signature, digests and manifest hold.
pub(super) struct Opened {
    /// Its folder.
    pub folder: PathBuf,
    /// Its place, where it was installed.
    pub place: Option<Place>,
    /// What it says of itself.
    pub summary: ModelSummary,
}

impl Sources<'_> {
    /// The packages to be used, proven.
    pub fn select(&self) -> Selection {
        let places = Places::new(self.installed);
        let names = places.names();
        if names.is_empty() {
            return self.without_installed();
        }
        let shipped = self.shipped();
        let (mut loaded, mut broken) = (Vec::new(), Vec::new());
        for name in &names {
            let (found, faults) = self.installed(&places, name, &shipped);
            loaded.extend(found);
            broken.extend(faults.into_iter().map(|why| Refusal { package: name.clone(), why }));
        }
        let mut fallbacks = one_of_a_kind(&mut loaded);
        let covered: Vec<Kind> = loaded.iter().map(|model: &Loaded| model.summary.kind).collect();
        for opened in shipped {
            match opened {
                Ok(opened) if covered.contains(&opened.summary.kind) => {}
                Ok(opened) => match inference::load(&opened.folder, self.keys, self.engine) {
                    Ok(model) => loaded.push(model),
                    Err(refusal) => broken.push(refusal),
                },
                Err(refusal) => broken.push(refusal),
            }
        }
        let all = [Kind::VertebraClassifier, Kind::FractureDetector];
        if all.iter().all(|kind| loaded.iter().any(|model| model.summary.kind == *kind)) {
            fallbacks.extend(broken.drain(..).map(|refusal| replaced(&refusal, &loaded)));
        }
        Selection { loaded, refused: broken, fallbacks }
    }

    /// The self-test of what a start would use, and why an installed package would not be.
    pub fn selftest(&self) -> (SelftestReport, Vec<String>) {
        let Selection { loaded, refused, fallbacks } = self.select();
        let held = loaded.into_iter().map(|Loaded { summary, golden, load, .. }| ModelReport {
            package: summary.name.clone(),
            outcome: Ok((summary, golden, load)),
        });
        let refused = refused.into_iter().map(|Refusal { package, why }| ModelReport { package, outcome: Err(why) });
        let mut models: Vec<ModelReport> = held.chain(refused).collect();
        models.sort_by(|a, b| a.package.cmp(&b.package));
        (SelftestReport { engine: self.engine.name(), models }, fallbacks)
    }

    fn without_installed(&self) -> Selection {
        let (mut loaded, mut refused) = (Vec::new(), Vec::new());
        for outcome in inference::load_all(self.shipped, self.keys, self.engine) {
            match outcome {
                Ok(model) => loaded.push(model),
                Err(refusal) => refused.push(refusal),
            }
        }
        Selection { loaded, refused, fallbacks: Vec::new() }
    }

    /// The packages that came with the system, opened.
    fn shipped(&self) -> Vec<Result<Opened, Refusal>> {
        let opened = |folder: PathBuf| match Package::open(&folder, self.keys) {
            Ok(package) => Ok(Opened { folder, place: None, summary: package.summary() }),
            Err(error) => Err(Refusal { package: error.package.clone(), why: error.to_string() }),
        };
        match inference::package_folders(self.shipped) {
            Ok(folders) => folders.into_iter().map(opened).collect(),
            Err(error) => {
                let package = self.shipped.display().to_string();
                let why = format!("cannot read the folder of model packages {package}: {error}");
                vec![Err(Refusal { package, why })]
            }
        }
    }

    /// The first place whose package holds, unless the system's is newer; and what was wrong with those before it.
    fn installed(
        &self,
        places: &Places,
        name: &str,
        shipped: &[Result<Opened, Refusal>],
    ) -> (Option<Loaded>, Vec<String>) {
        let base = named(shipped, name);
        let mut faults = Vec::new();
        for place in places.in_order(name).into_iter().filter(|place| places.package(name, *place).exists()) {
            let proven = self.open(places, name, place).and_then(|opened| {
                if !counts(places, &opened, base) {
                    return Ok(None);
                }
                inference::load(&opened.folder, self.keys, self.engine).map(Some).map_err(|refusal| refusal.why)
            });
            match proven {
                Ok(loaded) => return (loaded, faults),
                Err(why) => faults.push(why),
            }
        }
        if faults.is_empty() {
            faults.push(format!("{name} is installed, but its files are gone"));
        }
        (None, faults)
    }

    /// The package in a place, opened.
    pub(super) fn open(&self, places: &Places, name: &str, place: Place) -> Result<Opened, String> {
        let folder = places.package(name, place);
        let summary = Package::open(&folder, self.keys).map_err(|error| error.to_string())?.summary();
        if summary.name != name {
            return Err(format!("what is installed as {name} calls itself {}; install it again", summary.name));
        }
        Ok(Opened { folder, place: Some(place), summary })
    }

    /// The package of this name that a start would use, its golden cases aside: what a new one must be newer than.
    pub(super) fn in_use(&self, places: &Places, name: &str) -> Option<Opened> {
        let mut shipped = self.shipped();
        let base = named(&shipped, name);
        let installed = places.names().iter().any(|installed| installed == name).then_some(()).and_then(|()| {
            let mut opened = places.in_order(name).into_iter().filter_map(|place| self.open(places, name, place).ok());
            opened.next().filter(|opened| counts(places, opened, base))
        });
        installed.or_else(|| {
            let at =
                shipped.iter().position(|opened| opened.as_ref().is_ok_and(|opened| opened.summary.name == name))?;
            shipped.swap_remove(at).ok()
        })
    }

    /// The package of this name, or else of this kind, that came with the system.
    pub(super) fn shipped_for(&self, name: &str, kind: Option<Kind>) -> Option<Opened> {
        let mut shipped: Vec<Opened> = self.shipped().into_iter().flatten().collect();
        let of_name = shipped.iter().position(|opened| opened.summary.name == name);
        let at = of_name.or_else(|| shipped.iter().position(|opened| Some(opened.summary.kind) == kind))?;
        Some(shipped.swap_remove(at))
    }

    /// Whether the package in a place would be used in the place of the system's.
    pub(super) fn counts(&self, places: &Places, opened: &Opened) -> bool {
        counts(places, opened, named(&self.shipped(), &opened.summary.name))
    }
}

fn named<'a>(shipped: &'a [Result<Opened, Refusal>], name: &str) -> Option<&'a ModelSummary> {
    shipped.iter().flatten().map(|opened| &opened.summary).find(|summary| summary.name == name)
}

/// Newer than the system's, or forced over just that one.
fn counts(places: &Places, opened: &Opened, base: Option<&ModelSummary>) -> bool {
    let Some(base) = base else { return true };
    let forced = || {
        let over = opened.place.and_then(|place| places.forced_over(&opened.summary.name, place));
        over.is_some_and(|digest| digest == base.digest)
    };
    is_newer(&opened.summary.version, &base.version) || forced()
}

/// By the precedence of semantic versions; one that is none is older than any that is.
pub(super) fn is_newer(version: &str, than: &str) -> bool {
    match (Version::parse(version), Version::parse(than)) {
        (Ok(version), Ok(than)) => version.cmp_precedence(&than) == Ordering::Greater,
        (version, than) => version.is_ok() && than.is_err(),
    }
}

/// Takes out all of a kind of which several are installed; says so.
fn one_of_a_kind(loaded: &mut Vec<Loaded>) -> Vec<String> {
    let mut words = Vec::new();
    for kind in [Kind::VertebraClassifier, Kind::FractureDetector] {
        let of_kind = loaded.iter().map(|model| &model.summary).filter(|summary| summary.kind == kind);
        let names: Vec<&str> = of_kind.map(|summary| summary.name.as_str()).collect();
        if names.len() > 1 {
            let names = names.join(", ");
            words.push(format!("several of kind {} are installed ({names}), so none of them is used", kind.name()));
            loaded.retain(|model| model.summary.kind != kind);
        }
    }
    words
}

fn replaced(refusal: &Refusal, loaded: &[Loaded]) -> String {
    let instead = loaded.iter().find(|model| model.summary.name == refusal.package);
    let words = instead.map(|Loaded { summary, .. }| format!("{} {} in its place", summary.name, summary.version));
    format!("{}; {}", refusal.why, words.unwrap_or_else(|| "another in its place".into()))
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn versions_go_by_precedence_and_not_by_letters() {
        let rising = ["x", "0.1.0", "0.2.0-rc.1", "0.2.0", "0.9.0", "0.10.0", "1.0.0-alpha", "1.0.0", "10.0.0"];
        for (at, version) in rising.iter().enumerate() {
            for (than_at, than) in rising.iter().enumerate() {
                assert_eq!(is_newer(version, than), at > than_at, "{version} than {than}");
            }
        }
        assert!(!is_newer("1.0.0+b", "1.0.0+a"), "the same but for how it was built");
        assert!(!is_newer("v2", "v1"), "neither is a version");
    }
}
