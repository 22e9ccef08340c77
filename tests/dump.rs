#[path = "screens/worst.rs"]
mod worst;
use spinewatch::display::*;
use std::time::Duration;
#[test]
fn dump() {
    std::fs::create_dir_all("/tmp/worst").unwrap();
    for (name, state) in worst::states() {
        for p in Panel::ALL {
            for ms in [0u64, 250] {
                let t = worst::NOW + Duration::from_millis(ms);
                let f = draw(p, &decide(&state, t), &state, t);
                std::fs::write(format!("/tmp/worst/{}-{}-{ms}.png", p.name(), name), encode_png(&f).unwrap()).unwrap();
            }
        }
    }
    let state = worst::states().remove(0).1;
    let s = samples::all();
    let t0 = std::time::Instant::now();
    let n = 20;
    for p in Panel::ALL {
        for name in ["suspected", "idle"] {
            let s = s.iter().find(|s| s.name == name).unwrap();
            let t0 = std::time::Instant::now();
            for _ in 0..n {
                std::hint::black_box(draw(p, &decide(&s.state, s.now), &s.state, s.now));
            }
            let full = t0.elapsed() / n;
            let t0 = std::time::Instant::now();
            for _ in 0..n {
                std::hint::black_box(compose(p, &decide(&s.state, s.now), &s.state, s.now));
            }
            println!("{} {name} full {:?} compose {:?}", p.name(), full, t0.elapsed() / n);
        }
    }
    let _ = (t0, state);
}
