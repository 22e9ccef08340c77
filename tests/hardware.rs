//! Drivers against what a kernel offers without hardware: gpio-sim, uinput, i2c-stub, a frame buffer.
//!
//! Runs where root and these modules are (the virtual board copies this binary into its guest); says what could not be had
//! and passes otherwise. The frame buffer is written only with `SPINEWATCH_FRAME_BUFFER=/dev/fb0`, as a daemon may own it.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::DrawTarget;
use embedded_graphics::primitives::Rectangle;
use embedded_hal::digital::{InputPin, OutputPin};
use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, EventType, InputEvent, KeyCode};

use spinewatch::config::{ControlSettings, Controller, PanelSettings};
use spinewatch::controls::{Control, Front, Inputs, KernelLines, Rotation};
use spinewatch::display::{Alarm, DrivenPanel, Frame, FrameBuffer, Surface};
use spinewatch::gpio;

/// Longest wait for the kernel to make a device.
const PATIENCE: Duration = Duration::from_secs(5);

fn modprobe(module: &str) {
    let _ = Command::new("modprobe").arg(module).output(); // absent, built in or not allowed: seen by what is there
}

/// Waits until there is something.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        sleep(Duration::from_millis(20));
    }
}

/// A GPIO chip of eight lines in the kernel; taken down when dropped.
struct SimulatedChip {
    config: PathBuf,
    lines: PathBuf,
    name: String,
}

impl SimulatedChip {
    fn new() -> Result<Self, String> {
        modprobe("gpio-sim");
        let root = Path::new("/sys/kernel/config");
        if !root.join("gpio-sim").exists() {
            let _ = Command::new("mount").args(["-t", "configfs", "configfs"]).arg(root).output();
        }
        if !root.join("gpio-sim").exists() {
            return Err("the kernel has no gpio-sim".into());
        }
        let config = root.join(format!("gpio-sim/spinewatch-{}", std::process::id()));
        let words = |error: std::io::Error| format!("gpio-sim: {error}");
        fs::create_dir_all(config.join("bank")).map_err(words)?;
        fs::write(config.join("bank/num_lines"), "8").map_err(words)?;
        fs::create_dir_all(config.join("bank/line3")).map_err(words)?;
        fs::write(config.join("bank/line3/name"), "spinewatch-red").map_err(words)?;
        fs::write(config.join("live"), "1").map_err(words)?;
        let read = |name: &str| fs::read_to_string(config.join(name)).map(|text| text.trim().to_owned()).map_err(words);
        let (device, name) = (read("dev_name")?, read("bank/chip_name")?);
        let lines = Path::new("/sys/devices/platform").join(device).join(&name);
        let chip = Self { config, lines, name };
        let node = Path::new("/dev").join(&chip.name);
        until(|| node.exists().then_some(())).ok_or("gpio-sim made no device node")?;
        Ok(chip)
    }

    /// Pulls an input up or down from outside.
    fn pull(&self, line: u32, up: bool) {
        let file = self.lines.join(format!("sim_gpio{line}/pull"));
        fs::write(file, if up { "pull-up" } else { "pull-down" }).unwrap();
    }

    /// The level that an output drives.
    fn level(&self, line: u32) -> bool {
        fs::read_to_string(self.lines.join(format!("sim_gpio{line}/value"))).unwrap().trim() == "1"
    }
}

impl Drop for SimulatedChip {
    fn drop(&mut self) {
        let _ = fs::write(self.config.join("live"), "0");
        for part in ["bank/line3", "bank", ""] {
            let _ = fs::remove_dir(self.config.join(part));
        }
    }
}

#[test]
fn lines_of_the_kernel_are_set_and_read_by_number_and_by_name() {
    let chip = match SimulatedChip::new() {
        Ok(chip) => chip,
        Err(words) => return println!("skipped: {words}"),
    };
    let line = |offset: u32| format!("{}/{offset}", chip.name).parse().unwrap();
    let mut lamp = gpio::output(&line(1), true).unwrap();
    assert!(chip.level(1));
    lamp.set_low().unwrap();
    assert!(!chip.level(1));
    let mut red = gpio::output(&"!spinewatch-red".parse().unwrap(), true).unwrap();
    assert!(!chip.level(3), "active low: lit is low");
    red.set_low().unwrap();
    assert!(chip.level(3));
    chip.pull(5, true);
    let mut button = gpio::input(&line(5)).unwrap();
    assert!(button.is_high().unwrap());
    chip.pull(5, false);
    assert!(button.is_low().unwrap());
    let error = gpio::input(&line(5)).err().unwrap().to_string();
    assert!(error.contains(&format!("{}/5", chip.name)), "a line that is held is named: {error}");
}

#[test]
fn a_button_and_a_lamp_of_the_kernel_work_together() {
    let chip = match SimulatedChip::new() {
        Ok(chip) => chip,
        Err(words) => return println!("skipped: {words}"),
    };
    let line = |text: &str, offset: u32| format!("{text}{}/{offset}", chip.name).parse().ok();
    let settings =
        ControlSettings { acknowledge_button: line("!", 0), red_light: line("", 2), ..ControlSettings::default() };
    chip.pull(0, true);
    let mut front = Front::new(&settings, KernelLines);
    let mut controls = vec![];
    for step in 0..30 {
        if step == 10 {
            chip.pull(0, false);
        }
        let heard = front.tick(Alarm::HighSeen, &BTreeSet::new(), Duration::from_millis(step * 10));
        controls.extend(heard.controls);
    }
    assert_eq!((controls, front.trouble()), (vec![Control::Acknowledge], None));
    assert!(chip.level(2));
    drop(front);
    assert!(!chip.level(2), "dark when the process ends");
}

#[test]
fn keys_of_an_input_device_are_heard_and_a_device_that_goes_is_not_missed() {
    modprobe("uinput");
    modprobe("evdev");
    let keys: AttributeSet<KeyCode> = [KeyCode::KEY_ENTER, KeyCode::KEY_RIGHT].into_iter().collect();
    let built = VirtualDevice::builder().and_then(|builder| builder.name("spinewatch-test").with_keys(&keys)?.build());
    let mut device = match built {
        Ok(device) => device,
        Err(error) => return println!("skipped: no uinput: {error}"),
    };
    let Some(node) =
        until(|| device.enumerate_dev_nodes_blocking().ok()?.flatten().next().filter(|node| node.exists()))
    else {
        return println!("skipped: uinput made no device node below /dev/input");
    };
    let mut inputs = Inputs::new(vec![node], Rotation(0), Duration::from_secs(2));
    assert_eq!(inputs.poll(Duration::ZERO).unwrap(), []);
    let key = |key: KeyCode, value| InputEvent::new(EventType::KEY.0, key.0, value);
    for code in [KeyCode::KEY_ENTER, KeyCode::KEY_RIGHT] {
        device.emit(&[key(code, 1)]).unwrap();
        device.emit(&[key(code, 0)]).unwrap();
    }
    let mut heard = vec![];
    let all = until(|| {
        heard.extend(inputs.poll(Duration::from_millis(10)).unwrap());
        (heard.len() >= 2).then_some(())
    });
    assert!(all.is_some(), "{heard:?}");
    assert_eq!(heard, [Control::Acknowledge, Control::Next]);
    drop(device);
    let gone = until(|| {
        let _ = inputs.poll(Duration::from_millis(20));
        inputs.is_empty().then_some(())
    });
    assert!(gone.is_some(), "a device that was pulled is let go");
}

/// i2c-stub speaks SMBus only, and an OLED is sent plain I2C messages: what can be seen is that a bus that refuses them is an
/// error in words, not a dark screen.
#[test]
fn an_oled_on_a_bus_that_refuses_it_is_an_error() {
    let _ = Command::new("modprobe").args(["i2c-stub", "chip_addr=0x3c"]).output();
    modprobe("i2c-dev");
    let name = |bus: &Path| fs::read_to_string(bus.join("name")).unwrap_or_default();
    let buses = fs::read_dir("/sys/class/i2c-dev").into_iter().flatten().flatten();
    let Some(stub) = buses.map(|entry| entry.path()).find(|bus| name(bus).contains("SMBus stub")) else {
        return println!("skipped: the kernel has no i2c-stub");
    };
    let i2c = Path::new("/dev").join(stub.file_name().unwrap());
    let settings = PanelSettings { controller: Controller::Ssd1306, i2c, ..PanelSettings::default() };
    let error = DrivenPanel::of_settings(&settings, Size::new(128, 64)).err().unwrap().to_string();
    assert!(error.contains("OLED"), "{error}");
}

#[test]
fn what_is_drawn_on_the_kernels_frame_buffer_is_in_it() {
    let Some(device) = std::env::var_os("SPINEWATCH_FRAME_BUFFER").map(PathBuf::from) else {
        return println!("skipped: SPINEWATCH_FRAME_BUFFER names no frame buffer");
    };
    let graphics = Path::new("/sys/class/graphics");
    let mut screen = FrameBuffer::open(&device, graphics).unwrap();
    let number = |name: &str| -> usize {
        let text = fs::read_to_string(graphics.join(device.file_name().unwrap()).join(name)).unwrap();
        text.trim().parse().unwrap()
    };
    let (stride, bytes) = (number("stride"), number("bits_per_pixel") / 8);
    let mut frame = Frame::new(screen.size());
    let Ok(()) = frame.fill_solid(&Rectangle::new(Point::new(3, 2), Size::new(2, 1)), Rgb888::new(0xFF, 0, 0));
    screen.show(&frame).unwrap();
    let memory = fs::read(&device).unwrap();
    let pixel = |x: usize, y: usize| &memory[y * stride + x * bytes..y * stride + (x + 1) * bytes];
    let red: &[u8] = match bytes {
        2 => &[0x00, 0xF8],
        3 => &[0, 0, 0xFF],
        _ => &[0, 0, 0xFF, 0xFF],
    };
    assert_eq!(pixel(3, 2)[..3.min(bytes)], red[..3.min(bytes)]);
    assert_ne!(pixel(5, 2)[..3.min(bytes)], red[..3.min(bytes)]);
}
