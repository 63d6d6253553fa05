//! A lower bound that anybody can check: integer dual prices, and why no node is worth more.
//!
//! A [`Certificate`] gives every pod a price. [`verify`] works out, from the [`Problem`] alone and
//! in exact integers, what the pods on any one node can be worth at those prices, and from that
//! what any solution must pay that places the same pods. Weak duality carries the proof: numbers
//! in a certificate that are off make the bound weaker, never wrong, so there is no field that has
//! to be trusted. What cannot be made sense of is refused with a [`Fault`].
//!
//! # The argument
//!
//! Let a solution place D(i) pods of every item i, with n(k) nodes of every kind k. A kind is a
//! set of offerings; no offering in it is cheaper than price(k), none has more room than room(k),
//! none takes less of a limit than amount(k, l), and none holds an item that the kind does not.
//! For item prices p ≥ 0 and limit charges z ≥ 0 let worth(k) bound Σ p(i)·x(i) over all patterns
//! x that a node of the kind can hold. Then
//!
//! ```text
//! Σ p(i)·D(i)  ≤  Σ worth(k)·n(k)                                  every pod is on some node
//! Σ price(k)·n(k)  ≥  Σ p(i)·D(i) − Σ z(l) + Σ n(k)·slack(k)
//! slack(k)  =  price(k) + Σ z(l)·amount(k, l) / remaining(l) − worth(k)
//! ```
//!
//! where z(l) is charged for the whole of what remains of a limit. The last sum is least for the
//! cheapest numbers that there may be. For existing nodes, whose price is 0, that is 0 or all of them;
//! for offerings the path in the certificate's tree gives ranges for numbers of one kind or of
//! several together. Ranges of sets that overlap without one holding the other are left out, which
//! allows more; within the others nodes are taken in the order of their slack. A kind without an upper
//! end needs slack(k) ≥ 0: where it is not, all item prices are divided by one factor (Farley,
//! Operations Research 38, 1990). The bound is the least over the leaves of the tree, whose splits
//! leave no case out.
//!
//! Where constraints between domains let no more than U(c) pods of some items into some domains, such
//! a pod may be charged w(c) ≥ 0: its price on the kinds that stand there is p(i) − Σ w(c), and
//! Σ w(c)·U(c) is taken off Σ p(i)·D(i).
//!
//! worth(k) is itself proven by a tree, of splits on how many pods of an item the node holds. At a
//! leaf, rents y ≥ 0 for the whole room of each dimension and cut and c ≥ 0 for each of the m pods of a cap give
//! Σ y + Σ m·c + Σ x(i)·(p(i) − rent of one pod), each term at the better end of its range (a
//! Lagrangian bound; Geoffrion, Mathematical Programming Study 2, 1974). Small nodes may be proven
//! by a table over a grid of room instead, which the verifier fills itself, and nodes that hold few
//! pods by enumerating the patterns that this bound does not rule out, nor such tables for the items
//! that are still to come.
//!
//! Nothing here is shared with the engines but the data types.

mod branches;
mod ceiling;
mod counted;
mod demand;
mod enumerate;
mod grid;
mod outlook;
mod pattern;
mod supply;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use thiserror::Error;

pub(crate) use enumerate::LONGEST_WALK;
pub(crate) use outlook::OUTLOOK_BLOCKS;

use crate::{
    BitSet, Problem, Solution,
    problem::Money,
    validate::{ProblemError, validate},
};

/// The largest price, charge or rent, in the certificate's own unit.
pub const LARGEST_PRICE: i64 = 1 << 56;
/// The finest unit of money: a micro-dollar may be split into two to this power.
pub const MOST_BITS: u8 = 32;

/// Dual prices and the proof of what they bound. Plain data, integers only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// All prices are in micro-dollars divided by two to this power.
    pub bits: u8,
    /// Groups that one price stands for: equal requests, equal classes. Every group is in one item
    /// at most; pods of a group in none are worth nothing.
    pub items: Vec<Vec<u32>>,
    /// Items of which only so many pods stand on a node.
    pub caps: Vec<Cap>,
    /// Items of which only so many pods stand in some domains.
    pub ceilings: Vec<Ceiling>,
    /// Pairs of items of which no two pods share a node.
    pub conflicts: Vec<(u32, u32)>,
    /// What can host pods, in groups that one proof covers.
    pub kinds: Vec<Members>,
    /// Per kind, what pods on a node of it keep to because they are whole.
    pub cuts: Vec<Vec<Cut>>,
    /// Kinds whose nodes are counted together, each list ascending.
    pub counted: Vec<Vec<u32>>,
    /// Splits on numbers of nodes that are counted; leaves are indices into `prices`.
    pub tree: Vec<Step<u32>>,
    /// Prices, for one leaf of the tree or more.
    pub prices: Vec<Prices>,
    /// Certificates for other pods, on other offerings; they have no further ones. What each proves
    /// is about the launches of its offerings, so all together prove the sum.
    pub apart: Vec<Self>,
}

impl Certificate {
    /// Several certificates as one; `None` when there are none.
    pub(crate) fn join(certificates: Vec<Self>) -> Option<Self> {
        let mut all = certificates.into_iter();
        let mut first = all.next()?;
        first.apart.extend(all);
        Some(first)
    }
}

/// Chvátal and Gomory's rounding of one dimension. The room of a kind is divided into `parts` + 1
/// equal parts; a pod counts the largest whole number of them that it asks for more than. What
/// stands on a node asks for no more than the room, so it counts less than `parts` + 1: at most
/// `parts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The dimension.
    pub dim: u32,
    /// At least 1.
    pub parts: i64,
}

/// No more pods of all these items stand on a node than the rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Why.
    pub rule: Rule,
    /// Indices into [`Certificate::items`], ascending.
    pub items: Vec<u32>,
}

/// In the domains together stand no more pods of all these items than the rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Why: a spread or an exclusion by domain.
    pub rule: Rule,
    /// Domains of the rule's key, ascending.
    pub domains: Vec<u32>,
    /// Indices into [`Certificate::items`], ascending.
    pub items: Vec<u32>,
}

/// What keeps pods off each other's nodes, or out of domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Index of a required exclusion whose set holds all the groups that state it here. For a cap it
    /// is by node, or by domain where all that may host the groups is in one; for a ceiling by domain.
    Exclusion(u32),
    /// A group whose pods cannot share a node (host ports); the cap's only one.
    Port(u32),
    /// Index of a required spread that all the groups state here, whose set holds them, and which
    /// counts every node that may hold them. By node, for a cap, it must count from 0 and allows its
    /// skew. By domain it allows what keeps the other domains within the skew: in the domains of a
    /// ceiling, or in any single one for a cap. The other rules allow one pod.
    Spread(u32),
}

/// Offerings or existing nodes that one proof covers. Not empty; no repeats within a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Indices into [`Problem::offerings`].
    Offerings(Vec<u32>),
    /// Indices into [`Problem::nodes`].
    Nodes(Vec<u32>),
}

/// A binary tree, written down in pre-order: after a split comes the tree for "at most `at`",
/// then the tree for "at least `at` + 1".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<L> {
    /// Two cases that leave none out.
    Split {
        /// The item whose number is split, or what is counted.
        on: u32,
        /// The largest number of the lower case.
        at: u32,
    },
    /// A case that is dealt with.
    Leaf(L),
}

/// Dual prices, and for every kind the proof of what its nodes can be worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of one pod, per item; from 0 to [`LARGEST_PRICE`].
    pub items: Vec<i64>,
    /// Charged for all that remains of a limit, per limit; from 0 to [`LARGEST_PRICE`].
    pub limits: Vec<i64>,
    /// Charged for one pod under a ceiling, per ceiling; from 0 to [`LARGEST_PRICE`].
    pub ceilings: Vec<i64>,
    /// Per kind.
    pub proofs: Vec<Proof>,
}

/// Why no pattern of a kind is worth more than a certain sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Splits on an item's pods on the node, with rents at the leaves.
    Tree(Vec<Step<Rents>>),
    /// Dynamic programming over one or two dimensions: (dimension, unit of room).
    Grid(Vec<(u32, i64)>),
    /// Enumeration of all patterns that may be worth more than `enough` by the Lagrangian bound;
    /// for nodes that hold few pods.
    Walk(Walk),
}

/// What an enumeration rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// As [`Rents::room`].
    pub rents: Vec<i64>,
    /// What the worth is claimed to be; from 0 to [`LARGEST_PRICE`].
    pub enough: i64,
    /// Further bounds, which make it shorter.
    pub outlooks: Vec<Outlook>,
    /// So many steps will do. An enumeration that takes more proves what its bounds do by themselves.
    pub steps: u64,
}

/// Tables over two dimensions of what the items from one on can bring in so much room, while other
/// dimensions are rented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// (dimension, unit of room).
    pub axes: [(u32, i64); 2],
    /// As [`Rents::room`].
    pub rents: Vec<i64>,
}

/// What pods pay for room at a leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rents {
    /// Of a kind's whole room, per dimension, then of all parts of each of its cuts; from 0 to
    /// [`LARGEST_PRICE`].
    pub room: Vec<i64>,
    /// (index into [`Certificate::caps`], rent for one pod), ascending; from 0 to
    /// [`LARGEST_PRICE`].
    pub caps: Vec<(u32, i64)>,
}

/// Why a certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The problem itself does not hold together.
    #[error("the problem is broken: {0}")]
    Problem(#[from] ProblemError),
    /// The solution places pods of a group that are not there.
    #[error("the solution places too many pods of group {group}")]
    Placed {
        /// The group.
        group: u32,
    },
    /// A list has the wrong length.
    #[error("{object}: {found} entries instead of {expected}")]
    Length {
        /// Which list.
        object: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// An index points at nothing.
    #[error("there is no {object} {index}")]
    Unknown {
        /// What it should point at.
        object: &'static str,
        /// The index.
        index: u32,
    },
    /// A list that must ascend does not, or something is named twice.
    #[error("{object} {index} is named twice or out of order")]
    Repeated {
        /// What is named.
        object: &'static str,
        /// Its index.
        index: u32,
    },
    /// Groups of one item ask or accept different things.
    #[error("item {item}: group {group} differs from the item's first")]
    Item {
        /// The item.
        item: u32,
        /// The group.
        group: u32,
    },
    /// No rule of the problem gives this ceiling.
    #[error("ceiling {ceiling} does not follow from its rule")]
    Ceiling {
        /// The ceiling.
        ceiling: u32,
    },
    /// No rule of the problem gives this cap.
    #[error("cap {cap} does not follow from its rule")]
    Cap {
        /// The cap.
        cap: u32,
    },
    /// The problem lets pods of these items share a node.
    #[error("items {0} and {1} may share a node", items.0, items.1)]
    Conflict {
        /// The items.
        items: (u32, u32),
    },
    /// Something could host pods that have a price, and no proof covers it.
    #[error("no kind covers {object} {index}")]
    Uncovered {
        /// Offering or node.
        object: &'static str,
        /// Its index.
        index: u32,
    },
    /// A price, charge, rent or unit is negative or too large.
    #[error("{object} is {found}")]
    Range {
        /// Which number.
        object: &'static str,
        /// Its value.
        found: i64,
    },
    /// A tree has steps missing or left over.
    #[error("a tree has steps missing or left over")]
    Tree,
    /// A grid has no axis, too many of them, or more cells than anybody should fill.
    #[error("a grid is not of a size to be filled")]
    Grid,
    /// A number leaves the range of exact arithmetic.
    #[error("a number is too large")]
    Overflow,
}

/// The bound (micro-dollars per hour) that the certificate proves for the price of the launches of
/// any solution of `problem` that places, group by group, as many pods as `solution` places. At
/// least 0; where the pods stand in `solution` does not matter.
///
/// # Errors
///
/// The first thing that does not hold together.
pub fn verify(
    problem: &Problem,
    solution: &Solution,
    certificate: &Certificate,
) -> Result<Money, Fault> {
    validate(problem)?;
    let mut offerings = BitSet::empty(problem.offerings.len());
    let mut bound = proven(problem, solution, certificate, &mut offerings)?;
    for part in &certificate.apart {
        if !part.apart.is_empty() {
            let (found, expected) = (part.apart.len(), 0);
            return Err(Fault::Length { object: "certificates apart", found, expected });
        }
        let more = proven(problem, solution, part, &mut offerings)?;
        bound = bound.checked_add(more).ok_or(Fault::Overflow)?;
    }
    Ok(bound)
}

/// What one certificate proves of the launches of its offerings, none of which may be `taken`.
fn proven(
    problem: &Problem,
    solution: &Solution,
    certificate: &Certificate,
    taken: &mut BitSet,
) -> Result<Money, Fault> {
    if certificate.bits > MOST_BITS {
        return Err(Fault::Range { object: "bits", found: certificate.bits.into() });
    }
    let demand = demand::Demand::new(problem, solution, certificate)?;
    let hulls = supply::hulls(problem, &demand, certificate, taken)?;
    let worths = (certificate.prices.par_iter())
        .map(|prices| pattern::worths(problem, &demand, &hulls, prices))
        .collect::<Result<Vec<_>, _>>()?;
    branches::bound(problem, &demand, &hulls, certificate, &worths)
}

/// How many of something there are: an item's pods on a node, or a kind's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    least: u64,
    /// `None`: any number.
    most: Option<u64>,
}

impl Range {
    fn meet(self, other: Self) -> Self {
        let most = match (self.most, other.most) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { least: self.least.max(other.least), most }
    }
}

/// The splits on the way to a leaf: what is not listed may be any number.
#[derive(Clone, Debug, Default)]
struct Path(Vec<(u32, Range)>);

impl Path {
    fn narrow(&mut self, on: u32, range: Range) {
        match self.0.iter_mut().find(|(other, _)| *other == on) {
            Some((_, old)) => *old = old.meet(range),
            None => self.0.push((on, range)),
        }
    }
}

/// Calls `leaf` with every leaf of a tree and the path to it.
fn walk<L>(
    steps: &[Step<L>],
    mut leaf: impl FnMut(&Path, &L) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut open = vec![Path::default()];
    for step in steps {
        let path = open.pop().ok_or(Fault::Tree)?;
        match step {
            Step::Leaf(content) => leaf(&path, content)?,
            &Step::Split { on, at } => {
                let at = u64::from(at);
                let mut above = path.clone();
                above.narrow(on, Range { least: at + 1, most: None });
                let mut below = path;
                below.narrow(on, Range { least: 0, most: Some(at) });
                open.extend([above, below]);
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(Fault::Tree) }
}

/// The list, when it is as long as it must be and every number is a price.
fn prices<'a>(object: &'static str, list: &'a [i64], expected: usize) -> Result<&'a [i64], Fault> {
    if list.len() != expected {
        return Err(Fault::Length { object, found: list.len(), expected });
    }
    match list.iter().find(|price| !(0..=LARGEST_PRICE).contains(*price)) {
        Some(&found) => Err(Fault::Range { object, found }),
        None => Ok(list),
    }
}

/// The element at `index`, or the fault of there being none.
fn at<'a, T>(list: &'a [T], object: &'static str, index: u32) -> Result<&'a T, Fault> {
    list.get(index as usize).ok_or(Fault::Unknown { object, index })
}

/// Refuses lists of indices that do not ascend or point beyond `count`.
fn ascending(
    object: &'static str,
    list: impl Iterator<Item = u32>,
    count: usize,
) -> Result<(), Fault> {
    let mut last = None;
    for index in list {
        if index as usize >= count {
            return Err(Fault::Unknown { object, index });
        }
        if last.is_some_and(|last| last >= index) {
            return Err(Fault::Repeated { object, index });
        }
        last = Some(index);
    }
    Ok(())
}
