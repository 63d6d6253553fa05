//! Arguments that several commands share, and how their values are read.

use std::{path::PathBuf, str::FromStr};

use anstream::ColorChoice;
use catalog::azure::{ManagedDiskPrice, NetworkPlugin, NodeSettings, OsDiskType};
use clap::{Args, ValueEnum};

use crate::report::Format;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Colour> for ColorChoice {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => Self::Auto,
            Colour::Always => Self::AlwaysAnsi,
            Colour::Never => Self::Never,
        }
    }
}

/// Where the sizes come from.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// An Azure region, e.g. westeurope: sizes and prices that ship with tenon.
    #[arg(long, short, value_name = "REGION")]
    pub(super) region: Option<String>,
    /// `kwok`, a file in the form of Karpenter's --instance-types-file-path, or one made by
    /// `tenon catalog import`.
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
}

/// What decides a node's room apart from its size.
#[derive(Clone, Debug, Args)]
pub(super) struct Nodes {
    /// Kubernetes version, which decides what AKS reserves.
    #[arg(long, value_name = "VERSION", default_value = "1.34", value_parser = version)]
    pub(super) kubernetes_version: (u32, u32),
    /// How pods get their addresses, which decides how many fit.
    #[arg(long, value_enum, default_value_t)]
    pub(super) network_plugin: Plugin,
    /// Pods per node, instead of the network plugin's default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) max_pods: Option<u32>,
    /// Dollars per hour of a managed OS disk, instead of the list price.
    #[arg(long, value_name = "USD", value_parser = micro_dollars)]
    pub(super) os_disk_price: Option<i64>,
}

impl Nodes {
    /// For Linux nodes with the default OS disk.
    pub(super) fn settings(&self) -> NodeSettings {
        NodeSettings {
            kubernetes_version: self.kubernetes_version,
            max_pods: self.max_pods,
            network_plugin: self.network_plugin.into(),
            managed_disk_price: self.os_disk_price.map(ManagedDiskPrice::flat),
            ..NodeSettings::default()
        }
    }
}

/// How a plan is printed.
#[derive(Clone, Debug, Args)]
pub(super) struct Output {
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: Format,
    /// Tell why a pod, or the pods of a workload, are where they are, or nowhere; NAMESPACE/NAME
    /// or NAME; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) explain: Vec<String>,
    /// Tell which constraint costs how much: plan again without each limit, selector, affinity,
    /// spread and pool requirement by itself, 40 of them at most.
    #[arg(long)]
    pub(super) why_cost: bool,
    /// Exit with 2 when pods have no place.
    #[arg(long)]
    pub(super) strict: bool,
    /// Number of threads; 0 takes one per core. The plan does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
}

/// `--network-plugin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Plugin {
    /// Azure CNI, overlay mode (250 pods per node).
    #[default]
    AzureOverlay,
    /// Azure CNI, pods in the node's subnet (30).
    AzureNodeSubnet,
    /// kubenet (110).
    Kubenet,
    /// Bring your own (250).
    None,
}

impl From<Plugin> for NetworkPlugin {
    fn from(plugin: Plugin) -> Self {
        match plugin {
            Plugin::AzureOverlay => Self::AzureOverlay,
            Plugin::AzureNodeSubnet => Self::AzureNodeSubnet,
            Plugin::Kubenet => Self::Kubenet,
            Plugin::None => Self::None,
        }
    }
}

/// `--os-disk`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Disk {
    /// Ephemeral where it fits, else managed.
    #[default]
    Auto,
    /// Ephemeral only.
    Ephemeral,
    /// Managed only.
    Managed,
}

impl From<Disk> for OsDiskType {
    fn from(disk: Disk) -> Self {
        match disk {
            Disk::Auto => Self::Auto,
            Disk::Ephemeral => Self::Ephemeral,
            Disk::Managed => Self::Managed,
        }
    }
}

/// `1.34`, `v1.34.2`.
fn version(text: &str) -> Result<(u32, u32), String> {
    let mut parts = text.trim_start_matches('v').splitn(3, '.').map(u32::from_str);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err("expected a version such as 1.34".to_owned()),
    }
}

/// A price in dollars as micro-dollars, without a float on the way.
pub(super) fn micro_dollars(text: &str) -> Result<i64, String> {
    let wrong = || "expected dollars per hour such as 0.0266, at most six decimals".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let whole: i64 = whole.parse().map_err(|_| wrong())?;
    let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000).and_then(|micro| micro.checked_add(fraction)).ok_or_else(wrong)
}

/// `512Mi`, `2Gi`, `100M`, or a number of bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 512Mi or 2Gi".to_owned();
    let at = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_exactly_or_refused() {
        for (text, micro) in [("0.0266", 26_600), ("3", 3_000_000), ("0.000001", 1), ("0.", 0)] {
            assert_eq!(micro_dollars(text), Ok(micro), "{text}");
        }
        for text in ["", ".5", "-1", "0.0000001", "1e3", "9223372036855", "1.2.3", "٣"] {
            assert!(micro_dollars(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("0", 0), ("12", 12), ("3k", 3_000), ("2Gi", 2 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "Mi", "-1", "1Zi", "1.5Gi", "99999999999999999999", "18446744073709551615Ki"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_have_two_numbers() {
        assert_eq!(version("v1.34.2"), Ok((1, 34)));
        assert_eq!(version("1.29"), Ok((1, 29)));
        for text in ["1", "", "one.two", "1.-2"] {
            assert!(version(text).is_err(), "{text}");
        }
    }
}
