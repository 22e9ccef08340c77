//! Every cut of a recording: the disk as it lies there, opened with the product's own code, its promises counted.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use crossbeam_channel::bounded;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::disk::{Disk, Image, Unsynced, lay};
use crate::trace::Op;

/// What a cut did to the device.
#[derive(Debug)]
pub enum Flaw {
    /// It does not work any more, or has lost all that it knew.
    Brick(String),
    /// A promise is broken: a verdict or a message that was told is gone, or is told twice.
    Lost(String),
}

/// What all cuts together did.
#[derive(Debug, Default)]
pub struct Tally {
    pub in_order: usize,
    pub careless: usize,
    pub bricks: Vec<String>,
    pub lost: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_order, careless, bricks, lost } = self;
        let (bricks, lost) = (bricks.len(), lost.len());
        write!(f, "{in_order} cut points in order, {careless} on a careless disk; bricks: {bricks}, lost: {lost}")
    }
}

/// A disk after a cut, and the promises that stood then.
struct Cut {
    name: String,
    image: Image,
    said: Vec<String>,
}

const HABITS: [Unsynced; 6] =
    [Unsynced::Lost, Unsynced::Any, Unsynced::NamesOnly, Unsynced::Any, Unsynced::BytesOnly, Unsynced::Any];

/// What lay there, and what was promised, before the recording.
pub struct Before {
    pub image: Image,
    pub said: Vec<String>,
}

impl Before {
    /// An empty folder.
    pub const fn nothing() -> Self {
        Self { image: Image::new(), said: Vec::new() }
    }

    /// What a recording has done up to a line.
    pub fn line(ops: &[Op], line: &str) -> Self {
        let (mut disk, mut said) = (Disk::new(), Vec::new());
        let until = ops.iter().position(|op| *op == Op::Said(line.to_owned())).unwrap();
        for op in &ops[..until] {
            match op {
                Op::Said(line) => said.push(line.clone()),
                op => disk.apply(op),
            }
        }
        Self { image: disk.in_order(), said }
    }
}

/// Cuts the recording everywhere, in order, and `careless` times, drawn by `seed`, on a disk that keeps only what was
/// synced. `check` finds an image in a folder of its own, and the lines that were said before the cut.
pub fn replay(
    before: Before,
    ops: &[Op],
    careless: usize,
    seed: u64,
    check: impl Fn(&Path, &[String]) -> Result<(), Flaw> + Sync,
) -> Tally {
    let tally = Mutex::new(Tally::default());
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
    std::thread::scope(|scope| {
        let (cuts_in, cuts) = bounded::<Cut>(2 * workers);
        for _ in 0..workers {
            let (cuts, tally, check) = (cuts.clone(), &tally, &check);
            scope.spawn(move || {
                for cut in cuts {
                    let folder = crate::device::scratch();
                    lay(&cut.image, folder.path());
                    match check(folder.path(), &cut.said) {
                        Ok(()) => {}
                        Err(Flaw::Brick(why)) => tally.lock().unwrap().bricks.push(format!("{}: {why}", cut.name)),
                        Err(Flaw::Lost(why)) => tally.lock().unwrap().lost.push(format!("{}: {why}", cut.name)),
                    }
                }
            });
        }
        drop(cuts);
        let (in_order, drawn) = cut(before, ops, careless, seed, |cut| cuts_in.send(cut).unwrap());
        let mut tally = tally.lock().unwrap();
        (tally.in_order, tally.careless) = (in_order, drawn);
    });
    tally.into_inner().unwrap()
}

/// Goes through the recording once; gives how many cuts of each model there were.
fn cut(before: Before, ops: &[Op], careless: usize, seed: u64, mut give: impl FnMut(Cut)) -> (usize, usize) {
    let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut drawn: Vec<usize> = (0..careless).map(|_| chance.random_range(0..=ops.len())).collect();
    drawn.sort_unstable();
    let mut drawn = drawn.into_iter().enumerate().peekable();
    let (mut disk, mut said, mut in_order) = (Disk::of(&before.image), before.said, 0);
    for at in 0..=ops.len() {
        let op = ops.get(at);
        // a sync or a line changes nothing that lies there: the strongest promise is held against each image
        if op.is_none_or(Disk::changes) {
            in_order += 1;
            give(Cut {
                name: format!("in order, before {at} {}", brief(op)),
                image: disk.in_order(),
                said: said.clone(),
            });
        }
        while let Some((number, _)) = drawn.next_if(|(_, cut)| *cut == at) {
            let habit = HABITS[number % HABITS.len()];
            let name = format!("{habit:?}, before {at} {}", brief(op));
            give(Cut { name, image: disk.careless(habit, &mut chance), said: said.clone() });
        }
        match op {
            Some(Op::Said(line)) => said.push(line.clone()),
            Some(op) => disk.apply(op),
            None => {}
        }
    }
    (in_order, careless)
}

fn brief(op: Option<&Op>) -> String {
    match op {
        Some(Op::Write { path, at, bytes }) => format!("write of {} to {} at {at}", bytes.len(), path.display()),
        other => format!("{other:?}"),
    }
}
