//! A chest without a cervical vertebra: what a second series of the same visit may show. Coarser than the neck.

use rand::Rng;

use super::anatomy::Anatomy;
use super::canvas::{Canvas, Ellipse};
use super::geometry::{Frame, ramp, v};
use super::soft::{Devices, Midline, SoftTissue};
use super::solid::{Bone, ball, plate};
use super::stream::{Purpose, stream};
use super::surroundings::{Density, ribs};
use super::vertebra::{Measures, thoracic};

/// Distance between thoracic vertebrae, mm at scale 1.
const STEP: f32 = 22.0;
/// Label of T4 in a mask: T1 is 8.
const T4: u8 = 11;

/// The thoracic spine from T4 to T12, ribs and breast bone.
pub(super) fn anatomy(seed: u64) -> Anatomy {
    let mut rng = stream(seed, Purpose::Chest);
    let size = rng.random_range(0.9..=1.1_f32);
    let strength = rng.random_range(-1.0..=1.0_f32);
    let density =
        Density { cortex_hu: 1000.0 + 100.0 * strength, inner_hu: 260.0 + 60.0 * strength, seed: rng.random() };
    let kyphosis = rng.random_range(6.0..=16.0_f32);
    let centre = |i: f32| v(0.0, kyphosis * (1.0 - ((i - 4.0) / 4.0).powi(2)), -STEP * i) * size;
    let substance = density.substance(1.2, 80.0);
    let (mut bones, mut labels, mut centres) = (Vec::new(), Vec::new(), Vec::new());
    for (i, label) in (0..9_u8).zip(T4..) {
        let i = f32::from(i);
        let way = (centre(i - 1.0) - centre(i + 1.0)).unit();
        let frame = Frame::new(centre(i), -(way.y / way.z).atan(), 0.0, 0.0);
        let measures = Measures::new(9, size, STEP * size, STEP * size, false);
        let shape = thoracic(&measures, false);
        bones.push(Bone::new(frame, shape.solids, shape.hollows, &substance));
        labels.push(label);
        bones.extend(ribs(frame, measures.k, 4.0, &density));
        labels.resize(bones.len(), 0);
        centres.push(frame.origin);
    }
    let front = |z: f32, y: f32| v(0.0, y, z) * size;
    let sternum = vec![
        plate(front(0.0, -84.0), front(-110.0, -100.0), 5.0, 1.0),
        ball(front(4.0, -84.0), v(22.0, 7.0, 22.0) * size),
    ];
    bones.push(Bone::new(Frame::new(centres[0], 0.0, 0.0, 0.0), sternum, Vec::new(), &substance));
    labels.push(0);
    let tissue = SoftTissue {
        size,
        fat_mm: rng.random_range(6.0..=24.0),
        girth: rng.random_range(0.92..=1.1),
        blood_hu: 45.0,
        airway: 1.0,
        canal: 1.0,
        marbling: 0.3,
        raise_mm: 0.0,
        devices: Devices::table(0.0),
        seed: rng.random(),
    };
    Anatomy { bones, labels, tissue, turns: vec![0.0; centres.len()], head: v(0.0, 0.0, 1.0), centres, size }
}

/// Paints the soft tissue of one slice of the chest onto an empty canvas.
pub(super) fn paint(canvas: &mut Canvas, tissue: &SoftTissue, midline: Midline) {
    let k = tissue.size;
    let mut egg = |x: f32, y: f32, half: [f32; 3], hu: f32| {
        let at = [midline.at[0] + k * x, midline.at[1] + k * y];
        canvas.ellipse(&Ellipse { at, half: half.map(|h| h * k), turn: [1.0, 0.0], hu, edge: 1.2 });
    };
    let low = ramp(0.0, -170.0, midline.height);
    let (wide, fat) = (168.0 * tissue.girth, tissue.fat_mm);
    egg(0.0, -15.0, [wide, 112.0, 98.0], 10.0);
    egg(0.0, -15.0, [wide - 2.0, 110.0, 96.0], -105.0);
    egg(0.0, -15.0, [wide - fat, 110.0 - fat, 96.0 - fat], 52.0);
    for side in [1.0, -1.0] {
        egg(side * 70.0, -18.0, [48.0, 70.0, 62.0], -870.0);
    }
    egg(0.0, -36.0, [26.0, 46.0, 30.0], 40.0);
    egg(22.0, -48.0, [58.0 * low, 34.0, 38.0], 44.0);
    egg(18.0, -10.0, [11.0; 3], tissue.blood_hu);
    let windpipe = ramp(-70.0, -40.0, midline.height);
    egg(0.0, -28.0, [9.0 * windpipe; 3], -1000.0);
    egg(0.0, 16.0, [9.0, 7.0, 7.0], 14.0);
    egg(0.0, 16.4, [5.0, 4.0, 4.0], 42.0);
}
