//! Where sizes and prices come from.

use std::sync::{Arc, Mutex, PoisonError};

use catalog::{
    InstanceType,
    azure::{NodeSettings, Region},
};

/// Something to buy nodes from.
#[derive(Clone, Debug)]
pub enum Catalog {
    /// A region of Azure; what a size holds depends on the node class.
    Azure(AzureCatalog),
    /// A fixed list of types, from a file or a formula.
    Types {
        /// What to call it in reports.
        name: String,
        /// The types.
        types: Vec<Arc<InstanceType>>,
    },
}

impl Catalog {
    /// Everything that a region of Azure sells.
    pub fn azure(region: Region) -> Self {
        Self::Azure(AzureCatalog { region: Arc::new(region), built: Arc::default() })
    }

    /// Everything on sale for nodes of these settings.
    pub fn instance_types(&self, settings: &NodeSettings) -> Arc<[Arc<InstanceType>]> {
        match self {
            Self::Azure(catalog) => catalog.instance_types(settings),
            Self::Types { types, .. } => types.as_slice().into(),
        }
    }

    /// Whether node classes and size families are Azure's.
    pub fn is_azure(&self) -> bool {
        matches!(self, Self::Azure(_))
    }
}

/// A region, and the instance types it has been asked for. Clones share both, so that whoever
/// plans again and again from one catalog has them built once.
#[derive(Clone, Debug)]
pub struct AzureCatalog {
    region: Arc<Region>,
    /// The latest last.
    built: Arc<Mutex<Vec<Built>>>,
}

type Built = (NodeSettings, Arc<[Arc<InstanceType>]>);

/// Clusters have a handful of node classes. More than this many are built anew in turn.
const MOST_BUILT: usize = 16;

impl AzureCatalog {
    /// What the types are made from.
    pub fn region(&self) -> &Region {
        &self.region
    }

    fn instance_types(&self, settings: &NodeSettings) -> Arc<[Arc<InstanceType>]> {
        // Whoever panicked left whole entries behind.
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, types)) = built.iter().find(|(known, _)| known == settings) {
            return types.clone();
        }
        let types = self.region.instance_types(settings).into_iter().map(Arc::new).collect();
        if built.len() == MOST_BUILT {
            built.remove(0);
        }
        built.push((settings.clone(), Arc::clone(&types)));
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_built_once_per_settings() {
        let region = Region::load("eastus").expect("the region is embedded");
        let catalog = Catalog::azure(region.clone());
        let linux = NodeSettings::default();
        let first = catalog.instance_types(&linux);
        assert!(Arc::ptr_eq(&first, &catalog.clone().instance_types(&linux)));
        for max_pods in 30..30 + MOST_BUILT as u32 {
            let few = NodeSettings { max_pods: Some(max_pods), ..NodeSettings::default() };
            let types = catalog.instance_types(&few);
            assert!(types.iter().all(|one| one.capacity.get("pods") == i64::from(max_pods)));
        }
        let again = catalog.instance_types(&linux);
        assert!(!Arc::ptr_eq(&first, &again), "the oldest has made room");
        assert_eq!(first, again);
        let fresh = region.instance_types(&linux);
        assert!(again.iter().map(|one| &**one).eq(&fresh));
    }
}
