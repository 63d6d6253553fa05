//! Lists of thousands, page by page: what is looked at once never stands in memory whole.

use std::fmt::Debug;

use kube::{Api, api::ListParams};
use serde::de::DeserializeOwned;

use super::transient;
use crate::cloud::CloudError;

/// Objects of a page.
const PAGE: u32 = 100;

/// Hands on every object of a list.
///
/// # Errors
///
/// When the API server does not answer, or has forgotten the list between two pages: to be asked
/// again from the start.
pub async fn for_each<K: Clone + DeserializeOwned + Debug>(
    api: &Api<K>,
    params: ListParams,
    mut look: impl FnMut(K),
) -> Result<(), CloudError> {
    let mut params = params.limit(PAGE);
    loop {
        let page = api.list(&params).await.map_err(transient)?;
        page.items.into_iter().for_each(&mut look);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}
