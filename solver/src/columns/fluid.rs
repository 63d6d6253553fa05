//! Dual prices to start from: what pods would pay for room if they could be poured.

use crate::{
    master::{Sense, Simplex},
    presolve::{Core, Kind, Source, most},
};

/// Pivots that no programme with a row per resource comes near.
const ENOUGH: u64 = 100_000;

/// A price per item at which no node is worth more than it costs: that of its resources on the
/// offering that sells them to it at the lowest rate. All 0 when nothing is for sale.
pub(crate) fn prices(core: &Core) -> Vec<f64> {
    let weights = weights(core);
    let value = |amounts: &[i64]| -> f64 {
        weights.iter().zip(amounts).map(|(weight, &amount)| weight * amount as f64).sum()
    };
    let rates: Vec<f64> = core
        .kinds
        .iter()
        .map(|kind| if kind.price > 0 { kind.price as f64 / value(&kind.capacity) } else { 0.0 })
        .collect();
    let rate = |at: usize| {
        let sellers = core.kinds.iter().zip(&rates);
        let sellers = sellers.filter(|(kind, rate)| kind.items.contains(at) && **rate > 0.0);
        sellers.map(|(_, &rate)| rate).min_by(f64::total_cmp).filter(|rate| rate.is_finite())
    };
    let items = core.items.iter().enumerate();
    items.map(|(at, item)| rate(at).map_or(0.0, |rate| rate * value(&item.request))).collect()
}

/// What existing nodes are too small for is this share of what pods ask for, at least.
const BOUGHT: f64 = 0.05;

/// What a unit of each resource costs where the cheapest mix of offerings has as much of each as all
/// pods together ask beyond what existing nodes have: duals of a programme with a row per resource.
fn weights(core: &Core) -> Vec<f64> {
    let mut total = vec![0.0; core.dims];
    for item in &core.items {
        for (total, &request) in total.iter_mut().zip(&item.request) {
            *total += request as f64 * f64::from(item.demand);
        }
    }
    for (dim, total) in total.iter_mut().enumerate() {
        let nodes = core.kinds.iter().filter(|kind| matches!(kind.source, Source::Nodes(_)));
        let free = nodes.map(|kind| kind.capacity[dim] as f64 * f64::from(kind.most)).sum::<f64>();
        *total = (*total - free).max(BOUGHT * *total);
    }
    let asked: Vec<usize> = (0..core.dims).filter(|&dim| total[dim] > 0.0).collect();
    let mut programme = Simplex::new();
    let dear = enough_for_all(core);
    for _ in &asked {
        programme.add_row(Sense::AtLeast, 1.0, dear);
    }
    let share = |kind: &Kind, dim: usize| kind.capacity[dim] as f64 / total[dim];
    for kind in core.kinds.iter().filter(|kind| kind.price > 0) {
        let entries: Vec<(u32, f64)> =
            (0..).zip(&asked).map(|(row, &dim)| (row, share(kind, dim))).collect();
        programme.add_column(kind.price as f64, &entries);
    }
    programme.solve(ENOUGH);
    let mut weights = vec![0.0; core.dims];
    for (row, &dim) in (0..).zip(&asked) {
        weights[dim] = programme.dual(row).max(0.0) / total[dim];
    }
    weights
}

/// More than room for all pods costs, each kind of pod on nodes of its own.
fn enough_for_all(core: &Core) -> f64 {
    let alone = |at: usize| {
        let item = &core.items[at];
        let sellers = core.kinds.iter().filter(|kind| kind.price > 0 && kind.items.contains(at));
        let each = sellers.map(|kind| kind.price as f64 / f64::from(most(core, item, kind).max(1)));
        each.min_by(f64::total_cmp).unwrap_or(0.0) * f64::from(item.demand)
    };
    1.0 + 2.0 * (0..core.items.len()).map(alone).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pattern::{Ask, Exact, Pricer},
        presolve::twins::tests::zonal,
    };

    /// The most that a pattern of each kind is worth at these prices, and what the kind costs.
    fn worths(core: &Core, prices: &[f64]) -> Vec<(f64, f64)> {
        let demand = core.demand();
        let ask = Ask {
            profits: prices,
            limits: &demand,
            enough: 0.0,
            nodes: 500,
            keep: 1,
            exact: Exact::Yes,
        };
        let worth = |kind: &Kind| (Pricer::new(core, kind).price(&ask).bound, kind.price as f64);
        core.kinds.iter().map(worth).collect()
    }

    #[test]
    fn no_node_is_worth_more_than_it_costs_and_some_are_worth_it() {
        let core = zonal();
        let prices = prices(&core);
        assert!(prices.iter().all(|&price| price > 0.0), "{prices:?}");
        let worths = worths(&core, &prices);
        assert!(worths.iter().all(|(worth, cost)| *worth <= cost * (1.0 + 1e-9)), "{worths:?}");
        assert!(worths.iter().any(|(worth, cost)| *worth >= cost * 0.999), "{worths:?}");
    }

    #[test]
    fn a_resource_that_nobody_asks_for_is_worth_nothing() {
        let mut core = zonal();
        core.items.iter_mut().for_each(|item| item.request[1] = 0);
        // The large size sells a unit of the first resource at 19 / 8, the small one at 10 / 4.
        for (item, price) in core.items.iter().zip(prices(&core)) {
            let expected = item.request[0] as f64 * 19.0 / 8.0;
            assert!((price - expected).abs() < 1e-9, "{price} instead of {expected}");
        }
    }

    #[test]
    fn where_nothing_is_for_sale_nothing_has_a_price() {
        let mut core = zonal();
        core.kinds.clear();
        assert!(prices(&core).iter().all(|&price| price == 0.0));
    }
}
