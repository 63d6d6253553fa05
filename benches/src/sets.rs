//! Every instance by its name: the published ones that are stored in `data/sets.bin`, and
//! generated ones, whose names say how to make them again.
//!
//! | name | what |
//! |---|---|
//! | `vbp/<class>/<instance>` | vector bin packing of Mommessin, Erlebach and Shakhlevich |
//! | `maneuver/<application>/<offers>` | an application of MANeUveR and so many offers |
//! | `openb/<market>` | Alibaba's GPU cluster 2023, on its own nodes or on EC2's sizes |
//! | `vm-stream/<market>` | 1.2 million machines of Azure, 2017 |
//! | `diverse/<pods>` | Karpenter's own benchmark on its 400 types, all constraints included |
//! | `<kind>/<pods>x<shapes>/<market>/<seed>` | generated: `web`, `mixed` or `limited` |
//!
//! Markets are `eastus` (regular prices), `eastus-spot` (and spot) and `aws`.

use std::{collections::BTreeMap, sync::OnceLock};

use provisioner::{
    formulate::{self, formulate},
    instance::{Demand, Instance, Market, ReadError, Unit, maneuver, market, pods, sizes, vbp},
};
use thiserror::Error;

use crate::{
    benchmark_catalog, diverse,
    generate::{Limited, Mixed, Prices, Web, web::sizes_of},
};

/// An instance with what is known of it.
#[derive(Clone, Debug)]
pub struct Set {
    /// As above.
    pub name: String,
    /// The problem.
    pub instance: Instance,
    /// The best cost that others published, or the optimum.
    pub best_known: Option<i64>,
    /// Whether `best_known` is proven to be the optimum.
    pub is_optimum: bool,
}

/// Why there is no set of a name.
#[derive(Debug, Error)]
pub enum SetError {
    /// No set is called so.
    #[error("{0}: no set has this name")]
    Unknown(String),
    /// It cannot be read.
    #[error("{0}: {1}")]
    Unreadable(String, Box<ReadError>),
}

/// Sizes of generated sets, as pods and shapes.
const WEB: [(u32, u32); 12] = [
    (200, 20),
    (1_000, 40),
    (1_000, 300),
    (5_000, 60),
    (5_000, 120),
    (5_000, 300),
    (20_000, 100),
    (20_000, 300),
    (100_000, 60),
    (100_000, 300),
    (1_000_000, 60),
    (1_000_000, 300),
];
const MIXED: [(u32, u32); 9] = [
    (200, 20),
    (500, 40),
    (1_000, 60),
    (1_000, 100),
    (2_000, 150),
    (5_000, 200),
    (10_000, 60),
    (10_000, 100),
    (10_000, 200),
];
const LIMITED: [(u32, u32); 4] = [(1_000, 40), (5_000, 60), (10_000, 100), (100_000, 300)];
const AWS: [(u32, u32); 4] = [(10_000, 60), (100_000, 60), (100_000, 300), (1_000_000, 60)];
/// Numbers of pods of Karpenter's benchmark.
const DIVERSE: [u32; 3] = [1_000, 5_000, 20_000];
/// Sets of each size.
const SEEDS: u64 = 2;

/// The files of `data/sets.bin` by name.
fn files() -> &'static BTreeMap<String, String> {
    static FILES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let packed = include_bytes!("../data/sets.bin");
        let bytes = miniz_oxide::inflate::decompress_to_vec(packed).unwrap_or_default();
        unpack(&bytes).unwrap_or_default()
    })
}

/// `None` where the archive is damaged.
fn unpack(mut rest: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let (name, length) = head.rsplit_once(' ')?;
        let (text, tail) = rest[end + 1..].split_at_checked(length.parse().ok()?)?;
        files.insert(name.to_owned(), String::from_utf8(text.to_vec()).ok()?);
        rest = tail;
    }
    Some(files)
}

fn stored(name: &str) -> Option<&'static str> {
    files().get(name).map(String::as_str)
}

/// A file that is in the archive, as the tests see to.
fn file(name: &str) -> &'static str {
    stored(name).unwrap_or_default()
}

/// The rows of a stored table without its header.
fn rows(name: &str) -> impl Iterator<Item = Vec<&'static str>> {
    file(name).lines().skip(1).map(|line| line.split(',').collect())
}

/// All names, in the order of the table above.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = rows("vbp/known")
        .filter_map(|row| Some(format!("vbp/{}/{}", row[0], row.get(1)?)))
        .collect();
    names.extend(
        rows("maneuver/known")
            .filter_map(|row| Some(format!("maneuver/{}/{}", row[0], row.get(1)?))),
    );
    names.extend(
        ["openb/aws", "openb/nodes", "vm-stream/aws", "vm-stream/eastus"].map(str::to_owned),
    );
    names.extend(DIVERSE.map(|pods| format!("diverse/{pods}")));
    let mut generated = |kind: &str, sizes: &[(u32, u32)], market: &str| {
        for (pods, shapes) in sizes {
            names.extend((1..=SEEDS).map(|seed| format!("{kind}/{pods}x{shapes}/{market}/{seed}")));
        }
    };
    generated("web", &WEB, "eastus");
    generated("web", &WEB, "eastus-spot");
    generated("web", &AWS, "aws");
    generated("mixed", &MIXED, "eastus");
    generated("limited", &LIMITED, "eastus");
    names
}

/// The instance of a name, of those in [`names`] or another of the generated kinds.
///
/// # Errors
///
/// When there is none, or the stored one cannot be read.
pub fn load(name: &str) -> Result<Set, SetError> {
    let (instance, known) = find(name).ok_or_else(|| SetError::Unknown(name.to_owned()))?;
    let (best_known, is_optimum) = known.unzip();
    Ok(Set {
        name: name.to_owned(),
        instance: instance
            .map_err(|error| SetError::Unreadable(name.to_owned(), Box::new(error)))?,
        best_known,
        is_optimum: is_optimum.unwrap_or(false),
    })
}

/// The cost that others found, and whether it is the optimum.
type Known = Option<(i64, bool)>;

fn find(name: &str) -> Option<(Result<Instance, ReadError>, Known)> {
    let parts: Vec<&str> = name.split('/').collect();
    let found = match parts.as_slice() {
        ["vbp", class, instance] => (vbp::read(stored(name)?), vbp_known(class, instance)),
        ["maneuver", application, offers] => {
            let known = maneuver_known(application, offers);
            let application = stored(&format!("maneuver/app/{application}"))?;
            (maneuver::read(application, stored(&format!("maneuver/offers/{offers}"))?), known)
        }
        ["openb", "nodes"] => {
            (on(pods::read(file("openb/pods-with-models")), sizes::read(file("openb/nodes"))), None)
        }
        ["openb", market] => (on(pods::read(file("openb/pods")), Ok(market_of(market)?)), None),
        ["vm-stream", market] => {
            (on(pods::read(file("vm-stream/machines")), Ok(market_of(market)?)), None)
        }
        ["diverse", pods] => (karpenter(pods)?, None),
        [kind, size, market, seed] => (generated(kind, size, market, seed)?, None),
        _ => return None,
    };
    Some(found)
}

fn on(
    demand: Result<Demand, ReadError>,
    market: Result<Market, ReadError>,
) -> Result<Instance, ReadError> {
    market::join(&demand?, &market?)
}

fn prices(market: &str) -> Option<Prices> {
    match market {
        "eastus" => Some(Prices::OnDemand),
        "eastus-spot" => Some(Prices::Spot),
        "aws" => Some(Prices::Aws),
        _ => None,
    }
}

fn market_of(market: &str) -> Option<Market> {
    prices(market).map(sizes_of)
}

/// EC2's sizes in us-east-1 at regular prices.
pub fn aws() -> Market {
    // The table is stored with the crate and read in a test.
    sizes::read(file("aws/sizes")).unwrap_or_default()
}

fn generated(
    kind: &str,
    size: &str,
    market: &str,
    seed: &str,
) -> Option<Result<Instance, ReadError>> {
    let (pods, shapes) = size.split_once('x')?;
    let web =
        Web { pods: pods.parse().ok()?, shapes: shapes.parse().ok()?, seed: seed.parse().ok()? };
    match kind {
        "web" => Some(web.instance(prices(market)?)),
        "mixed" => Some(Mixed { web }.instance(prices(market)?)),
        "limited" => Some(Limited { web }.instance(prices(market)?)),
        _ => None,
    }
}

/// The pods of Karpenter's benchmark, brought into the solver's form as a plan for a cluster would be.
fn karpenter(pods: &str) -> Option<Result<Instance, ReadError>> {
    let snapshot = diverse(pods.parse().ok()?)?;
    let formulation = formulate(&snapshot, &benchmark_catalog(), &formulate::Options::default());
    // What is formulated holds together.
    Instance::unnamed(formulation.problem, Unit::MicroDollars).ok().map(Ok)
}

/// (bins, whether they are the optimum).
fn vbp_known(class: &str, instance: &str) -> Known {
    let row = rows("vbp/known").find(|row| row[0] == class && row.get(1) == Some(&instance))?;
    let number = |at: usize| row.get(at)?.parse::<i64>().ok();
    match number(3)? {
        optimum @ 0.. => Some((optimum, true)),
        _ => Some((number(4)?, false)),
    }
}

/// (micro-dollars per hour, true): the published prices are proven.
fn maneuver_known(application: &str, offers: &str) -> Known {
    let row =
        rows("maneuver/known").find(|row| row[0] == application && row.get(1) == Some(&offers))?;
    let dollars: f64 = row.get(2)?.parse().ok()?;
    // The prices have three decimals, so that rounding gives them back exactly.
    Some(((dollars * 1e6).round() as i64, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_set_is_read_and_known() {
        let names = names();
        let stored = names.iter().filter(|name| name.starts_with("vbp/")).count();
        assert_eq!(stored, 294);
        for name in names.iter().filter(|name| !name.starts_with("web/1000000")) {
            let set = load(name).unwrap();
            let published = name.starts_with("vbp/") || name.starts_with("maneuver/");
            assert_eq!(set.best_known.is_some(), published, "{name}");
            assert!(set.instance.problems.iter().all(|problem| problem.pods() > 0), "{name}");
        }
    }

    /// A short search reaches many an optimum and proves some; nothing may contradict them.
    #[test]
    fn published_optima_lie_between_bound_and_cost() {
        for name in names() {
            if !name.starts_with("vbp/") && !name.starts_with("maneuver/") {
                continue;
            }
            let Some(set) = load(&name).ok().filter(|set| set.is_optimum) else { continue };
            let options = solver::Options { effort: 20_000, ..solver::Options::default() };
            let answer = set.instance.solve(&options);
            assert_eq!(set.instance.check(&answer), [], "{name}");
            assert_eq!(answer.unplaced(), 0, "{name}");
            let optimum = set.best_known.unwrap();
            let (bound, cost) = (answer.solution.bound, answer.solution.cost);
            assert!(bound <= optimum && optimum <= cost, "{name}: {bound} {optimum} {cost}");
        }
    }

    /// The exact engine may do a tenth of its usual work.
    #[test]
    fn applications_are_deployed_at_their_proven_optima() {
        let cells = names().into_iter().filter(|name| name.starts_with("maneuver/"));
        let cells: Vec<String> = cells.collect();
        assert_eq!(cells.len(), 8);
        for name in cells {
            let set = load(&name).unwrap();
            let options = solver::Options { effort: 20_000, ..solver::Options::default() };
            let answer = set.instance.solve(&options);
            assert_eq!(set.instance.check(&answer), [], "{name}");
            assert_eq!(answer.solution.status, solver::solution::Status::Optimal, "{name}");
            let found = (answer.solution.cost, answer.solution.bound);
            let optimum = set.best_known.unwrap();
            assert_eq!(found, (optimum, optimum), "{name}");
        }
    }

    /// Instances where first dives and moves of single items end a bin above the optimum.
    #[test]
    fn hard_bins_are_packed_to_their_proven_optima() {
        for name in
            ["vbp/new/class2_120_5_3", "vbp/new/class3_120_3_3", "vbp/triplet/classF_60_3_3"]
        {
            let set = load(name).unwrap();
            let options = solver::Options { effort: 5_000_000, ..solver::Options::default() };
            let answer = set.instance.solve(&options);
            assert_eq!(set.instance.check(&answer), [], "{name}");
            assert_eq!(answer.solution.status, solver::solution::Status::Optimal, "{name}");
            assert_eq!(Some(answer.solution.cost), set.best_known, "{name}");
        }
    }

    #[test]
    fn traces_keep_their_totals() {
        let pods = |name: &str| load(name).unwrap().instance.problems[0].pods();
        assert_eq!(pods("vm-stream/aws"), 1_200_998);
        assert_eq!(pods("openb/aws"), 8_152);
        assert_eq!(pods("openb/nodes"), 8_152);
        assert_eq!(load("openb/aws").unwrap().instance.groups.len(), 151);
        // 457 as written; some only list the same models in another order, or one twice.
        assert_eq!(load("openb/nodes").unwrap().instance.groups.len(), 447);
        assert_eq!(aws().sizes.len(), 1_345);
    }

    #[test]
    fn names_that_mean_nothing_are_refused() {
        for name in ["", "vbp", "vbp/new/none", "web/10/eastus/1", "web/10x2/mars/1", "openb/mars"]
        {
            assert!(load(name).is_err(), "{name}");
        }
    }
}
