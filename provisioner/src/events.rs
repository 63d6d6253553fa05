//! What all events have in common, whoever tells them.

use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::api::names;

/// A note may not be longer (1 KiB in the API).
const LONGEST_NOTE: usize = 1_000;

/// Writes events in tenon's name.
pub(crate) fn recorder(client: Client) -> Recorder {
    let reporter = Reporter { controller: names::FIELD_MANAGER.to_owned(), instance: None };
    Recorder::new(client, reporter)
}

/// An event with a note that the API server takes.
pub(crate) fn event(kind: EventType, reason: &str, action: &str, note: &str) -> Event {
    Event {
        type_: kind,
        reason: reason.to_owned(),
        note: Some(note.chars().take(LONGEST_NOTE).collect()),
        action: action.to_owned(),
        secondary: None,
    }
}
