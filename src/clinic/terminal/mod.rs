//! The board in a terminal: the same list, study, devices and acknowledgement as on the page.
//!
//! Takes in keys and the board; hands on acknowledgements and a bell. [`Desk`] decides, `draw` lays out, this file owns the
//! terminal.

mod desk;

mod draw;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

pub use desk::{Action, Desk};
pub use draw::draw;

use super::listener::Clinic;

/// Ages go on and news are looked for this often.
const FRAME: Duration = Duration::from_millis(200);

/// Shows the board until a person ends it. `name` is the first proposal for who acknowledges.
///
/// # Errors
/// When the terminal cannot be drawn on or read.
pub fn run(clinic: &Clinic, name: &str) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let outcome = attend(&mut terminal, clinic, &mut Desk::new(name));
    ratatui::restore();
    outcome
}

fn attend(terminal: &mut DefaultTerminal, clinic: &Clinic, desk: &mut Desk) -> io::Result<()> {
    loop {
        let view = clinic.view();
        if desk.hear(&view) {
            io::stdout().write_all(b"\x07")?;
            io::stdout().flush()?;
        }
        terminal.draw(|frame| draw(frame, &view, desk))?;
        if !event::poll(FRAME)? {
            continue;
        }
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match desk.press(key, &view) {
            Action::None => {}
            Action::Quit => return Ok(()),
            Action::Acknowledge(given) => desk.answered(clinic.acknowledge(&given)),
        }
    }
}
