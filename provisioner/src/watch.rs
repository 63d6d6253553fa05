//! Keeps up with the cluster: one stream of events per kind, trimmed as it arrives into the forms
//! that a [`Snapshot`](crate::snapshot::Snapshot) is made of.
//!
//! An object that cannot be read is logged and left out; a kind that the server does not know
//! counts as empty. Streams start over by themselves, with a growing pause, for as long as the
//! returned handle lives. Events carry nothing into decisions: a [`Wake`] only says that there may
//! be something to decide. Who else keeps up with some of the kinds is a [`Listener`], so that a
//! cluster's pods travel once.

mod expectations;
mod kind;
mod object;
mod stores;

use std::{pin::pin, sync::Arc};

use futures::StreamExt;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::{sync::mpsc, task::JoinSet};

pub use self::{
    expectations::DEFAULT_TIMEOUT,
    kind::{Kind, NODE, NODE_CLAIM, NODE_POOL, POD, VOLUME_ATTACHMENT, WATCHED},
    object::Object,
    stores::{Landing, PoolObject, Stores},
};

/// Objects of a page. Several kinds are listed at once when the process starts, and what their pages
/// take while they are read is the most that it ever needs.
const PAGE: u32 = 100;

/// Something has changed that may call for a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A pod needs a place; its uid.
    Pod(Box<str>),
    /// A pool or a node class is new or different.
    Supply,
    /// A node or a claim is on its way out.
    Leaving,
    /// All kinds have been listed.
    Synced,
}

/// Somebody who keeps up with the cluster from the same streams.
pub trait Listener: Send + Sync {
    /// Something was shown of a kind. Is called for every event of every kind, in their order, and
    /// must not wait for anything.
    fn hear(&self, kind: Kind, event: &Event<Object>);
}

/// Watches every kind until the handle is dropped. `listeners` hear of an event before the stores
/// have it; `wake` is told what may need attention.
pub fn start(
    client: &Client,
    stores: &Arc<Stores>,
    listeners: &[Arc<dyn Listener>],
    wake: &mpsc::UnboundedSender<Wake>,
) -> JoinSet<()> {
    let mut streams = JoinSet::new();
    for kind in WATCHED {
        let (client, stores, wake) = (client.clone(), stores.clone(), wake.clone());
        let listeners = listeners.to_vec();
        streams.spawn(async move {
            follow(client, kind, |shown| {
                let woken = match shown {
                    Some(event) => {
                        listeners.iter().for_each(|one| one.hear(kind, &event));
                        stores.take(kind, event)
                    }
                    None => stores.absent(kind),
                };
                // Nobody plans any more when the process ends.
                let _ = woken.map(|woken| wake.send(woken));
            })
            .await;
        });
    }
    streams
}

/// Hands on what is shown of a kind, event by event, and `None` while the server does not know the
/// kind; ends only when dropped.
pub(crate) async fn follow(
    client: Client,
    kind: Kind,
    mut take: impl FnMut(Option<Event<Object>>),
) {
    let api: Api<Object> = Api::all_with(client, &kind.resource());
    // Page by page: with "any version will do" a server sends a list of 150,000 pods in one piece.
    let config = watcher::Config::default().page_size(PAGE);
    let mut events = pin!(watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(Some(event)),
            Err(error) if is_unknown(&error) => {
                tracing::debug!(kind = kind.kind, "the server does not know this kind");
                take(None);
            }
            Err(error) => tracing::warn!(kind = kind.kind, %error, "watching was interrupted"),
        }
    }
}

/// Whether the server has no such kind (its definition is not installed).
fn is_unknown(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}
