//! Where sizes come from: an Azure region, or a list that was brought along.

use std::sync::Arc;

use ::catalog::{
    InstanceType,
    azure::{NodeSettings, Region},
    kwok, types_file,
};

/// A catalog of sizes.
#[derive(Clone, Debug)]
pub enum Catalog {
    /// Sizes of a region; what they hold depends on the node configuration.
    Azure(Region),
    /// Finished instance types.
    Types {
        /// `kwok`, or the file.
        name: String,
        /// The types.
        types: Vec<Arc<InstanceType>>,
    },
}

impl Catalog {
    /// Karpenter's 144 kwok types.
    pub fn kwok() -> Self {
        let types = kwok::instance_types().into_iter().map(Arc::new).collect();
        Self::Types { name: "kwok".to_owned(), types }
    }

    /// A file in the form of Karpenter's instance types (a list) or of an imported region (a map).
    ///
    /// # Errors
    ///
    /// A line that names the file and says what is wrong.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, String> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            let region = Region::from_import(bytes).map_err(|error| format!("{name}: {error}"))?;
            return Ok(Self::Azure(region));
        }
        let types = types_file::parse(bytes).map_err(|error| format!("{name}: {error}"))?;
        let types = types.into_iter().map(Arc::new).collect();
        Ok(Self::Types { name: name.to_owned(), types })
    }

    /// The sizes for nodes of one configuration.
    pub fn instance_types(&self, settings: &NodeSettings) -> Vec<Arc<InstanceType>> {
        match self {
            Self::Azure(region) => {
                region.instance_types(settings).into_iter().map(Arc::new).collect()
            }
            Self::Types { types, .. } => types.clone(),
        }
    }
}
