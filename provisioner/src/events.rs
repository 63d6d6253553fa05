//! What all events have in common, whoever tells them.

use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::api::names;

/// A note may not have more bytes (the API server's NoteLengthLimit is 1024).
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
        note: Some(note[..note.floor_char_boundary(LONGEST_NOTE)].to_owned()),
        action: action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_cut_by_bytes_between_characters() {
        let cut = |note: &str| event(EventType::Normal, "A", "B", note).note.map(|it| it.len());
        assert_eq!(cut("short"), Some(5));
        assert_eq!(cut(&"a".repeat(2_000)), Some(1_000));
        assert_eq!(cut(&"×€".repeat(400)), Some(1_000), "1000 is the end of a ×€");
        assert_eq!(cut(&"€".repeat(400)), Some(999));
    }
}
