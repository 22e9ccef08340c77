//! What the scanner promises, on water with simple things in it.

use rand::SeedableRng;

use super::*;
use crate::phantom::geometry::v;
use crate::phantom::profile::Profile;

const SIZE: usize = 192;

/// A scanner of the standard profile with this kernel, without metal and motion.
fn scanner(kernel: Kernel) -> Scanner {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(4);
    let drawn = Scanner::draw(&Profile::Standard.scanner(), [0.0, -150.0], rng);
    Scanner { kernel, dose: 1.0, fillings: 0.0, motion: Motion::default(), ring: 0.0, ..drawn }
}

const SOFT: Kernel = Kernel { half: 0.36, order: 2.0, lift: 0.0 };
const BONE: Kernel = Kernel { half: 0.92, order: 4.0, lift: 0.5 };

/// A picture of `value` of the place in mm from its middle.
fn picture(size: usize, pitch: f32, value: impl Fn(f32, f32) -> f32) -> Canvas {
    let first = -0.5 * pitch * (size as f32 - 1.0);
    let mut canvas = Canvas::new(size, pitch, v(first, first, 0.0), 0.5);
    for y in 0..size {
        for x in 0..size {
            canvas.hu[y * size + x] = value(first + x as f32 * pitch, first + y as f32 * pitch);
        }
    }
    canvas
}

/// Water in an ellipse of these half axes, mm, as the scanner shows it: less what it is.
fn exposed(scanner: &Scanner, half: [f32; 2], more: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    exposed_at(scanner, half, more, 0.0, 1.0)
}

/// The same at a height, in a slice of some thickness, mm.
fn exposed_at(
    scanner: &Scanner,
    half: [f32; 2],
    more: impl Fn(f32, f32) -> f32,
    height: f32,
    thickness: f32,
) -> Vec<f32> {
    let water = |x: f32, y: f32| {
        let inside = (x / half[0]).powi(2) + (y / half[1]).powi(2) < 1.0;
        if inside { more(x, y) } else { -1000.0 }
    };
    let (mut canvas, body) = (picture(SIZE, 0.8, water), picture(64, BODY_MM / 64.0, water));
    canvas.origin.z = height;
    let before = canvas.hu.clone();
    scanner.expose(&mut canvas, &body, 0.0, thickness, 7);
    canvas.hu.iter().zip(&before).map(|(after, before)| after - before).collect()
}

/// Deviation in a square of `half` pixels to each side of a place, and correlation with the next but two pixel of the row.
fn noise(values: &[f32], [column, row]: [usize; 2], half: usize) -> [f32; 2] {
    let at = |x: usize, y: usize| values[(row + y - half) * SIZE + column + x - half];
    let all: Vec<f32> = (0..4 * half * half).map(|i| at(i % (2 * half), i / (2 * half))).collect();
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    let variance = all.iter().map(|hu| (hu - mean).powi(2)).sum::<f32>() / all.len() as f32;
    let pairs = (0..2 * half).flat_map(|y| (3..2 * half).map(move |x| (at(x, y) - mean) * (at(x - 3, y) - mean)));
    let shared = pairs.sum::<f32>() / (2 * half * (2 * half - 3)) as f32;
    [variance.sqrt(), shared / variance]
}

const MIDDLE: [usize; 2] = [SIZE / 2, SIZE / 2];

#[test]
fn noise_grows_between_shoulders_and_runs_in_streaks_from_side_to_side() {
    let scanner = scanner(BONE);
    let [neck, shoulders] =
        [[62.0, 58.0], [210.0, 90.0]].map(|half| noise(&exposed(&scanner, half, |_, _| 0.0), MIDDLE, 24));
    assert!(shoulders[0] > 1.6 * neck[0], "{shoulders:?} {neck:?}");
    assert!(shoulders[1] > neck[1] + 0.2, "{shoulders:?} {neck:?}");
}

#[test]
fn a_bone_kernel_has_more_noise_than_a_soft_one() {
    let [soft, bone] =
        [SOFT, BONE].map(|kernel| noise(&exposed(&scanner(kernel), [62.0, 58.0], |_, _| 0.0), MIDDLE, 24)[0]);
    assert!(bone > 1.5 * soft && (3.0..30.0).contains(&soft), "{bone} {soft}");
}

#[test]
fn less_dose_and_thinner_slices_are_noisier() {
    let scanner = scanner(SOFT);
    let low = Scanner { dose: 0.25, ..scanner.clone() };
    let of = |scanner: &Scanner, thickness: f32| {
        noise(&exposed_at(scanner, [62.0, 58.0], |_, _| 0.0, 0.0, thickness), MIDDLE, 24)[0]
    };
    let [usual, low, thick] = [of(&scanner, 1.0), of(&low, 1.0), of(&scanner, 4.0)];
    assert!((low / usual - 2.0).abs() < 0.3, "a quarter of the dose is twice the noise: {low} {usual}");
    assert!((usual / thick - 2.0).abs() < 0.3, "slices four times as thick have half of it: {usual} {thick}");
}

#[test]
fn between_dense_bones_it_is_darker() {
    let scanner = Scanner { dose: 1e4, hardening: 0.012, ..scanner(SOFT) };
    let bones = |x: f32, y: f32| if (x.abs() - 35.0).hypot(y) < 12.0 { 1200.0 } else { 0.0 };
    let shown = exposed(&scanner, [70.0, 65.0], bones);
    let mean = |row: usize| (0..9).map(|i| shown[row * SIZE + SIZE / 2 - 4 + i]).sum::<f32>() / 9.0;
    assert!(mean(SIZE / 2) < mean(SIZE / 2 + 45) - 8.0, "{} {}", mean(SIZE / 2), mean(SIZE / 2 + 45));
}

#[test]
fn metal_throws_streaks() {
    let tooth = |x: f32, y: f32| if (x - 20.0).hypot(y + 30.0) < 5.0 { 2200.0 } else { 0.0 };
    let scanner = Scanner { dose: 1e4, fillings: 2.0, ..scanner(SOFT) };
    let away = |shown: &[f32]| noise(shown, [SIZE / 2 - 20, SIZE / 2 - 38], 12)[0];
    let filled = away(&exposed(&scanner, [70.0, 65.0], tooth));
    let sound = away(&exposed(&Scanner { fillings: 0.0, ..scanner }, [70.0, 65.0], tooth));
    assert!(filled > 3.0 * sound, "{filled} {sound}");
}

#[test]
fn a_detector_out_of_tune_draws_rings_around_the_middle() {
    let tuned = scanner(SOFT);
    let half = [70.0, 65.0];
    let [with, without] = [Scanner { ring: 0.004, ring_at: [0.6; 3], ..tuned.clone() }, tuned]
        .map(|scanner| exposed(&scanner, half, |_, _| 0.0));
    let middle = 0.5 * (SIZE as f32 - 1.0);
    let mut rings = vec![(0.0_f32, 0.0_f32); SIZE];
    for (at, (with, without)) in with.iter().zip(&without).enumerate() {
        let radius = ((at % SIZE) as f32 - middle).hypot((at / SIZE) as f32 - middle);
        let ring = &mut rings[index_below(radius)];
        *ring = (ring.0 + with - without, ring.1 + 1.0);
    }
    let mean: Vec<f32> = rings.iter().take(80).map(|(sum, count)| (sum / count.max(1.0)).abs()).collect();
    let radius = (0..80).max_by(|a, b| mean[*a].total_cmp(&mean[*b])).unwrap_or(0);
    assert!((36..=46).contains(&radius), "three tenths of the detector's half: {radius} {mean:?}");
    assert!(mean[radius] > 3.0 && mean[radius] > 5.0 * mean[60], "{mean:?}");
    let rings = |rate: f64| {
        let mut range = Profile::Standard.scanner();
        range.rings = rate;
        Scanner::draw(&range, [0.0, -150.0], &mut Xoshiro256PlusPlus::seed_from_u64(4)).ring
    };
    assert!(rings(1.0) > 0.0 && rings(0.0) == 0.0);
}

/// The scanner of a patient who moves, or does not.
fn with_motion(rate: f64, seed: u64) -> Scanner {
    let mut range = Profile::Standard.scanner();
    range.motion = (rate, 3.0..=3.0);
    let drawn = Scanner::draw(&range, [0.0, -150.0], &mut Xoshiro256PlusPlus::seed_from_u64(seed));
    Scanner { motion: drawn.motion, dose: 1e4, ..scanner(SOFT) }
}

#[test]
fn a_patient_who_moves_wavers_and_is_doubled_at_one_height() {
    let heights = || (0..=75_u8).map(|step| -2.0 * f32::from(step));
    let jolted =
        |scanner: &Scanner| heights().find(|z| scanner.motion.second(*z).is_some_and(|(_, share)| share > 0.4));
    let found = (0..20).map(|seed| with_motion(1.0, seed)).find_map(|scanner| jolted(&scanner).map(|z| (scanner, z)));
    let (moves, jolt) = found.unwrap_or_else(|| panic!("nobody moves"));
    let still = with_motion(0.0, 4);
    let shift = |scanner: &Scanner| heights().map(|z| scanner.shift(z).abs()).fold(0.0, f32::max);
    assert!(shift(&moves) > 0.05 && shift(&still) == 0.0, "{}", shift(&moves));
    let rod = |x: f32, y: f32| if (x - 20.0).hypot(y) < 8.0 { 900.0 } else { 40.0 };
    let greatest = |height: f32| {
        let [a, b] = [&moves, &still].map(|scanner| exposed_at(scanner, [70.0, 65.0], rod, height, 1.0));
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let away = heights().find(|z| moves.motion.second(*z).is_none()).unwrap_or(jolt);
    assert!(greatest(jolt) > 100.0, "the edges of the rod are doubled: {}", greatest(jolt));
    assert!(greatest(away) < 1.0, "elsewhere the picture is sharp: {}", greatest(away));
}
