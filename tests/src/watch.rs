//! Watched objects as a stream of changes.

use std::{collections::HashMap, fmt::Debug, mem, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use serde::de::DeserializeOwned;

/// What happened to an object.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// It is there, in this form.
    Put(Box<K>),
    /// It is gone; its last known form.
    Gone(Box<K>),
    /// All that was there at the start has been told. Comes again when a watch was interrupted, and
    /// also when there is nothing to watch because the server refuses.
    Synced,
}

/// All changes to the objects that `api` covers, without end. Interrupted watches start anew and
/// tell what was missed.
pub fn changes<K>(api: Api<K>) -> impl Stream<Item = Change<K>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let mut known: HashMap<String, K> = HashMap::new();
    let mut before: HashMap<String, K> = HashMap::new();
    watcher(api, watcher::Config::default()).default_backoff().flat_map(move |event| {
        let mut told = Vec::new();
        match event {
            Ok(Event::Init) => before = mem::take(&mut known),
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                let key = key(&object);
                before.remove(&key);
                known.insert(key, object.clone());
                told.push(Change::Put(Box::new(object)));
            }
            Ok(Event::Delete(object)) => {
                known.remove(&key(&object));
                told.push(Change::Gone(Box::new(object)));
            }
            Ok(Event::InitDone) => {
                told.extend(before.drain().map(|(_, object)| Change::Gone(Box::new(object))));
                told.push(Change::Synced);
            }
            Err(error) => {
                tracing::debug!(%error, kind = %K::kind(&()), "the watch was interrupted");
                told.push(Change::Synced);
            }
        }
        stream::iter(told)
    })
}

/// `namespace/name`, or the name alone.
pub fn key<K: Resource>(object: &K) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name_any()),
        None => object.name_any(),
    }
}

/// How long to wait before what failed is tried again.
pub const RETRY: Duration = Duration::from_millis(200);
