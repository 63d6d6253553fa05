//! Column generation: a certified bound, and plans close to it.
//!
//! The master buys patterns to cover every item's pods. Its linear relaxation is solved with a few
//! columns at first; pricing ([`crate::pattern`]) finds patterns worth more than they cost at the
//! master's dual prices, until there are none. The dual prices bound what any plan costs (Farley,
//! Operations Research 38, 1990), also when pricing was cut short. Few kinds give nearly all
//! columns, so these are priced on their own in between; all are priced for the bound. The duals of
//! the first columns say little about pods that share no node yet, so what is priced is drawn
//! towards the duals of the best bound so far, of which the first are the prices of resources.
//!
//! Whole plans come from dives: a column is fixed, the rest is priced again for what remains, and
//! so on. The first one starts as soon as the columns are about right, long before the bound is.
//! Two rules make dives good: columns are *proper* (none holds more of an item than
//! remains), and the numbers of dear nodes are decided before their patterns.

mod ascent;
mod augmented;
mod branch;
mod counted;
mod dive;
mod domains;
mod duals;
mod eject;
mod expand;
mod field;
mod fluid;
mod generate;
mod limits;
mod master;
mod perfect;
mod plan;
mod pool;
mod price;
mod prove;
mod restricted;
mod search;
mod stock;
mod transfer;
mod translate;

pub(crate) use search::improve;
