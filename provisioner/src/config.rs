//! What `tenon run` is told: feature gates, policies and paths, read strictly.

use std::{fmt, str::FromStr};

/// Karpenter's feature gates with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureGates {
    /// Replace nodes that stay unhealthy.
    pub node_repair: bool,
    /// Use reserved capacity first.
    pub reserved_capacity: bool,
    /// Replace spot nodes by cheaper spot nodes.
    pub spot_to_spot_consolidation: bool,
    /// Adjust prices and capacities by NodeOverlay.
    pub node_overlay: bool,
    /// Pools with `replicas`.
    pub static_capacity: bool,
    /// Keep room free by CapacityBuffer.
    pub capacity_buffer: bool,
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self {
            node_repair: false,
            reserved_capacity: true,
            spot_to_spot_consolidation: false,
            node_overlay: false,
            static_capacity: false,
            capacity_buffer: false,
        }
    }
}

/// Why gates cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Not `Name=true` or `Name=false`.
    #[error("{0:?} is no feature gate; write Name=true or Name=false, separated by commas")]
    Form(String),
    /// Nobody knows the name.
    #[error(
        "there is no feature gate {0:?}; there are NodeRepair, ReservedCapacity, \
         SpotToSpotConsolidation, NodeOverlay, StaticCapacity and CapacityBuffer"
    )]
    Unknown(String),
}

impl FeatureGates {
    fn gate(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "NodeRepair" => &mut self.node_repair,
            "ReservedCapacity" => &mut self.reserved_capacity,
            "SpotToSpotConsolidation" => &mut self.spot_to_spot_consolidation,
            "NodeOverlay" => &mut self.node_overlay,
            "StaticCapacity" => &mut self.static_capacity,
            "CapacityBuffer" => &mut self.capacity_buffer,
            _ => return None,
        })
    }
}

impl FromStr for FeatureGates {
    type Err = GateError;

    /// Reads `NodeRepair=true,NodeOverlay=false`; what is not named keeps its default.
    fn from_str(text: &str) -> Result<Self, GateError> {
        let mut gates = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let form = || GateError::Form(word.to_owned());
            let (name, value) = word.split_once('=').ok_or_else(form)?;
            let value = value.trim().parse().map_err(|_| form())?;
            let name = name.trim();
            *gates.gate(name).ok_or_else(|| GateError::Unknown(name.to_owned()))? = value;
        }
        Ok(gates)
    }
}

impl fmt::Display for FeatureGates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NodeRepair={},ReservedCapacity={},SpotToSpotConsolidation={},NodeOverlay={},\
             StaticCapacity={},CapacityBuffer={}",
            self.node_repair,
            self.reserved_capacity,
            self.spot_to_spot_consolidation,
            self.node_overlay,
            self.static_capacity,
            self.capacity_buffer
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_read_back_what_they_show() {
        let text = "NodeRepair=true, ReservedCapacity=false,";
        let gates: FeatureGates = text.parse().unwrap();
        assert!(gates.node_repair && !gates.reserved_capacity && !gates.node_overlay);
        assert_eq!(gates.to_string().parse(), Ok(gates));
        assert_eq!("".parse(), Ok(FeatureGates::default()));
    }

    #[test]
    fn wrong_gates_are_refused() {
        for text in ["NodeRepair", "NodeRepair=yes", "=true", "nodeRepair=true", "Drift=true"] {
            assert!(text.parse::<FeatureGates>().is_err(), "{text}");
        }
    }
}
