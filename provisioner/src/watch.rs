//! Keeps up with the cluster: one stream of events per kind, trimmed as it arrives into the forms
//! that a [`Snapshot`](crate::snapshot::Snapshot) is made of.
//!
//! An object that cannot be read is logged and left out; a kind that the server does not know
//! counts as empty. Streams start over by themselves, with a growing pause, for as long as the
//! returned handle lives. Events carry nothing into decisions: a [`Wake`] only says that there may
//! be something to decide.

mod expectations;
mod kind;
mod object;
mod stores;

use std::{pin::pin, sync::Arc};

use futures::StreamExt;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::mpsc, task::JoinSet};

pub use self::{
    expectations::DEFAULT_TIMEOUT,
    kind::{Kind, NODE, NODE_CLAIM, NODE_POOL, POD, WATCHED},
    object::Object,
    stores::{Landing, PoolObject, Stores},
};

/// Objects of a page. A pod takes some 20 KiB while it is read.
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

/// Watches every kind until the handle is dropped. `wake` is told what may need attention.
pub fn start(
    client: &Client,
    stores: &Arc<Stores>,
    wake: &mpsc::UnboundedSender<Wake>,
) -> JoinSet<()> {
    let mut streams = JoinSet::new();
    for kind in WATCHED {
        let api: Api<Object> = Api::all_with(client.clone(), &kind.resource());
        streams.spawn(follow(kind, api, stores.clone(), wake.clone()));
    }
    streams
}

async fn follow(
    kind: Kind,
    api: Api<Object>,
    stores: Arc<Stores>,
    wake: mpsc::UnboundedSender<Wake>,
) {
    let mut events = pin!(watcher(api, listing()).default_backoff());
    while let Some(event) = events.next().await {
        let woken = match event {
            Ok(event) => stores.take(kind, event),
            Err(error) if is_unknown(&error) => {
                tracing::debug!(kind = kind.kind, "the server does not know this kind");
                stores.absent(kind)
            }
            Err(error) => {
                tracing::warn!(kind = kind.kind, %error, "watching was interrupted");
                None
            }
        };
        if let Some(woken) = woken
            && wake.send(woken).is_err()
        {
            return;
        }
    }
}

/// How lists are read: page by page, and the pages small. Several kinds are listed at once when the
/// process starts, and what their pages take is the most that it ever needs.
pub(crate) fn listing() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// Whether the server has no such kind (its definition is not installed).
fn is_unknown(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}
