//! Pods as a web shop or a platform has them, without constraints.
//!
//! A shape's CPU is lognormal (median 350 m, sigma 1.0, from 50 m to 16 cores), its GiB per core
//! lognormal (median 3, sigma 0.6, from 0.5 to 16); CPU is rounded to 50 m, memory to 64 MiB, and
//! no two shapes are equal. The most frequent shape comes first; counts follow 1/rank.

use std::sync::Arc;

use catalog::{
    CapacityType,
    azure::{ManagedDiskPrice, NodeSettings, Region},
};
use provisioner::instance::{Demand, Instance, Market, ReadError, Shape, market};

use crate::{
    rng::{SplitMix, zipf},
    sets,
};

/// What a generated set is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Web {
    /// How many pods.
    pub pods: u32,
    /// How many different requests.
    pub shapes: u32,
    /// Which of the sets of that size.
    pub seed: u64,
}

/// Whose sizes are bought, at which prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prices {
    /// Azure's eastus, regular.
    OnDemand,
    /// Azure's eastus, regular and spot.
    Spot,
    /// EC2's us-east-1, regular.
    Aws,
}

impl Web {
    /// The pods.
    pub fn demand(&self) -> Demand {
        let mut random = SplitMix::new(self.seed);
        let mut shapes: Vec<Shape> = Vec::new();
        for (rank, count) in zipf(self.pods, self.shapes).into_iter().enumerate() {
            let (cpu_milli, memory_mib) = distinct(&mut random, &shapes);
            let name = format!("web-{}", rank + 1);
            shapes.push(Shape { name, cpu_milli, memory_mib, count, ..Shape::default() });
        }
        Demand { shapes }
    }

    /// The whole problem.
    ///
    /// # Errors
    ///
    /// None for sizes that fit 32 bits; the sums are checked all the same.
    pub fn instance(&self, prices: Prices) -> Result<Instance, ReadError> {
        market::join(&self.demand(), &sizes_of(prices))
    }
}

/// A request that none of the shapes has; an equal one where the grid has no more to give.
fn distinct(random: &mut SplitMix, shapes: &[Shape]) -> (i64, i64) {
    const TRIES: usize = 1_000;
    let mut request = (50, 64);
    for _ in 0..TRIES {
        request = draw(random);
        if !shapes.iter().any(|shape| (shape.cpu_milli, shape.memory_mib) == request) {
            break;
        }
    }
    request
}

fn draw(random: &mut SplitMix) -> (i64, i64) {
    let cpu = random.lognormal(350.0, 1.0).clamp(50.0, 16_000.0);
    let cpu_milli = ((cpu / 50.0).round() * 50.0) as i64;
    let gib_per_core = random.lognormal(3.0, 0.6).clamp(0.5, 16.0);
    let memory = cpu_milli as f64 / 1_000.0 * gib_per_core * 1_024.0;
    (cpu_milli, ((memory / 64.0).round() * 64.0).max(64.0) as i64)
}

/// The sizes to buy. On Azure a node holds 110 pods, keeps what AKS reserves, and costs what the
/// size alone costs: the price of its OS disk, the same for most sizes, is left out.
pub fn sizes_of(prices: Prices) -> Market {
    let capacity_types: &[CapacityType] = match prices {
        Prices::Aws => return sets::aws(),
        Prices::OnDemand => &[CapacityType::OnDemand],
        Prices::Spot => &[CapacityType::OnDemand, CapacityType::Spot],
    };
    let settings = NodeSettings {
        max_pods: Some(110),
        managed_disk_price: Some(ManagedDiskPrice::flat(0)),
        ..NodeSettings::default()
    };
    // The name is one of the embedded regions; a test loads it.
    let types = Region::load("eastus").map(|region| region.instance_types(&settings));
    let types: Vec<Arc<_>> = types.unwrap_or_default().into_iter().map(Arc::new).collect();
    Market::of_catalog(types.iter().map(Arc::as_ref), capacity_types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_pods_on_the_grid() {
        let web = Web { pods: 5_000, shapes: 60, seed: 1 };
        let demand = web.demand();
        assert_eq!(demand, web.demand());
        assert_ne!(demand, Web { seed: 2, ..web }.demand());
        assert_eq!(demand.shapes.len(), 60);
        assert_eq!(demand.shapes.iter().map(|shape| shape.count).sum::<u32>(), 5_000);
        for (at, shape) in demand.shapes.iter().enumerate() {
            assert_eq!((shape.cpu_milli % 50, shape.memory_mib % 64), (0, 0));
            let same = |other: &Shape| {
                (other.cpu_milli, other.memory_mib) == (shape.cpu_milli, shape.memory_mib)
            };
            assert!(!demand.shapes[..at].iter().any(same), "{shape:?}");
        }
    }

    #[test]
    fn sizes_have_prices_and_spot_is_cheaper() {
        let [regular, spot] = [Prices::OnDemand, Prices::Spot].map(sizes_of);
        assert!(regular.sizes.len() > 500, "{}", regular.sizes.len());
        assert!(spot.sizes.len() > regular.sizes.len());
        let least = |market: &Market| market.sizes.iter().map(|size| size.price).min();
        assert!(least(&spot) < least(&regular));
    }
}
