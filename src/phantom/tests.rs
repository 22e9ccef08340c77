//! What the phantom promises, held on small matrices.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use rayon::prelude::*;

use super::fracture::Fracture;
use super::truth::TruthBox;
use super::*;
use crate::published;
use crate::triage::Level;

/// A small study from head to foot, 128 x 128.
fn small(seed: u64, fractures: Fractures) -> StudySpec {
    StudySpec {
        fractures,
        spacing_mm: 2.0..=2.0,
        matrix: 128,
        direction: Direction::HeadToFoot,
        ..StudySpec::new(seed)
    }
}

fn truths(study: &Study) -> Vec<SliceTruth> {
    (0..study.len()).into_par_iter().map(|i| study.render(i).truth).collect()
}

/// First and last slice that shows the level; `None` when a slice between them does not.
fn stretch(truths: &[SliceTruth], level: usize) -> Option<[usize; 2]> {
    let shown: Vec<usize> = (0..truths.len()).filter(|i| truths[*i].levels[level]).collect();
    let (first, last) = (*shown.first()?, *shown.last()?);
    (last - first + 1 == shown.len()).then_some([first, last])
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let file = |seed| {
        let study = Study::generate(&small(seed, Fractures::Fractured));
        dicom_writer::encode(&study, 30, &study.render(30).hounsfield, &Habits::console()).unwrap()
    };
    assert_eq!(file(5), file(5));
    assert_ne!(file(5), file(6));
}

#[test]
fn every_vertebra_shows_in_one_stretch_and_they_follow_each_other_from_head_to_foot() {
    for seed in 0..4 {
        let truths = truths(&Study::generate(&small(seed, Fractures::Fractured)));
        let stretches: Vec<[usize; 2]> =
            (0..7).map(|l| stretch(&truths, l).unwrap_or_else(|| panic!("seed {seed}, C{}", l + 1))).collect();
        for pair in stretches.windows(2) {
            assert!(pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1], "seed {seed}: {stretches:?}");
        }
        assert!(stretches[0][0] > 0 && stretches[6][1] + 1 < truths.len(), "air above C1 and room below C7");
    }
}

#[test]
fn extents_and_overlaps_resemble_the_published_ones() {
    let all: Vec<Vec<SliceTruth>> =
        (100..110).map(|seed| truths(&Study::generate(&small(seed, Fractures::Intact)))).collect();
    for (level, published) in published::EXTENTS.into_iter().enumerate() {
        let slices: usize = all.iter().map(|t| t.iter().filter(|t| t.levels[level]).count()).sum();
        let mean = 2.0 * slices as f64 / all.len() as f64;
        assert!((mean / published - 1.0).abs() < 0.15, "C{}: {mean:.1} mm, published {published}", level + 1);
    }
    let mut shares = [0.0; 8];
    let total: usize = all.iter().map(Vec::len).sum();
    for truth in all.iter().flatten() {
        shares[truth.levels.iter().filter(|shown| **shown).count()] += 1.0 / total as f64;
    }
    for (share, published) in shares.into_iter().zip(published::VISIBLE_AT_ONCE) {
        assert!((share - published).abs() < 0.06, "{shares:?}");
    }
}

#[test]
fn every_fracture_is_boxed_over_the_fractured_vertebra_and_inside_the_image() {
    let cases: Vec<(FractureKind, Level)> = FractureKind::ALL
        .into_iter()
        .flat_map(|kind| [Level::C1, Level::C2, Level::C4, Level::C7].map(|level| (kind, level)))
        .filter(|(kind, level)| kind.fits(*level))
        .collect();
    assert_eq!(cases.len(), 4 + 10 + 10 + 10);
    cases.par_iter().enumerate().for_each(|(i, (kind, level))| {
        let mut spec = small(200 + i as u64, Fractures::Exactly(vec![(*level, *kind)]));
        spec.difficulty = 0.2..=0.2;
        let study = Study::generate(&spec);
        assert_eq!(study.truth(), Level::ALL.map(|l| l == *level));
        let slices: Vec<RenderedSlice> = (0..study.len()).map(|index| study.render(index)).collect();
        let truths: Vec<SliceTruth> = slices.iter().map(|s| s.truth.clone()).collect();
        let [first, last] = stretch(&truths, *level as usize).unwrap();
        let mut boxed = 0;
        for (index, slice) in slices.iter().enumerate() {
            for b in &slice.truth.boxes {
                boxed += 1;
                assert_eq!(b.level, *level);
                // The thin end of a process may show its break where there is hardly any bone left.
                assert!(index + 1 >= first && index <= last + 1, "{kind:?} {level:?}: box far from the vertebra");
                assert!(b.width > 0 && b.height > 0 && b.x + b.width <= 128 && b.y + b.height <= 128);
                let bone = (b.y..b.y + b.height)
                    .flat_map(|y| (b.x..b.x + b.width).map(move |x| y * 128 + x))
                    .filter(|at| slice.hounsfield[*at] > 250)
                    .count();
                assert!(bone > 3, "{kind:?} {level:?}: no bone in the box");
            }
        }
        assert!(boxed >= 2, "{kind:?} {level:?}: {boxed} boxed slices of 2 mm");
    });
}

#[test]
fn a_broken_and_an_intact_spine_of_one_seed_differ_only_where_the_fracture_is() {
    let broken = Study::generate(&small(9, Fractures::Exactly(vec![(Level::C5, FractureKind::Burst)])));
    let intact = Study::generate(&small(9, Fractures::Intact));
    assert_eq!(broken.len(), intact.len());
    let differing: Vec<usize> =
        (0..broken.len()).filter(|i| broken.render(*i).hounsfield != intact.render(*i).hounsfield).collect();
    let truths = truths(&broken);
    let [first, last] = stretch(&truths, Level::C5 as usize).unwrap();
    assert!(!differing.is_empty());
    // Blood in front of the spine reaches beyond the vertebra.
    assert!(differing.iter().all(|i| *i + 10 >= first && *i <= last + 10), "{differing:?}, C5 in {first}..={last}");
}

/// The planes of a study around one of its vertebrae, every 1.6 mm and without noise.
fn planes_around(study: &Study, level: Level, size: usize) -> Vec<(canvas::Canvas, SliceTruth)> {
    let spec = StudySpec::new(study.seed());
    let centre = anatomy::Anatomy::new(spec.seed, &spec.profile.anatomy(), study.fractures()).centres[level as usize].z;
    let planes = (-18..=18_i8).map(|step| study.plane(centre + 1.6 * f32::from(step), size));
    planes.map(|(canvas, _, truth)| (canvas, truth)).collect()
}

#[test]
fn a_hair_line_of_every_kind_can_be_seen_against_the_intact_bone() {
    let level = |kind: FractureKind| [Level::C5, Level::C2, Level::C1].into_iter().find(|l| kind.fits(*l)).unwrap();
    FractureKind::ALL.into_par_iter().enumerate().for_each(|(i, kind)| {
        let level = level(kind);
        let spec =
            StudySpec { difficulty: 1.0..=1.0, ..small(700 + i as u64, Fractures::Exactly(vec![(level, kind)])) };
        let broken = planes_around(&Study::generate(&spec), level, 224);
        let intact = planes_around(&Study::generate(&StudySpec { fractures: Fractures::Intact, ..spec }), level, 224);
        let seen = broken.iter().zip(&intact).filter(|((broken, truth), (intact, _))| {
            let inside =
                |b: TruthBox| (b.y..b.y + b.height).flat_map(move |y| (b.x..b.x + b.width).map(move |x| y * 224 + x));
            let differ = |at: &usize| (broken.hu[*at] - intact.hu[*at]).abs() > 80.0;
            truth.boxes.iter().any(|b| inside(*b).filter(differ).count() >= 3)
        });
        assert!(seen.count() >= 1, "{kind:?} of {level:?} cannot be seen");
    });
}

#[test]
fn the_harder_the_fracture_the_less_of_it_shows() {
    for kind in [FractureKind::Burst, FractureKind::Facet, FractureKind::Transverse] {
        let differing = |difficulty: f32| -> usize {
            let spec = small(31, Fractures::Exactly(vec![(Level::C5, kind)]));
            let spec = StudySpec { difficulty: difficulty..=difficulty, ..spec };
            let boxes = planes_around(&Study::generate(&spec), Level::C5, 128).into_iter().flat_map(|(_, t)| t.boxes);
            boxes.map(|b| b.width * b.height).sum()
        };
        let [wide, middle, hair] = [0.0, 0.5, 1.0].map(differing);
        assert!(wide > middle && middle > hair && hair > 0, "{kind:?}: {wide} {middle} {hair}");
    }
}

#[test]
fn boxes_are_about_as_large_as_published() {
    let boxes: Vec<TruthBox> = (0..48_u64)
        .into_par_iter()
        .flat_map_iter(|seed| {
            let spec = StudySpec { difficulty: 0.0..=1.0, ..small(900 + seed, Fractures::Fractured) };
            let study = Study::generate(&spec);
            let levels: Vec<Level> = study.fractures().iter().map(|f| f.level).collect();
            let planes =
                levels.into_iter().flat_map(move |level| planes_around(&study, level, 128).into_iter().step_by(4));
            planes.flat_map(|(_, truth)| truth.boxes).collect::<Vec<_>>()
        })
        .collect();
    for (side, [_, published, _]) in [(true, published::BOX_WIDTH), (false, published::BOX_HEIGHT)] {
        let mut sizes: Vec<usize> = boxes.iter().map(|b| if side { b.width } else { b.height } * 4).collect();
        sizes.sort_unstable();
        let median = sizes[sizes.len() / 2] as f64;
        assert!((median / published - 1.0).abs() < 0.35, "{median} px, published {published}");
    }
}

/// Left, top, right, bottom of the pixels for which something holds, all inclusive.
fn around(size: usize, holds: impl Fn(usize) -> bool) -> Option<[usize; 4]> {
    let grow = |edges: Option<[usize; 4]>, at: usize| {
        let (x, y) = (at % size, at / size);
        let [l, t, r, b] = edges.unwrap_or([x, y, x, y]);
        Some([l.min(x), t.min(y), r.max(x), b.max(y)])
    };
    (0..size * size).filter(|at| holds(*at)).fold(None, grow)
}

#[test]
fn in_an_odd_neck_only_the_fracture_is_boxed_and_only_where_it_differs_from_the_intact_bone() {
    const SIZE: usize = 192;
    // Fractures behind the bodies, which do not bleed: all that differs is the bone.
    let cases =
        [(Level::C3, FractureKind::Lamina), (Level::C5, FractureKind::Facet), (Level::C6, FractureKind::Spinous)];
    let cases = (0..2_u64).flat_map(|seed| cases.map(|(level, kind)| (seed, level, kind))).collect::<Vec<_>>();
    cases.into_par_iter().for_each(|(seed, level, kind)| {
        let fractures = Fractures::Exactly(vec![(level, kind)]);
        let usual = StudySpec { spacing_mm: 3.0..=3.0, ..small(300 + seed, fractures) };
        let spec = StudySpec { profile: Profile::UnseenAnatomy, ..usual };
        let intact = Study::generate(&StudySpec { fractures: Fractures::Intact, ..spec.clone() });
        let broken = Study::generate(&spec);
        let mut boxed = 0;
        for index in 0..broken.len() {
            let height = broken.geometry().height(index);
            let ((canvas, _, truth), (whole, _, none)) = (broken.plane(height, SIZE), intact.plane(height, SIZE));
            assert!(none.boxes.is_empty() && none.fractured == [false; 7], "{seed}, slice {index}: {none:?}");
            for b in &truth.boxes {
                let case = format!("seed {}, {level:?} {kind:?}, slice {index}: {b:?}", spec.seed);
                boxed += 1;
                assert_eq!(b.level, level, "{case}");
                assert_eq!(truth.fractured, Level::ALL.map(|l| l == level), "{case}");
                let label = level as u8 + 1;
                let outline = around(SIZE, |at| canvas.labels[at] == label || whole.labels[at] == label);
                let [left, top, right, bottom] = outline.unwrap_or_else(|| panic!("{case}: not in the slice"));
                let (x, y) = (b.x + b.width / 2, b.y + b.height / 2);
                assert!((left..=right).contains(&x) && (top..=bottom).contains(&y), "{case}: beside the vertebra");
                let differs = around(SIZE, |at| (canvas.hu[at] - whole.hu[at]).abs() > 40.0);
                let [left, top, right, bottom] = differs.unwrap_or_else(|| panic!("{case}: nothing differs"));
                // A reader's margin of up to 1.1 * (2.6 mm + 0.42 of the side), and the fainter rim.
                let margin = |from: usize, to: usize| 4.5 / canvas.pitch + 0.5 * (to - from + 1) as f32;
                let (aside, above) = (margin(left, right), margin(top, bottom));
                assert!(b.x as f32 >= left as f32 - aside && (b.x + b.width) as f32 <= right as f32 + aside, "{case}");
                assert!(b.y as f32 >= top as f32 - above && (b.y + b.height) as f32 <= bottom as f32 + above, "{case}");
            }
        }
        assert!(boxed > 0, "seed {seed}: {level:?} {kind:?} shows nowhere");
    });
}

#[test]
fn a_thick_slice_shows_the_fractures_that_its_two_planes_show_on_average() {
    let fractures = Fractures::Exactly(vec![(Level::C5, FractureKind::Burst), (Level::C6, FractureKind::Wedge)]);
    let spec = StudySpec { profile: Profile::UnseenScanner, protocol: Protocol::Drawn, ..small(41, fractures) };
    let study = Study::generate(&StudySpec { difficulty: 0.5..=0.5, ..spec });
    let g = study.geometry();
    assert!(g.thickness_mm > 1.2);
    let mut boxed = 0;
    for index in 0..study.len() {
        let (slice, mask) = study.render_with_mask(index);
        let planes = [0.25, -0.25].map(|share| study.plane(g.height(index) + share * g.thickness_mm, 128).2);
        for level in Level::ALL.map(|level| level as usize) {
            let shown = mask.contains(&(u8::try_from(level).unwrap() + 1));
            assert_eq!(slice.truth.levels[level], shown, "slice {index}, C{}", level + 1);
            let (all, any) = (planes.iter().all(|p| p.fractured[level]), planes.iter().any(|p| p.fractured[level]));
            let fractured = slice.truth.fractured[level];
            assert!(fractured || !all, "slice {index}: both planes show C{}", level + 1);
            assert!(any || !fractured, "slice {index}: neither plane shows C{}", level + 1);
        }
        let boxes = &slice.truth.boxes;
        boxed += usize::from(!boxes.is_empty());
        assert!(boxes.len() < 2 || boxes[0].level != boxes[1].level, "slice {index}: {boxes:?}");
    }
    assert!(boxed > 3, "{boxed} boxed slices");
}

#[test]
fn the_mask_of_a_chest_numbers_its_vertebrae_as_published() {
    let study =
        Study::generate(&StudySpec { region: Region::Chest, spacing_mm: 6.0..=6.0, ..small(4, Fractures::Intact) });
    let masks: Vec<Vec<u8>> = (0..study.len()).into_par_iter().map(|index| study.render_with_mask(index).1).collect();
    let first = |label: u8| masks.iter().position(|mask| mask.contains(&label));
    // T1 to T12 are 8 to 19; the chest holds T4 to T12, as far as the scan reaches.
    let starts: Vec<usize> = (11..=19).map_while(first).collect();
    assert!(starts.len() > 4 && starts.is_sorted(), "{starts:?}");
    let beyond = masks.iter().flatten().filter(|label| (1..11).contains(*label) || **label > 19).count();
    assert_eq!(beyond, 0);
}

#[test]
fn head_and_chest_show_no_cervical_vertebra() {
    for region in [Region::Head, Region::Chest] {
        let study = Study::generate(&StudySpec { region, ..small(4, Fractures::Fractured) });
        assert!(study.fractures().is_empty());
        assert!(truths(&study).iter().all(|t| *t == SliceTruth::default()), "{region:?}");
        let middle = study.render(study.len() / 2);
        assert!(middle.hounsfield.iter().any(|hu| *hu > 400), "{region:?}: no bone at all");
    }
}

#[test]
fn from_foot_to_head_is_the_same_patient_in_the_other_order() {
    let down = Study::generate(&small(12, Fractures::Fractured));
    let up = Study::generate(&StudySpec { direction: Direction::FootToHead, ..small(12, Fractures::Fractured) });
    let (n, mut reversed) = (down.len(), truths(&up));
    reversed.reverse();
    assert_eq!(truths(&down), reversed);
    assert_eq!(down.geometry().image_position_patient(0), up.geometry().image_position_patient(n - 1));
    assert!(down.geometry().image_position_patient(0)[2] > down.geometry().image_position_patient(1)[2]);
}

#[test]
fn two_thousand_studies_are_fractured_as_often_as_published() {
    let spec = |seed| StudySpec { fractures: Fractures::Sometimes(published::FRACTURED), ..StudySpec::new(seed) };
    let drawn: Vec<Vec<Fracture>> = (0..2000).map(|seed| spec::draw_fractures(&spec(seed))).collect();
    let share =
        |holds: &dyn Fn(&Fracture) -> bool| drawn.iter().filter(|d| d.iter().any(holds)).count() as f64 / 2000.0;
    assert!((share(&|_| true) - published::FRACTURED).abs() < 0.03);
    for (level, published) in Level::ALL.into_iter().zip(published::FRACTURED_LEVELS) {
        let found = share(&|f: &Fracture| f.level == level);
        assert!((found - published).abs() < 0.025, "{level:?}: {found:.3}, published {published}");
    }
}

#[test]
fn half_of_the_drawn_studies_are_fractured_mostly_at_one_level() {
    let counts: Vec<usize> = (0..400).map(|seed| spec::draw_fractures(&StudySpec::new(seed)).len()).collect();
    let of = |n: usize| counts.iter().filter(|c| **c == n).count();
    assert!((160..=240).contains(&of(0)), "{} intact of 400", of(0));
    assert!(of(1) > of(2) && of(2) > of(3) && of(3) > 0, "{} {} {}", of(1), of(2), of(3));
}

/// The shipped models are trained on this anatomy: a change here means that they are out of date.
/// Values are means over 16 x 16 squares of one slice, within the rounding of another platform's arithmetic.
#[test]
fn the_anatomy_is_the_one_that_the_models_were_trained_on() {
    let study = Study::generate(&small(2022, Fractures::Exactly(vec![(Level::C5, FractureKind::Burst)])));
    let truths = truths(&study);
    let index = truths.iter().position(|t| !t.boxes.is_empty()).unwrap() + 2;
    let slice = study.render(index);
    let mean = |column: usize, row: usize| {
        let square = (0..256).map(|i| slice.hounsfield[(row * 16 + i / 16) * 128 + column * 16 + i % 16]);
        square.map(f64::from).sum::<f64>() / 256.0
    };
    let b = slice.truth.boxes[0];
    let found = [mean(3, 3), mean(4, 3), mean(3, 4), mean(4, 4)];
    let boxed = truths.iter().filter(|t| !t.boxes.is_empty()).count();
    assert_eq!((study.len(), index, boxed, [b.x, b.y, b.width, b.height]), PINNED_TRUTH, "{found:?}");
    for (found, pinned) in found.into_iter().zip(PINNED_MEANS) {
        assert!((found - pinned).abs() < 0.5, "{found} against {pinned}");
    }
}

const PINNED_TRUTH: (usize, usize, usize, [usize; 4]) = (111, 67, 7, [60, 50, 22, 26]);
const PINNED_MEANS: [f64; 4] = [-0.20, 47.93, 135.84, 188.01];
