//! The board in characters: states by word, sign and colour; works at 80 x 24.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::desk::{Desk, Dialog};
use crate::clinic::view::{AckView, Certainty, DeviceView, Group, StudyView, View};
use crate::clinic::words;
use crate::triage::Level;

const ALARM: Style = Style::new().bg(Color::Red).fg(Color::White).add_modifier(Modifier::BOLD);
const CAUTION: Style = Style::new().bg(Color::Yellow).fg(Color::Black).add_modifier(Modifier::BOLD);
const CALM: Style = Style::new().bg(Color::DarkGray).fg(Color::White);
const SOFT: Style = Style::new().fg(Color::Gray);

/// Lays the whole board out.
pub fn draw(frame: &mut Frame<'_>, view: &View, desk: &Desk) {
    let devices = u16::try_from(view.devices.len()).unwrap_or(u16::MAX).clamp(1, 4) + 1;
    let rows = [Constraint::Length(1), Constraint::Min(8), Constraint::Length(devices), Constraint::Length(1)];
    let [head, body, fleet, foot] = Layout::vertical(rows).areas(frame.area());
    let [list, study] = Layout::horizontal([Constraint::Length(34), Constraint::Min(40)]).areas(body);
    frame.render_widget(head_line(view), head);
    draw_list(frame, view, desk, list);
    draw_study(frame, view, desk, study);
    draw_devices(frame, view, fleet);
    frame.render_widget(foot_line(desk), foot);
    if let Some(dialog) = &desk.dialog {
        draw_dialog(frame, dialog);
    }
    if desk.help {
        draw_help(frame);
    }
}

fn head_line(view: &View) -> Paragraph<'static> {
    let count = match view.unacknowledged {
        0 => " Spinewatch ".to_owned(),
        n => format!(" ({n}) Spinewatch "),
    };
    let style = if view.unacknowledged > 0 { ALARM } else { CALM };
    let age = words::age(view.link.for_secs, false);
    let link = if view.link.online {
        Span::styled(" ● broker connected ", SOFT)
    } else {
        let reason = view.link.reason.clone().unwrap_or_default();
        Span::styled(format!(" ✖ NO BROKER for {age}: NEW ALERTS DO NOT ARRIVE. TELEPHONE. {reason} "), ALARM)
    };
    Paragraph::new(Line::from(vec![Span::styled(count, style), link]))
}

fn foot_line(desk: &Desk) -> Paragraph<'static> {
    let keys = " j/k choose  a acknowledge  space more  ? help  q quit   not for diagnosis";
    Paragraph::new(
        desk.said.clone().map_or_else(|| Line::styled(keys, SOFT), |said| Line::styled(format!(" {said}"), CAUTION)),
    )
}

/// What stands before a study: a sign and a colour for its group.
const fn sign(study: &StudyView) -> (&'static str, Style) {
    match (study.group, study.certainty) {
        (Group::Alarm, _) => ("▲", ALARM),
        (Group::Unread, _) => ("◐", CAUTION),
        (Group::Seen, _) => ("△", Style::new().fg(Color::LightRed)),
        (Group::Read, _) => ("○", Style::new().fg(Color::Yellow)),
        (Group::Information, Certainty::Retracted) => ("↶", CALM),
        (Group::Information, _) => ("–", SOFT),
    }
}

fn names(levels: &[Level]) -> String {
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" ")
}

fn title(study: &StudyView) -> String {
    match (study.verdict.as_str(), study.certainty) {
        ("suspected", _) => names(&study.levels),
        (_, Certainty::Retracted) => "SUSPICION RETRACTED".to_owned(),
        _ => study.headline.clone(),
    }
}

fn seen_by(study: &StudyView) -> String {
    match &study.ack {
        AckView::Recorded { by, .. } => format!("seen by {by}"),
        AckView::Sent { by, .. } => format!("sent by {by}"),
        AckView::Unconfirmed { .. } => "NOT CONFIRMED".to_owned(),
        AckView::None if study.sent_again > 0 => format!("SENT AGAIN {}x", study.sent_again),
        AckView::None if study.overdue => "OVERDUE".to_owned(),
        AckView::None => String::new(),
    }
}

fn draw_list(frame: &mut Frame<'_>, view: &View, desk: &Desk, area: Rect) {
    let block = Block::bordered().title(format!(" Alerts: {} not acknowledged ", view.unacknowledged));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if view.studies.is_empty() {
        let words = if view.link.online {
            "No study was told yet. That there is no alert does not mean that there is no fracture."
        } else {
            "Whether there are alerts is not known: there is no connection."
        };
        return frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: true }).style(SOFT), inner);
    }
    let (chosen, rows) = (desk.position(view), usize::from(inner.height / 2).max(1));
    let first = (chosen + 1).saturating_sub(rows);
    let width = usize::from(inner.width);
    let lines: Vec<Line<'_>> = view
        .studies
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .flat_map(|(i, study)| row(study, i == chosen, width))
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
    let hidden = view.studies.len().saturating_sub(first + rows) + view.beyond;
    if hidden > 0 {
        let tag = Rect { y: area.bottom() - 1, height: 1, ..area };
        frame.render_widget(Paragraph::new(format!(" {hidden} more below ")).right_aligned(), tag);
    }
}

fn row(study: &StudyView, chosen: bool, width: usize) -> [Line<'static>; 2] {
    let (sign, style) = sign(study);
    let age = words::age(study.age_secs, study.at_least);
    let bar = if chosen { "┃" } else { " " };
    let room = width.saturating_sub(age.chars().count() + 7);
    let name: String = title(study).chars().take(room).collect();
    let strong = if study.alarm { Style::new().fg(Color::LightRed).bold() } else { Style::new().bold() };
    let first = vec![
        bar.into(),
        Span::styled(format!(" {sign} "), style),
        Span::styled(format!(" {name:<room$} "), strong),
        Span::styled(age, strong),
    ];
    let place = format!("{}/{} {}", study.site, study.device, study.name);
    let seen = seen_by(study);
    let room = width.saturating_sub(seen.chars().count() + 7);
    let place: String = place.chars().take(room).collect();
    let seen_style = if study.alarm { Style::new().fg(Color::LightRed).bold() } else { SOFT };
    let second = vec![bar.into(), Span::styled(format!("     {place:<room$} "), SOFT), Span::styled(seen, seen_style)];
    [Line::from(first), Line::from(second)]
}

fn draw_study(frame: &mut Frame<'_>, view: &View, desk: &Desk, area: Rect) {
    let block = Block::bordered().title(" Study ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(study) = desk.chosen(view) else { return };
    let (_, style) = sign(study);
    let urgent = if study.sent_again > 0 { format!("  URGENCY {} OF 3", study.urgency) } else { String::new() };
    let certainty = match study.certainty {
        Certainty::Provisional => ", provisional",
        Certainty::Revised => ", revised",
        Certainty::Retracted => ": RETRACTED",
        Certainty::Final => "",
    };
    let age = words::age(study.age_secs, study.at_least);
    let head = format!(" {}{certainty}  {}  {age}{urgent} ", study.headline, names(&study.levels));
    let mut lines = vec![Line::styled(head, style), ack_line(study), Line::default(), spine(study)];
    lines.extend(study.why.iter().map(|why| Line::styled(why.clone(), CAUTION)));
    lines.extend(study.missing.iter().map(|line| Line::styled(line.clone(), Style::new().fg(Color::Yellow).bold())));
    lines.extend(study.findings.iter().chain(&study.coverage).map(|line| Line::from(line.clone())));
    lines.extend(study.timings.iter().map(|(label, time)| Line::styled(format!("{label}: {time}"), SOFT)));
    lines.extend(study.models.iter().map(|model| Line::styled(model.clone(), SOFT)));
    let notices: Vec<Line<'_>> =
        study.notices.iter().map(|notice| Line::styled(notice.clone(), Style::new().bold())).collect();
    let height = u16::try_from(notices.len() * 2).unwrap_or(2).min(inner.height / 3);
    let [facts, below] = Layout::vertical([Constraint::Min(1), Constraint::Length(height)]).areas(inner);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((desk.scroll, 0)), facts);
    frame.render_widget(Paragraph::new(notices).wrap(Wrap { trim: true }), below);
}

fn ack_line(study: &StudyView) -> Line<'static> {
    let ago = |secs: u64| format!("{} ago", words::age(secs, false));
    let with = |note: &Option<String>| note.as_ref().map_or_else(String::new, |note| format!(" \"{note}\""));
    match &study.ack {
        AckView::None if study.sent_again > 0 => Line::styled(
            format!("NOT ACKNOWLEDGED, SENT AGAIN {}x: TELEPHONE", study.sent_again),
            Style::new().fg(Color::LightRed).bold(),
        ),
        AckView::None => Line::styled("Not acknowledged: press a", Style::new().bold()),
        AckView::Sent { by, age_secs, .. } => {
            Line::from(format!("Sent: {by}, {}; waits for the device", ago(*age_secs)))
        }
        AckView::Unconfirmed { by, .. } => Line::styled(
            format!("NOT CONFIRMED by the device: {by}. Telephone."),
            Style::new().fg(Color::LightRed).bold(),
        ),
        AckView::Recorded { by, note, age_secs, .. } => {
            Line::from(format!("Recorded by the device: seen by {by}, {}{}", ago(*age_secs), with(note)))
        }
    }
}

/// `C1 ■  C2 ▲  C3 ■ ... C7 ?`: suspected, seen, not seen (or awaited, while slices arrive).
fn spine(study: &StudyView) -> Line<'static> {
    let ended = study.certainty != Certainty::Provisional;
    let mark = |level: Level| match (study.levels.contains(&level), study.seen.contains(&level), ended) {
        (true, _, _) => Span::styled(format!(" {}▲ ", level.name()), ALARM),
        (_, true, _) => Span::raw(format!(" {}■ ", level.name())),
        (_, _, true) => Span::styled(format!(" {}? ", level.name()), Style::new().fg(Color::Yellow).bold()),
        _ => Span::styled(format!(" {}· ", level.name()), SOFT),
    };
    Line::from(Level::ALL.map(mark).to_vec())
}

fn draw_devices(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rank = |device: &DeviceView| {
        ["silent", "offline", "degraded", "unknown"].iter().position(|state| *state == device.state).unwrap_or(9)
    };
    let mut devices: Vec<&DeviceView> = view.devices.iter().collect();
    devices.sort_by_key(|device| rank(device));
    let room = usize::from(area.height.saturating_sub(1));
    let mut lines = vec![Line::styled(format!(" Devices ({})", devices.len()), SOFT)];
    lines.extend(devices.iter().take(room).map(|device| device_line(device)));
    if devices.len() > room {
        lines[0] = Line::styled(format!(" Devices ({}, {} not shown)", devices.len(), devices.len() - room), SOFT);
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn device_line(device: &DeviceView) -> Line<'static> {
    let (sign, style) = match device.state.as_str() {
        "online" => ("●", Style::new()),
        "degraded" => ("△", CAUTION),
        "offline" => ("✖", ALARM),
        "silent" => ("◌", ALARM),
        _ => ("◌", SOFT),
    };
    let age = words::age(device.age_secs, false);
    let state = format!(" {sign} {} {age} ", device.state);
    let mut more = device.reasons.join("; ");
    if device.waiting > 0 {
        more = format!("{} messages wait; {more}", device.waiting);
    }
    Line::from(vec![
        Span::raw(format!(" {}/{} ", device.site, device.device)),
        Span::styled(state, style),
        Span::styled(format!(" {more}"), SOFT),
    ])
}

/// A window in the middle.
fn window(frame: &mut Frame<'_>, width: u16, height: u16, name: &'static str) -> Rect {
    let whole = frame.area();
    let (width, height) = (width.min(whole.width), height.min(whole.height));
    let area = Rect { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
    let block = Block::bordered().title(name);
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

fn draw_dialog(frame: &mut Frame<'_>, dialog: &Dialog) {
    let inner = window(frame, 66, 11, " Acknowledge ");
    let field = |text: &str, here: bool| {
        let style = if here { Style::new().reversed() } else { Style::new().underlined() };
        let room = usize::from(inner.width.saturating_sub(2));
        let from = text.chars().count().saturating_sub(room.saturating_sub(1));
        let shown: String = text.chars().skip(from).collect();
        Line::styled(format!("{shown:<room$}"), style)
    };
    let lines = vec![
        Line::styled(dialog.what.clone(), Style::new().bold()),
        Line::default(),
        Line::from("Your name or workplace, shown on the device's screen:"),
        field(&dialog.given.by, !dialog.in_note),
        Line::from("Note for the audit trail (no patient's name):"),
        field(&dialog.given.note, dialog.in_note),
        Line::default(),
        Line::styled("Enter send   Tab other field   Esc cancel", SOFT),
    ];
    frame.render_widget(Paragraph::new(lines), inner);
}

fn draw_help(frame: &mut Frame<'_>) {
    let inner = window(frame, 60, 12, " Keys ");
    let keys = [
        "j, down       next study",
        "k, up         previous study",
        "a, Enter      acknowledge the chosen study",
        "space, PgUp   more of the study, and back",
        "q, Ctrl-C     quit; the broker keeps what comes meanwhile",
        "",
        "To acknowledge says that somebody has taken note. It says",
        "nothing about the patient: the study must still be read.",
        "None suspected is not a clearance.",
    ];
    frame.render_widget(Paragraph::new(keys.map(Line::from).to_vec()), inner);
}
