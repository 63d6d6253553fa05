//! Where sizes and prices come from.

use std::sync::Arc;

use catalog::{
    InstanceType,
    azure::{NodeSettings, Region},
};

/// Something to buy nodes from.
#[derive(Clone, Debug)]
pub enum Catalog {
    /// A region of Azure; what a size holds depends on the node class.
    Azure(Region),
    /// A fixed list of types, from a file or a formula.
    Types {
        /// What to call it in reports.
        name: String,
        /// The types.
        types: Vec<Arc<InstanceType>>,
    },
}

impl Catalog {
    /// Everything on sale for nodes of these settings.
    pub fn instance_types(&self, settings: &NodeSettings) -> Vec<Arc<InstanceType>> {
        match self {
            Self::Azure(region) => {
                region.instance_types(settings).into_iter().map(Arc::new).collect()
            }
            Self::Types { types, .. } => types.clone(),
        }
    }

    /// Whether node classes and size families are Azure's.
    pub fn is_azure(&self) -> bool {
        matches!(self, Self::Azure(_))
    }
}
