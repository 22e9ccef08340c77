//! Screens, widgets, alarms and the surfaces they are drawn on.
