//! Watches.

use std::{sync::Arc, time::Duration};

use hyper::body::Bytes;
use serde_json::json;
use tokio::{
    sync::mpsc::{self, Sender},
    time::{Instant, sleep_until},
};

use super::{
    super::{
        Server,
        object::{Object, namespace},
        status::Refusal,
        store::{Change, Event, Range},
        write::Target,
    },
    Call, pieces,
    read::{Selection, revision},
    respond::{Answer, View},
};

/// How long a watch lasts when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Lines that may wait for a slow client before the watch waits too.
const LINES_AHEAD: usize = 256;

/// One client's watch.
struct Watch {
    server: Arc<Server>,
    target: Target,
    selection: Selection,
    view: View,
    lines: Sender<Bytes>,
    bookmarks: bool,
    seen: u64,
}

/// The client is gone, or the watch cannot go on.
struct Ended;

/// Starts a watch.
///
/// # Errors
/// 400 when a parameter is wrong. A revision that is too old is told in the stream.
pub fn start(
    server: &Arc<Server>,
    call: &Call,
    target: &Target,
    cut: Option<Duration>,
) -> Result<Answer, Refusal> {
    let (lines, receiver) = mpsc::channel(LINES_AHEAD);
    let watch = Watch {
        server: server.clone(),
        target: target.clone(),
        selection: Selection::read(call, target)?,
        view: View::new(&target.kind, &target.version, &call.accept),
        lines,
        bookmarks: call.flag("allowWatchBookmarks"),
        seen: 0,
    };
    let from = revision(call.query("resourceVersion"))?.unwrap_or(0);
    let initial = call.flag("sendInitialEvents");
    if initial && call.query("resourceVersionMatch") != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        return Err(Refusal::new(
            422,
            "Invalid",
            format!("resourceVersionMatch: Forbidden: {why}"),
        ));
    }
    let timeout = match call.query("timeoutSeconds").parse::<u64>() {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
        _ => DEFAULT_TIMEOUT,
    };
    tokio::spawn(async move {
        // Both ways of ending look the same to the client: the stream ends.
        let _ = watch.run(from, initial, Instant::now() + timeout).await;
    });
    Ok(Answer::Stream(pieces(receiver, cut)))
}

impl Watch {
    async fn run(mut self, from: u64, initial: bool, end: Instant) -> Result<(), Ended> {
        let table = self.target.kind.table();
        let mut wake = self.server.store.subscribe(&table);
        if from == 0 || initial {
            self.send_all().await?;
            if initial && self.bookmarks {
                self.send(self.view.bookmark(self.seen, true)).await?;
            }
        } else {
            self.seen = from;
        }
        let every = self.server.options.bookmark_every;
        let mut bookmark = Instant::now() + every;
        loop {
            wake.borrow_and_update();
            self.catch_up(&table).await?;
            tokio::select! {
                woken = wake.changed() => woken.map_err(|_| Ended)?,
                () = self.lines.closed() => return Err(Ended),
                () = sleep_until(bookmark), if self.bookmarks => {
                    self.catch_up(&table).await?;
                    self.send(self.view.bookmark(self.seen, false)).await?;
                    bookmark = Instant::now() + every;
                }
                () = sleep_until(end) => {
                    if self.bookmarks {
                        self.send(self.view.bookmark(self.seen, false)).await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Shows every object that is there as if it were new.
    async fn send_all(&mut self) -> Result<(), Ended> {
        let range = Range { namespace: self.target.namespace.clone(), ..Range::default() };
        let wanted = |object: &Object| self.selection.matches(&self.target, object);
        let table = self.target.kind.table();
        let found = self.server.store.list(&table, &range, usize::MAX, wanted);
        let found = found.map_err(|_| Ended)?;
        for object in &found.objects {
            self.send(self.view.line("ADDED", object)).await?;
        }
        self.seen = found.revision;
        Ok(())
    }

    /// Sends what has changed since the last time.
    async fn catch_up(&mut self, table: &str) -> Result<(), Ended> {
        let (changes, revision) = match self.server.store.changes(table, self.seen) {
            Ok(changes) => changes,
            Err(refusal) => {
                let line = json!({"type": "ERROR", "object": refusal.body()});
                self.send(format!("{line}\n").into()).await?;
                return Err(Ended);
            }
        };
        for event in changes {
            if let Some(line) = self.line(&event) {
                self.send(line).await?;
            }
        }
        self.seen = revision;
        Ok(())
    }

    /// What this client is to see of a change. An object that no longer fits its selectors is gone
    /// for it, one that fits from now on is new.
    fn line(&self, event: &Event) -> Option<Bytes> {
        if !self.target.namespace.is_empty()
            && namespace(&event.object.value) != self.target.namespace
        {
            return None;
        }
        let fits = |it: &Object| self.selection.matches(&self.target, it);
        let before = event.previous.as_ref().is_some_and(|it| fits(it));
        let after = event.change != Change::Deleted && fits(&event.object);
        match (before, after) {
            (false, true) => Some(self.view.line("ADDED", &event.object)),
            (true, true) => Some(self.view.line("MODIFIED", &event.object)),
            (true, false) if event.change == Change::Deleted => {
                Some(self.view.line("DELETED", &event.object))
            }
            (true, false) => {
                // The last version that fitted, under the revision of the change.
                let last = event.previous.as_ref()?.value.clone();
                Some(self.view.line("DELETED", &Object::new(last, event.revision())))
            }
            (false, false) => None,
        }
    }

    async fn send(&self, line: Bytes) -> Result<(), Ended> {
        self.lines.send(line).await.map_err(|_| Ended)
    }
}
