//! Air and its walls: nose, sinuses, throat, larynx, windpipe, gullet, and a breathing tube.

use super::Painter;
use crate::phantom::geometry::{mix, ramp};

/// Nasopharynx to windpipe: height above C1, centre, half width, half depth, thickness of the wall, mm at scale 1.
const AIRWAY: [[f32; 5]; 10] = [
    [26.0, -32.0, 11.0, 9.0, 2.5],
    [4.0, -27.0, 12.5, 7.0, 3.0],
    [-16.0, -23.5, 10.0, 4.6, 3.5],
    [-34.0, -22.5, 11.5, 6.0, 3.0],
    [-48.0, -24.0, 13.5, 6.5, 2.5],
    [-58.0, -25.5, 8.5, 7.5, 4.0],
    [-67.0, -26.0, 2.6, 9.0, 6.5],
    [-73.0, -24.0, 5.5, 9.0, 3.5],
    [-82.0, -25.0, 8.0, 9.0, 2.2],
    [-220.0, -26.0, 8.8, 8.2, 1.6],
];

impl Painter<'_> {
    pub(super) fn throat(&mut self) {
        let face = self.height_at(-60.0);
        if face > 10.0 {
            self.nose(face);
        }
        let h = self.height_at(-26.0);
        self.airway(h);
        if h < -74.0 {
            self.spot(-3.0, -14.0, 7.5, 3.4, 44.0);
            self.spot(-3.0, -14.0, 1.6, 0.7, -300.0);
        }
        if let Some(radius) = self.tissue.devices.tube_mm.filter(|_| h < 4.0) {
            let y = self.airway_at(h)[0].max(-28.0);
            self.spot(0.0, y, radius, radius, 190.0);
            self.spot(0.0, y, radius - 1.3, radius - 1.3, -1000.0);
            self.spot(0.0, y - radius + 0.6, 0.8, 0.5, 900.0);
        }
    }

    fn nose(&mut self, h: f32) {
        let open = ramp(10.0, 15.0, h);
        self.pair(7.0, -60.0, 5.5 * open, 22.0 * open, -1000.0);
        // The conchae hang into it.
        self.pair(6.0, -60.0, 2.8, 15.0 * open, 55.0);
        let sinus = ramp(12.0, 20.0, h);
        self.pair(29.0, -62.0, 11.0 * sinus, 15.0 * sinus, -1000.0);
        let sphenoid = (1.0 - ((h - 47.0) / 9.5).powi(2)).max(0.0).sqrt();
        self.spot(0.0, -45.0, 15.0 * sphenoid, 11.5 * sphenoid, -1000.0);
        self.spot(0.0, -45.0, 0.9, 11.0 * sphenoid, 300.0);
        // The passages of the ears.
        let ear = (1.0 - ((h - 27.0) / 3.6).powi(2)).max(0.0).sqrt();
        self.pair(56.0, -3.0, 13.0 * ear.min(1.0), 3.6 * ear, -1000.0);
    }

    fn airway_at(&self, h: f32) -> [f32; 4] {
        let below = AIRWAY.iter().position(|row| row[0] < h).unwrap_or(AIRWAY.len() - 1).max(1);
        let (a, b) = (AIRWAY[below - 1], AIRWAY[below]);
        let t = ramp(a[0], b[0], h);
        [1, 2, 3, 4].map(|i| mix(a[i], b[i], t))
    }

    fn airway(&mut self, h: f32) {
        if h > AIRWAY[0][0] {
            return;
        }
        let ([y, rx, ry, wall], wide) = (self.airway_at(h), self.tissue.airway);
        // The rings of the windpipe are a little denser than muscle.
        let wall_hu = mix(52.0, 95.0, ramp(-74.0, -84.0, h));
        self.spot(0.0, y, rx * wide + wall, ry * wide + wall, wall_hu);
        self.spot(0.0, y, rx * wide, ry * wide, -1000.0);
        if (-58.0..-38.0).contains(&h) {
            // The epiglottis stands behind the tongue, the valleculae before it.
            let curl = ramp(-38.0, -58.0, h);
            self.egg([0.0, y - ry * wide * mix(-0.1, 0.5, curl)], [rx * wide * 0.8, 1.1, 1.1], 0.0, 50.0);
        }
    }
}
