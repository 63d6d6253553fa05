//! A record of every request, to compare with the rules of RBAC.

use std::sync::{Mutex, PoisonError};

/// What a client asked for, in RBAC's terms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'static str,
    /// API group, empty for the core.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Empty for requests about many objects.
    pub name: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// HTTP code of the answer, 0 for a connection that was dropped.
    pub code: u16,
}

/// The requests so far.
#[derive(Debug, Default)]
pub struct Audit {
    records: Mutex<Vec<Record>>,
}

impl Audit {
    pub(super) fn add(&self, record: Record) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    /// All requests so far, in the order of their answers.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far and returns them.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
