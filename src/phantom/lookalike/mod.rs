//! The false friends: what a worn, unusual or healed neck shows that is no fracture.
//!
//! All of it has smooth, corticated or rounded margins, which is how a careful eye tells it from a fresh break.
//! None of it carries a label or a box.

mod canals;
mod discs;
mod healed;
mod loose;
mod spurs;

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::column::{COUNT, Column};
use super::solid::Bone;
use super::stream::{Purpose, stream};
use super::vertebra::Measures;
use discs::Disc;
use healed::Healed;

/// How often the false friends are met. Rates are per patient unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookalikeRange {
    /// Added to the patient's wear, 0 young to 1 old.
    wear: f32,
    /// Scales how often discs, joints and rims are worn, of a fully worn neck.
    degeneration: f32,
    /// Two vertebrae grown together from birth.
    block: f64,
    /// A bony bridge over a disc, per level of a fully worn neck.
    bridge: f64,
    /// Endplate with an inlet of disc, per level.
    schmorl: f64,
    /// Visible basivertebral vein, per level.
    vein: f64,
    /// A nutrient canal in lamina, pillar or body, per level.
    canal: f64,
    /// An old, healed fracture or an unfused ossicle, per level.
    healed: f64,
    /// Ossified posterior longitudinal ligament.
    posterior_ligament: f64,
    /// Ossified nuchal ligament, of a fully worn neck.
    nuchal_ligament: f64,
    /// Calcified carotid arteries, of a fully worn neck.
    vessels: f64,
    /// Swollen tissue in front of the spine without a fracture.
    swelling: f64,
}

impl LookalikeRange {
    /// As in the patients that models are trained on.
    pub const fn standard() -> Self {
        Self {
            wear: 0.0,
            degeneration: 1.0,
            block: 0.012,
            bridge: 0.06,
            schmorl: 0.03,
            vein: 0.3,
            canal: 0.22,
            healed: 0.02,
            posterior_ligament: 0.03,
            nuchal_ligament: 0.25,
            vessels: 0.7,
            swelling: 0.06,
        }
    }

    /// Worn and odd necks more often than among the published patients: a network learns to stay silent on what it has seen.
    pub const fn varied() -> Self {
        Self {
            wear: 0.18,
            degeneration: 1.15,
            block: 0.03,
            bridge: 0.11,
            schmorl: 0.06,
            vein: 0.4,
            canal: 0.38,
            healed: 0.045,
            posterior_ligament: 0.08,
            nuchal_ligament: 0.4,
            vessels: 0.9,
            swelling: 0.1,
        }
    }

    /// Older and odder patients than any that a model was trained on.
    pub const fn unseen() -> Self {
        Self {
            wear: 0.3,
            degeneration: 1.3,
            block: 0.05,
            bridge: 0.15,
            schmorl: 0.08,
            vein: 0.5,
            canal: 0.5,
            healed: 0.06,
            posterior_ligament: 0.12,
            nuchal_ligament: 0.5,
            vessels: 1.0,
            swelling: 0.15,
        }
    }
}

/// What one patient has of them.
pub(super) struct Lookalikes {
    seed: u64,
    range: LookalikeRange,
    wear: f32,
    /// The disc below each vertebra from C1 to T5; C1 has none.
    discs: [Disc; COUNT],
    healed: [Option<Healed>; COUNT],
}

/// A draw that says yes with a rate of any size.
fn chance(rng: &mut Xoshiro256PlusPlus, rate: f64) -> bool {
    rng.random_bool(rate.clamp(0.0, 1.0))
}

impl Lookalikes {
    /// For a patient with this wear, 0 to 1; a vertebra that is `fractured` has no old fracture.
    pub(super) fn draw(range: &LookalikeRange, wear: f32, seed: u64, fractured: [bool; 7]) -> Self {
        let rng = &mut stream(seed, Purpose::Lookalikes);
        let wear = (wear + range.wear).clamp(0.0, 1.0);
        let discs = discs::draw(rng, range, wear);
        let healed = std::array::from_fn(|index| {
            let healed = chance(rng, range.healed).then(|| Healed::draw(index, rng)).flatten();
            healed.filter(|_| !fractured.get(index).is_some_and(|broken| *broken))
        });
        Self { seed, range: *range, wear, discs, healed }
    }

    /// Changes the measures of a vertebra before it is built.
    pub(super) fn shape(&self, index: usize, m: &mut Measures) {
        if let Some(healed) = self.healed[index] {
            healed.shape(m);
        }
    }

    /// Adds to a vertebra that has been built from the measures `m`; before it breaks.
    pub(super) fn dress(&self, index: usize, m: &Measures, bone: &mut Bone) {
        let rng = &mut stream(self.seed, Purpose::LookalikesOf(index));
        if index > 0 {
            discs::endplates(bone, m, index, &self.discs);
            spurs::add(bone, m, index, self.wear * self.range.degeneration, rng);
        }
        canals::add(bone, m, index, &self.range, rng);
        if let Some(healed) = self.healed[index] {
            healed.dress(bone, m, rng);
        }
    }

    /// Changes the disc below a vertebra.
    pub(super) fn disc(&self, index: usize, m: &Measures, bone: &mut Bone) {
        discs::inside(&self.discs[index], m, bone);
    }

    /// Ossified ligaments and calcified vessels: bones that belong to no vertebra, made like `pattern`.
    pub(super) fn loose(&self, column: &Column, pattern: &Bone) -> Vec<Bone> {
        loose::bones(&self.range, self.wear, column, pattern, &mut stream(self.seed, Purpose::LooseBones))
    }

    /// Whether the tissue in front of an unbroken spine is swollen.
    pub(super) fn is_swollen(&self) -> bool {
        chance(&mut stream(self.seed, Purpose::IdleSwelling), self.range.swelling)
    }
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Anatomy;
    use super::super::build::AnatomyRange;
    use super::super::noise::hash;
    use super::*;

    /// Solids, hollows and inclusions of the patients of 40 seeds.
    fn parts(range: &AnatomyRange) -> usize {
        let patients = (0..40).map(|seed| Anatomy::new(hash(seed), range, &[]));
        patients.flat_map(|p| p.bones).map(|bone| bone.solids.len() + bone.hollows.len() + bone.inclusions.len()).sum()
    }

    #[test]
    fn odd_patients_have_more_of_them() {
        let odd = AnatomyRange::standard().with_lookalikes(LookalikeRange::unseen());
        let none = LookalikeRange { degeneration: 0.0, ..LookalikeRange::standard() };
        let none = LookalikeRange { block: 0.0, bridge: 0.0, schmorl: 0.0, vein: 0.0, canal: 0.0, healed: 0.0, ..none };
        let none =
            LookalikeRange { posterior_ligament: 0.0, nuchal_ligament: 0.0, vessels: 0.0, swelling: 0.0, ..none };
        let bare = AnatomyRange::standard().with_lookalikes(none);
        let [bare, usual, odd] = [bare, AnatomyRange::standard(), odd].map(|range| parts(&range));
        assert!(usual > bare + 40 * 5 && odd > usual + 40 * 5, "{bare} {usual} {odd}");
    }

    #[test]
    fn a_fractured_vertebra_has_no_old_fracture() {
        let always = LookalikeRange { healed: 1.0, ..LookalikeRange::standard() };
        for seed in 0..20 {
            let drawn = |fractured| Lookalikes::draw(&always, 0.5, seed, [fractured; 7]).healed;
            assert!(drawn(true)[..7].iter().all(Option::is_none));
            assert!(drawn(false)[1..7].iter().all(Option::is_some));
        }
    }

    #[test]
    fn ossified_ligaments_and_vessels_carry_no_level() {
        let always = LookalikeRange { posterior_ligament: 1.0, vessels: 9.0, ..LookalikeRange::unseen() };
        let range = AnatomyRange::standard().with_lookalikes(always);
        let patient = Anatomy::new(3, &range, &[]);
        assert_eq!(patient.bones.iter().filter(|bone| bone.level.is_some()).count(), 7);
        assert!(patient.bones.len() > Anatomy::new(3, &AnatomyRange::standard(), &[]).bones.len());
    }
}
