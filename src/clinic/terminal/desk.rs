//! What the person at the terminal has chosen and writes: keys in, actions out. Pure.

use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::clinic::listener::{Refused, ToAcknowledge};
use crate::clinic::view::{AckView, StudyView, View};
use crate::publish::{MAX_NAME, MAX_NOTE};

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing but another picture.
    None,
    /// The end.
    Quit,
    /// An acknowledgement.
    Acknowledge(ToAcknowledge),
}

/// An acknowledgement while it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What it becomes.
    pub given: ToAcknowledge,
    /// What it is for, in words.
    pub what: String,
    /// The note is written, not the name.
    pub in_note: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    chosen: Option<String>,
    /// Shown over everything else.
    pub dialog: Option<Dialog>,
    /// The keys are shown.
    pub help: bool,
    /// First line of the study that is shown.
    pub scroll: u16,
    /// Why the last acknowledgement was not taken, or that it was sent.
    pub said: Option<String>,
    name: String,
    alarms: Option<BTreeMap<String, String>>,
}

impl Desk {
    /// Nothing is chosen.
    pub fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self { chosen: None, dialog: None, help: false, scroll: 0, said: None, name, alarms: None }
    }

    /// Looks at the list; returns whether an alert is new, or was sent again.
    pub fn hear(&mut self, view: &View) -> bool {
        if self.chosen(view).is_some_and(|study| matches!(study.ack, AckView::Recorded { .. })) {
            self.said = None;
        }
        let alarm = |study: &StudyView| (study.id.clone(), format!("{} {:?}", study.event_id, study.levels));
        let alarms: BTreeMap<_, _> = view.studies.iter().filter(|study| study.alarm).map(alarm).collect();
        let before = self.alarms.replace(alarms.clone());
        before.is_some_and(|before| alarms.iter().any(|(id, what)| before.get(id) != Some(what)))
    }

    /// The chosen study, or the first.
    pub fn chosen<'a>(&self, view: &'a View) -> Option<&'a StudyView> {
        view.studies.get(self.position(view))
    }

    /// Its place in the list.
    pub fn position(&self, view: &View) -> usize {
        view.studies.iter().position(|study| Some(&study.id) == self.chosen.as_ref()).unwrap_or(0)
    }

    /// What became of an acknowledgement.
    pub fn answered(&mut self, answer: Result<(), Refused>) {
        self.said = Some(match answer {
            Ok(()) => "Sent. Waits for the device to record it.".to_owned(),
            Err(refused) => format!("Not sent: {refused}"),
        });
    }

    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent, view: &View) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Action::Quit } else { Action::None };
        }
        if self.dialog.is_some() {
            return self.write(key.code);
        }
        if std::mem::take(&mut self.help) {
            return Action::None;
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('j') | KeyCode::Down => self.step(view, 1),
            KeyCode::Char('k') | KeyCode::Up => self.step(view, -1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = self.scroll.saturating_add(5),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(5),
            KeyCode::Char('a') | KeyCode::Enter => self.ask(view),
            KeyCode::Char('?') => self.help = true,
            _ => {}
        }
        Action::None
    }

    fn step(&mut self, view: &View, by: isize) {
        let last = view.studies.len().saturating_sub(1);
        let next = self.position(view).saturating_add_signed(by).min(last);
        self.chosen = view.studies.get(next).map(|study| study.id.clone());
        (self.scroll, self.said) = (0, None);
    }

    fn ask(&mut self, view: &View) {
        let Some(study) = self.chosen(view).filter(|study| !matches!(study.ack, AckView::Recorded { .. })) else {
            return;
        };
        let levels: Vec<&str> = study.levels.iter().map(|level| level.name()).collect();
        let given = ToAcknowledge {
            id: study.id.clone(),
            event_id: study.event_id.clone(),
            by: self.name.clone(),
            note: String::new(),
        };
        let what = format!("{} {} {} of {}/{}", study.headline, levels.join(" "), study.name, study.site, study.device);
        self.chosen = Some(given.id.clone());
        self.dialog = Some(Dialog { given, what, in_note: false });
    }

    fn write(&mut self, code: KeyCode) -> Action {
        let Some(dialog) = &mut self.dialog else { return Action::None };
        let (text, most) =
            if dialog.in_note { (&mut dialog.given.note, MAX_NOTE) } else { (&mut dialog.given.by, MAX_NAME) };
        match code {
            KeyCode::Esc => self.dialog = None,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down => dialog.in_note = !dialog.in_note,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if text.chars().count() < most => text.push(c),
            KeyCode::Enter if !dialog.given.by.trim().is_empty() => {
                let given = dialog.given.clone();
                self.name.clone_from(&given.by);
                self.dialog = None;
                return Action::Acknowledge(given);
            }
            _ => {}
        }
        Action::None
    }
}
