//! Panels byte by byte: what goes over SPI and I2C at the start, for a rectangle, after an error.
//!
//! Expectations are those of the controllers' data sheets (MIPI DCS: CASET 2A, RASET 2B, RAMWR 2C), against
//! embedded-hal-mock; a recorder beside it shows that the D/C line tells commands from data.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_graphics::Drawable;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::DrawTarget;
use embedded_graphics::primitives::{Primitive, PrimitiveStyle, Rectangle};
use embedded_hal::digital::{ErrorType as DigitalErrorType, OutputPin};
use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::digital::{Mock as Line, State, Transaction as Level};
use embedded_hal_mock::eh1::i2c::{Mock as Bus, Transaction as Message};
use embedded_hal_mock::eh1::spi::{Mock as Spi, Transaction as Transfer};

use spinewatch::config::{ColourOrder, Controller, PanelSettings};
use spinewatch::display::{DrivenPanel, Frame, Glass, Oled, OpenPanel, SpiParts, Surface, spi_glass};

const ORANGE: Rgb888 = Rgb888::new(0xFF, 0x84, 0x08);

fn settings(controller: Controller) -> PanelSettings {
    PanelSettings { controller, data_command: "gpiochip0/1".parse().ok(), ..PanelSettings::default() }
}

/// A frame on which only a rectangle has changed.
fn changed(size: Size, corner: Point, extent: Size, colour: Rgb888) -> Frame {
    let mut frame = Frame::new(size);
    frame.mark_shown();
    let Ok(()) = Rectangle::new(corner, extent).into_styled(PrimitiveStyle::with_fill(colour)).draw(&mut frame);
    frame
}

/// What one wire carries: commands with their arguments, and pixels.
enum Said<'a> {
    Command(u8, &'a [u8]),
    Pixels(Vec<u8>),
}

/// SPI transfers and D/C levels for what is said; a command is one byte with the line low, arguments follow with it high.
fn script(said: &[Said<'_>]) -> (Vec<Transfer<u8>>, Vec<Level>) {
    let (mut transfers, mut levels) = (Vec::new(), Vec::new());
    let mut transfer = |bytes: &[u8]| {
        transfers.extend([
            Transfer::transaction_start(),
            Transfer::write_vec(bytes.to_vec()),
            Transfer::transaction_end(),
        ]);
    };
    for part in said {
        match part {
            Command(command, args) => {
                transfer(&[*command]);
                transfer(args);
                levels.extend([Level::set(State::Low), Level::set(State::High)]);
            }
            Pixels(bytes) => transfer(bytes),
        }
    }
    (transfers, levels)
}

/// Sets a panel up and draws one rectangle; panics where a byte or a level differs.
fn plays(settings: &PanelSettings, size: Size, frame: &Frame, chunk: usize, said: &[Said<'_>]) {
    let (transfers, levels) = script(said);
    let (mut spi, mut line) = (Spi::new(&transfers), Line::new(&levels));
    let parts = SpiParts { spi: spi.clone(), data_command: line.clone(), reset: None::<Line>, delay: NoopDelay, chunk };
    let mut glass = spi_glass(parts, settings, size).unwrap();
    glass.draw(frame, frame.dirty()).unwrap();
    spi.done();
    line.done();
}

use Said::{Command, Pixels};

#[test]
fn an_ili9341_is_set_up_and_gets_a_rectangle_in_sixteen_bits() {
    let frame = changed(Size::new(320, 240), Point::new(300, 17), Size::new(3, 2), ORANGE);
    let said = [
        Command(0x01, &[]),             // software reset: no reset line
        Command(0x36, &[0x28]),         // memory access: rows and columns swapped, blue first
        Command(0xB4, &[0x00]),         // column inversion
        Command(0x20, &[]),             // not inverted
        Command(0x3A, &[0x55]),         // 16 bits a pixel
        Command(0x13, &[]),             // normal mode
        Command(0x11, &[]),             // sleep out
        Command(0x29, &[]),             // display on
        Command(0x2A, &[1, 44, 1, 46]), // columns 300 to 302
        Command(0x2B, &[0, 17, 0, 18]), // rows 17 and 18
        Command(0x2C, &[]),
        Pixels([0xFC, 0x21].repeat(6)),
    ];
    plays(&settings(Controller::Ili9341), Size::new(320, 240), &frame, 4096, &said);
}

#[test]
fn an_st7789_is_inverted_and_a_square_glass_turned_upside_down_begins_eighty_rows_later() {
    let size = Size::new(240, 240);
    let frame = changed(size, Point::new(5, 6), Size::new(2, 1), Rgb888::RED);
    let said = |mode: &'static [u8], rows: &'static [u8]| {
        [
            Command(0x01, &[]),
            Command(0x11, &[]),
            Command(0x36, mode),
            Command(0x21, &[]), // inverted: IPS glass
            Command(0x3A, &[0x55]),
            Command(0x13, &[]),
            Command(0x29, &[]),
            Command(0x2A, &[0, 5, 0, 6]),
            Command(0x2B, rows),
            Command(0x2C, &[]),
            Pixels([0xF8, 0x00].repeat(2)),
        ]
    };
    plays(&settings(Controller::St7789), size, &frame, 4096, &said(&[0x00], &[0, 6, 0, 6]));
    let turned = PanelSettings { rotation: 180, ..settings(Controller::St7789) };
    plays(&turned, size, &frame, 4096, &said(&[0xC0], &[0, 86, 0, 86]));
}

#[test]
fn an_st7789_of_320_x_240_is_told_what_the_configuration_says() {
    let size = Size::new(320, 240);
    let frame = changed(size, Point::new(0, 239), Size::new(1, 1), Rgb888::BLUE);
    let settings = PanelSettings {
        colour_order: Some(ColourOrder::Bgr),
        inverted: Some(false),
        rotation: 180,
        ..settings(Controller::St7789)
    };
    let said = [
        Command(0x01, &[]),
        Command(0x11, &[]),
        Command(0x36, &[0xA8]),
        Command(0x20, &[]),
        Command(0x3A, &[0x55]),
        Command(0x13, &[]),
        Command(0x29, &[]),
        Command(0x2A, &[0, 0, 0, 0]),
        Command(0x2B, &[0, 239, 0, 239]),
        Command(0x2C, &[]),
        Pixels(vec![0x00, 0x1F]),
    ];
    plays(&settings, size, &frame, 4096, &said);
}

#[test]
fn ili9486_and_ili9488_get_eighteen_bits_a_pixel_as_they_take_no_others_on_spi() {
    for controller in [Controller::Ili9486, Controller::Ili9488] {
        let size = Size::new(480, 320);
        let frame = changed(size, Point::new(478, 318), Size::new(2, 2), ORANGE);
        let said = [
            Command(0x01, &[]),
            Command(0x11, &[]),
            Command(0x3A, &[0x66]), // 18 bits a pixel
            Command(0x36, &[0x28]),
            Command(0x20, &[]),
            Command(0xB6, &[0x02, 0x02, 0x3B]), // display function
            Command(0x13, &[]),
            Command(0x29, &[]),
            Command(0x2A, &[1, 222, 1, 223]),
            Command(0x2B, &[1, 62, 1, 63]),
            Command(0x2C, &[]),
            Pixels([0xFC, 0x84, 0x08].repeat(4)),
        ];
        plays(&settings(controller), size, &frame, 4096, &said);
    }
}

#[test]
fn no_transfer_is_longer_than_spidev_takes() {
    let size = Size::new(480, 320);
    let mut frame = Frame::new(size);
    let Ok(()) = frame.clear(Rgb888::WHITE);
    let log = Log::default();
    let parts = log.parts(4096);
    let mut glass = spi_glass(parts, &settings(Controller::Ili9488), size).unwrap();
    log.take();
    glass.draw(&frame, frame.dirty()).unwrap();
    let sent = log.take();
    assert!(sent.iter().all(|(_, bytes)| bytes.len() <= 4096));
    let pixels: usize =
        sent.iter().filter(|(data, bytes)| *data && bytes.len() > 4).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(pixels, 480 * 320 * 3);
    let commands: Vec<u8> = sent.iter().filter(|(data, _)| !data).flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(commands, [0x2A, 0x2B, 0x2C], "one window for the whole rectangle");
}

/// What went over the wire: whether D/C was high, and the bytes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Wires>>);

#[derive(Default)]
struct Wires {
    data: bool,
    sent: Vec<(bool, Vec<u8>)>,
    resets: Vec<bool>,
    pulled: bool,
}

#[derive(Debug)]
struct Pulled;

impl embedded_hal::spi::Error for Pulled {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

struct LoggedSpi(Log);
struct DataCommand(Log);
struct ResetLine(Log);

impl ErrorType for LoggedSpi {
    type Error = Pulled;
}

impl SpiDevice for LoggedSpi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Pulled> {
        let mut log = self.0.0.lock().unwrap();
        for operation in operations {
            let Operation::Write(bytes) = operation else { panic!("a panel is only written") };
            if log.pulled {
                return Err(Pulled);
            }
            let data = log.data;
            if !bytes.is_empty() {
                log.sent.push((data, bytes.to_vec()));
            }
        }
        Ok(())
    }
}

impl DigitalErrorType for DataCommand {
    type Error = std::convert::Infallible;
}

impl OutputPin for DataCommand {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        self.0.0.lock().unwrap().data = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        self.0.0.lock().unwrap().data = true;
        Ok(())
    }
}

impl DigitalErrorType for ResetLine {
    type Error = std::convert::Infallible;
}

impl OutputPin for ResetLine {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        self.0.0.lock().unwrap().resets.push(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        self.0.0.lock().unwrap().resets.push(true);
        Ok(())
    }
}

impl Log {
    fn parts(&self, chunk: usize) -> SpiParts<LoggedSpi, DataCommand, ResetLine, NoopDelay> {
        SpiParts {
            spi: LoggedSpi(self.clone()),
            data_command: DataCommand(self.clone()),
            reset: Some(ResetLine(self.clone())),
            delay: NoopDelay,
            chunk,
        }
    }

    fn take(&self) -> Vec<(bool, Vec<u8>)> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }

    fn commands(&self) -> Vec<u8> {
        self.take().into_iter().filter(|(data, _)| !data).flat_map(|(_, bytes)| bytes).collect()
    }

    fn pull(&self, pulled: bool) {
        self.0.lock().unwrap().pulled = pulled;
    }

    fn resets(&self) -> Vec<bool> {
        std::mem::take(&mut self.0.lock().unwrap().resets)
    }
}

const SETUP: [u8; 7] = [0x36, 0xB4, 0x20, 0x3A, 0x13, 0x11, 0x29];
const WINDOW: [u8; 3] = [0x2A, 0x2B, 0x2C];

/// An ILI9341 on a logged wire, with a clock of its own.
fn panel(log: &Log, renew_every: Option<Duration>) -> (DrivenPanel, Arc<Mutex<Duration>>) {
    let (from, size) = (log.clone(), Size::new(320, 240));
    let open: OpenPanel = Box::new(move || spi_glass(from.parts(4096), &settings(Controller::Ili9341), size));
    let now = Arc::new(Mutex::new(Duration::ZERO));
    let clock = Arc::clone(&now);
    let panel = DrivenPanel::new(size, open, renew_every, Box::new(move || *clock.lock().unwrap())).unwrap();
    (panel, now)
}

/// How many pixels were sent, 16 bits each.
fn pixels(sent: &[(bool, Vec<u8>)]) -> usize {
    sent.iter().filter(|(data, bytes)| *data && bytes.len() > 4).map(|(_, bytes)| bytes.len()).sum::<usize>() / 2
}

#[test]
fn the_reset_line_goes_low_and_high_once_and_no_software_reset_is_sent() {
    let log = Log::default();
    let _panel = panel(&log, None);
    assert_eq!(log.resets(), [false, true]);
    assert_eq!(log.commands(), SETUP);
}

#[test]
fn after_an_error_the_panel_is_set_up_anew_and_gets_all_of_the_frame() {
    let log = Log::default();
    let (mut panel, _) = panel(&log, None);
    let size = panel.size();
    let frame = changed(size, Point::new(10, 10), Size::new(4, 4), ORANGE);
    panel.show(&frame).unwrap();
    log.resets();
    assert_eq!(pixels(&log.take()), 16);

    log.pull(true);
    assert!(panel.show(&frame).is_err());
    assert!(panel.show(&frame).is_err(), "it is opened anew, and still pulled");
    log.pull(false);
    log.resets();
    log.take();
    panel.show(&frame).unwrap();
    assert_eq!(log.resets(), [false, true]);
    let sent = log.take();
    let commands: Vec<u8> = sent.iter().filter(|(data, _)| !data).flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(commands, [&SETUP[..], &WINDOW].concat());
    assert_eq!(pixels(&sent), 320 * 240);

    panel.show(&frame).unwrap();
    assert_eq!(pixels(&log.take()), 16, "only what has changed again");
}

#[test]
fn a_panel_that_cannot_tell_is_set_up_again_now_and_then_without_a_reset() {
    let log = Log::default();
    let (mut panel, now) = panel(&log, Some(Duration::from_secs(60)));
    let frame = changed(panel.size(), Point::new(10, 10), Size::new(4, 4), ORANGE);
    log.resets();
    log.take();
    *now.lock().unwrap() = Duration::from_secs(59);
    panel.show(&frame).unwrap();
    assert_eq!(log.commands(), WINDOW);
    *now.lock().unwrap() = Duration::from_secs(60);
    panel.show(&frame).unwrap();
    let sent = log.take();
    let commands: Vec<u8> = sent.iter().filter(|(data, _)| !data).flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(commands, [&SETUP[..], &WINDOW].concat());
    assert_eq!(pixels(&sent), 320 * 240);
    assert_eq!(log.resets(), [false; 0], "a panel that is well shows nothing of it");
    *now.lock().unwrap() = Duration::from_secs(119);
    panel.show(&frame).unwrap();
    assert_eq!(log.commands(), WINDOW, "the next time is counted from there");
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let log = Log::default();
    let (mut panel, _) = panel(&log, None);
    let error = panel.show(&Frame::new(Size::new(240, 240))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

/// One I2C message to the OLED: commands behind 00, data behind 40.
fn message(control: u8, bytes: &[u8]) -> Message {
    Message::write(0x3C, [&[control], bytes].concat())
}

fn oled_setup(segments: u8, rows: u8) -> VecDeque<Message> {
    let commands: [&[u8]; 17] = [
        &[0xAE],       // display off
        &[0xD5, 0x80], // clock
        &[0xA8, 63],   // 64 rows
        &[0xD3, 0],
        &[0x40],
        &[0x8D, 0x14], // charge pump
        &[0x20, 0x00], // horizontal addressing
        &[0xDA, 0x12], // pins of the rows
        &[segments],
        &[rows],
        &[0xD9, 0x21],
        &[0x81, 0x5F], // contrast
        &[0xDB, 0x40],
        &[0xA4],
        &[0xA6],
        &[0x2E],
        &[0xAF], // display on
    ];
    commands.iter().map(|command| message(0x00, command)).collect()
}

#[test]
fn an_ssd1306_is_set_up_and_gets_the_pages_that_have_changed() {
    let size = Size::new(128, 64);
    let mut expected = oled_setup(0xA1, 0xC8);
    // the frame as a whole, dark: 8 pages of 128 columns, 16 bytes a message
    expected.extend([message(0x00, &[0x21, 0, 127]), message(0x00, &[0x22, 0, 7])]);
    expected.extend((0..64).map(|_| message(0x40, &[0; 16])));
    // columns 10 to 12 of rows 9 and 10: page 1, bits 1 and 2
    expected.extend([message(0x00, &[0x21, 10, 12]), message(0x00, &[0x22, 1, 1]), message(0x40, &[0b110; 3])]);
    let mut bus = Bus::new(&expected);
    let mut oled = Oled::new(bus.clone(), &settings(Controller::Ssd1306)).unwrap();
    let dark = Frame::new(size);
    oled.draw(&dark, dark.dirty()).unwrap();
    let frame = changed(size, Point::new(10, 9), Size::new(3, 2), Rgb888::WHITE);
    oled.draw(&frame, frame.dirty()).unwrap();
    bus.done();
}

#[test]
fn an_ssd1306_upside_down_is_turned_by_its_controller() {
    let mut bus = Bus::new(&oled_setup(0xA0, 0xC0));
    let turned = PanelSettings { rotation: 180, ..settings(Controller::Ssd1306) };
    Oled::new(bus.clone(), &turned).unwrap();
    bus.done();
}

#[test]
fn an_ssd1306_that_was_pulled_is_an_error_and_comes_back_with_all_of_the_frame() {
    let size = Size::new(128, 64);
    let gone = embedded_hal::i2c::ErrorKind::NoAcknowledge(embedded_hal::i2c::NoAcknowledgeSource::Address);
    let mut expected = oled_setup(0xA1, 0xC8);
    expected.push_back(message(0x00, &[0x21, 0, 127]).with_error(gone));
    expected.push_back(message(0x00, &[0xAE]).with_error(gone));
    expected.extend(oled_setup(0xA1, 0xC8));
    expected.extend([message(0x00, &[0x21, 0, 127]), message(0x00, &[0x22, 0, 7])]);
    expected.extend((0..64).map(|_| message(0x40, &[0; 16])));
    let bus = Bus::new(&expected);
    let (again, mut done) = (bus.clone(), bus);
    let open: OpenPanel = Box::new(move || Ok(Box::new(Oled::new(again.clone(), &settings(Controller::Ssd1306))?)));
    let mut panel = DrivenPanel::new(size, open, None, Box::new(|| Duration::ZERO)).unwrap();
    let frame = Frame::new(size);
    assert!(panel.show(&frame).unwrap_err().to_string().contains("OLED"));
    assert!(panel.show(&frame).is_err());
    panel.show(&frame).unwrap();
    done.done();
}
