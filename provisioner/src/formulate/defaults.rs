//! The pools that are used when the input has none.

use catalog::{Operator, Requirement, Requirements};

use super::{shapes::Shape, terms::NodeOperator};
use crate::api::node_pool::NodePool;

const OS: &str = "kubernetes.io/os";

/// One pool of regular Linux nodes, and one of Windows nodes if some pod asks for Windows.
pub(super) fn node_pools(azure: bool, shapes: &[Shape<'_>], asks_windows: bool) -> Vec<NodePool> {
    let linux = pool("default", "linux", azure.then_some(&["D", "E", "F", "N"]));
    let windows = (asks_windows && !shapes.is_empty())
        .then(|| pool("default-windows", "windows", azure.then_some(&["D", "E", "F", "N"])));
    std::iter::once(linux).chain(windows).collect()
}

/// Whether a term names Windows nodes.
pub(super) fn names_windows(terms: &super::terms::NodeTerms<'_>) -> bool {
    terms.requirements().any(|one| {
        catalog::well_known::normalise(&one.key) == OS
            && one.operator == NodeOperator::In
            && one.values.iter().any(|value| value == "windows")
    })
}

fn pool(name: &str, os: &str, families: Option<&[&str; 4]>) -> NodePool {
    let mut requirements = Requirements::default();
    let mut ask = |key: &str, values: &[&str]| {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        // A list of plain values is a valid requirement on any key.
        if let Ok(requirement) = Requirement::new(key, Operator::In, &values, None) {
            requirements.add(requirement);
        }
    };
    ask(OS, &[os]);
    ask("kubernetes.io/arch", &["amd64"]);
    ask(crate::api::names::CAPACITY_TYPE, &["on-demand"]);
    if let Some(families) = families {
        ask("karpenter.azure.com/sku-family", families);
    }
    NodePool { name: name.to_owned(), requirements, default: true, ..NodePool::default() }
}
