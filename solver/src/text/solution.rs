//! `tenon-solution`.

use super::Fault;
use super::TextError;
use super::line::{Line, Writer, lines};
use crate::solution::{Effort, Launch, Placement, Reason, Solution, Status, Unplaced};

const FORMAT: &str = "tenon-solution";

const REASONS: [(&str, Reason); 10] = [
    ("incompatible", Reason::Incompatible),
    ("too-large", Reason::TooLarge),
    ("limit", Reason::Limit),
    ("variety", Reason::Variety),
    ("flexibility", Reason::Flexibility),
    ("spread", Reason::Spread),
    ("affinity", Reason::Affinity),
    ("exclusion", Reason::Exclusion),
    ("conflict", Reason::Conflict),
    ("combination", Reason::Combination),
];

const STATUSES: [(&str, Status); 4] = [
    ("optimal", Status::Optimal),
    ("within", Status::Within),
    ("stopped", Status::Stopped),
    ("feasible", Status::Feasible),
];

const EXPECTED_STATUS: &str = "`optimal`, `within`, `stopped` or `feasible`";

/// The solution as text; [`read_solution`] gives back the same.
pub fn write_solution(solution: &Solution) -> String {
    let mut out = Writer::new(FORMAT);
    out.object("total", |out| {
        out.field("cost", solution.cost);
        out.field("penalty", solution.penalty);
        out.field("bound", solution.bound);
        out.field("status", word(&STATUSES, solution.status));
    });
    if solution.effort != Effort::default() {
        let effort = solution.effort;
        out.object("effort", |out| {
            out.field("columns", effort.columns);
            out.field("pivots", effort.pivots);
            out.field("prices", effort.prices);
            out.field("dives", effort.dives);
            out.field("nodes", effort.nodes);
        });
    }
    for launch in &solution.launches {
        out.object("launch", |out| {
            out.field("offering", launch.offering);
            out.field("copies", launch.copies);
            out.pairs("pods", &launch.pods);
        });
    }
    for placement in &solution.placements {
        out.object("placement", |out| {
            out.field("node", placement.node);
            out.pairs("pods", &placement.pods);
        });
    }
    for unplaced in &solution.unplaced {
        out.object("unplaced", |out| {
            out.field("group", unplaced.group);
            out.field("count", unplaced.count);
            out.field("reason", word(&REASONS, unplaced.reason));
        });
    }
    out.finish()
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// Reads a solution. Whether it answers a problem is for [`crate::check`] to say.
///
/// # Errors
///
/// The first thing that cannot be read, with its line and column.
pub fn read_solution(text: &str) -> Result<Solution, TextError> {
    let mut solution = Solution::default();
    let mut has_total = false;
    for mut line in lines(text, FORMAT)? {
        if line.kind == "total" && std::mem::replace(&mut has_total, true) {
            return Err(line.whole(Fault::Repeated("total".to_owned())));
        }
        object(&mut line, &mut solution)?;
        line.finish()?;
    }
    if has_total {
        Ok(solution)
    } else {
        Err(TextError { line: 1, column: 1, fault: Fault::Missing("total") })
    }
}

fn object(line: &mut Line<'_>, solution: &mut Solution) -> Result<(), TextError> {
    match line.kind {
        "total" => {
            solution.cost = line.number("cost")?;
            solution.penalty = line.number("penalty")?;
            solution.bound = line.number("bound")?;
            solution.status = line.choice("status", EXPECTED_STATUS, &STATUSES)?;
        }
        "effort" => {
            solution.effort = Effort {
                columns: line.number("columns")?,
                pivots: line.number("pivots")?,
                prices: line.number("prices")?,
                dives: line.number("dives")?,
                nodes: line.number("nodes")?,
            };
        }
        "launch" => solution.launches.push(Launch {
            offering: line.number("offering")?,
            copies: line.number("copies")?,
            pods: line.pairs("pods")?,
        }),
        "placement" => solution
            .placements
            .push(Placement { node: line.number("node")?, pods: line.pairs("pods")? }),
        "unplaced" => solution.unplaced.push(Unplaced {
            group: line.number("group")?,
            count: line.number("count")?,
            reason: line.choice("reason", "a reason", &REASONS)?,
        }),
        _ => return Err(line.unknown()),
    }
    Ok(())
}
