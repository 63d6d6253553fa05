//! Web-like pods with room for some of them only: every size takes its cores from a limit of four
//! fifths of what the pods ask. Which pods stay out, and how few, is part of the answer.

use provisioner::instance::{Instance, ReadError};
use solver::{Problem, problem::Limit};

use super::web::{Prices, Web};

/// What a generated set is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The pods and their requests.
    pub web: Web,
}

impl Limited {
    /// The whole problem.
    ///
    /// # Errors
    ///
    /// None for sizes that fit 32 bits.
    pub fn instance(&self, prices: Prices) -> Result<Instance, ReadError> {
        let mut instance = self.web.instance(prices)?;
        instance.problems.iter_mut().for_each(limit);
        Ok(instance)
    }
}

fn limit(problem: &mut Problem) {
    let asked: i64 =
        problem.groups.iter().map(|group| group.request[0] * i64::from(group.count)).sum();
    let number = problem.limits.len() as u32;
    problem.limits.push(Limit { remaining: asked * 4 / 5 });
    for offering in &mut problem.offerings {
        offering.limits.push((number, offering.capacity[0]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solver::{Engine, Options};

    #[test]
    fn fewer_pods_stay_out_than_where_the_greedy_engine_chooses() {
        let limited = Limited { web: Web { pods: 1_000, shapes: 40, seed: 1 } };
        let instance = limited.instance(Prices::OnDemand).unwrap();
        let left = |engine: Engine| {
            let options = Options { engine, gap_ppm: 5_000, ..Options::default() };
            let answer = instance.solve(&options);
            assert_eq!(instance.check(&answer), []);
            answer.unplaced()
        };
        let (greedy, columns) = (left(Engine::Greedy), left(Engine::Columns));
        assert!(0 < columns && 2 * columns < greedy, "{columns} of {greedy}");
    }
}
