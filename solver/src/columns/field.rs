//! What plans are looked for in: a core, or what is left to buy when its existing nodes are full.

use crate::{
    columns::{
        generate::root,
        limits::rough,
        pool::Column,
        stock::{self, Blurred},
    },
    effort::Budget,
    presolve::Core,
};

/// One part in so many may go into the relaxation that existing nodes are filled by.
const FILLING: u64 = 24;

/// A core, or the rest of it.
pub(crate) struct Field {
    /// What is left to place, without existing nodes; `None`: the whole.
    pub rest: Option<Core>,
    /// Existing nodes filled beforehand.
    pub filled: Vec<(Column, u32)>,
    /// Columns to start with.
    pub known: Vec<Column>,
}

impl Field {
    /// Of a core with no more than `few` kinds of existing nodes the whole, and of others the rest,
    /// unless pods remained that nothing for sale holds. `seeds` are good columns of a core.
    pub(crate) fn new(
        core: &Core,
        few: usize,
        seeds: &dyn Fn(&Core) -> Vec<Column>,
        budget: &mut Budget,
    ) -> Self {
        let blurred = Blurred::new(core, few);
        let rest = blurred.and_then(|blurred| Self::of_rest(core, &blurred, seeds, budget));
        rest.unwrap_or_else(|| Self { rest: None, filled: Vec::new(), known: seeds(core) })
    }

    fn of_rest(
        core: &Core,
        blurred: &Blurred,
        seeds: &dyn Fn(&Core) -> Vec<Column>,
        budget: &mut Budget,
    ) -> Option<Self> {
        let mut coarse = root(&blurred.core, seeds(&blurred.core), budget);
        let limits = rough(&blurred.core);
        budget.lend(FILLING, |own| {
            coarse.start_fluid(&limits, own);
            coarse.generate(&limits, own);
        });
        let (filled, left) = stock::fill(core, blurred, &coarse, budget);
        let rest = stock::without_nodes(core, &left);
        let clusters = stock::existing(&blurred.core) as u32;
        let known = (0..coarse.pool.len() as u32).map(|at| coarse.pool.get(at));
        let known = known.filter(|column| column.kind >= clusters);
        let known = known
            .map(|column| Column { kind: column.kind - clusters, pattern: column.pattern.clone() });
        let known = known.collect();
        rest.is_sellable().then_some(Self { rest: Some(rest), filled, known })
    }
}
