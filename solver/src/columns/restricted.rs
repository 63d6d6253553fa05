//! The restricted master in whole numbers: the best plan over the columns that are known.
//!
//! A dive never takes back what it has fixed, which costs little among thousands of nodes and more
//! among a handful. HiGHS does take back, but knows no columns other than those it is given, and takes
//! its time; so it has a look when dives have come to their end. Without HiGHS nobody looks.

#[cfg(feature = "highs")]
mod cover;

use crate::{
    columns::{
        generate::Root,
        plan::Plan,
        pool::{Column, Pool},
    },
    effort::Budget,
};

/// Columns that a look takes in at most.
#[cfg(feature = "highs")]
const MOST_COLUMNS: usize = 3_000;
/// It is worth looking again when there are this many times as many columns.
#[cfg(feature = "highs")]
const MORE: f64 = 1.2;

/// What dives from a root came across.
#[derive(Default)]
pub(crate) struct Restricted {
    columns: Pool,
    /// The best plan so far, if a dive found it.
    pub start: Vec<(Column, u32)>,
    /// How many columns there were at the last look.
    #[cfg(feature = "highs")]
    looked: usize,
}

impl Restricted {
    pub(crate) fn add(&mut self, columns: Vec<Column>) {
        for column in columns {
            self.columns.add(column);
        }
    }
}

#[cfg(feature = "highs")]
impl Restricted {
    /// A plan better than the start. The best plan that is known costs `spare` more than the root's
    /// bound; `enough` is how far this one may stay above the best over these columns, as a share
    /// and in money.
    pub(crate) fn cheapest(
        &mut self,
        root: &Root<'_>,
        spare: f64,
        enough: (f64, f64),
        budget: &mut Budget,
    ) -> Option<Plan> {
        if (self.columns.len() as f64) < self.looked as f64 * MORE {
            return None;
        }
        self.looked = self.columns.len();
        let known = self.good(root, spare);
        cover::cheapest(root.core, known.into_iter(), &self.start, enough, budget)
    }

    /// The columns that a plan can have which costs less than `spare` beyond the root's bound: at the
    /// root's prices each costs no more than that beyond what its pods are worth. The best of them,
    /// if there are too many.
    fn good<'a>(&'a self, root: &'a Root<'_>, spare: f64) -> Vec<&'a Column> {
        let profits = root.duals.profits(root.core);
        let columns = [&root.pool, &self.columns];
        let columns =
            columns.into_iter().flat_map(|pool| (0..pool.len() as u32).map(|at| pool.get(at)));
        let beyond = columns.map(|column| (-column.gain(root.core, &profits), column));
        let mut good: Vec<(f64, &Column)> = beyond.filter(|(beyond, _)| *beyond <= spare).collect();
        good.sort_by(|a, b| a.0.total_cmp(&b.0));
        good.truncate(MOST_COLUMNS);
        good.into_iter().map(|(_, column)| column).collect()
    }
}

#[cfg(not(feature = "highs"))]
impl Restricted {
    /// Nothing, for want of HiGHS.
    pub(crate) fn cheapest(
        &self,
        _: &Root<'_>,
        _: f64,
        _: (f64, f64),
        _: &mut Budget,
    ) -> Option<Plan> {
        None
    }
}
