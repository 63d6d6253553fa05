//! What was measured as Markdown.

use std::collections::BTreeMap;

use provisioner::instance::Unit;

use super::measure::{Budget, Measured, Stage};

/// One row per instance; the many small ones of vector bin packing are summed up by class.
pub fn markdown(rows: &[Measured], budget: Budget) -> String {
    let (packing, priced): (Vec<&Measured>, Vec<&Measured>) =
        rows.iter().partition(|row| row.name.starts_with("vbp/"));
    let mut text = String::new();
    if !priced.is_empty() {
        text.push_str(&head(budget, &priced));
        for row in priced {
            text.push_str(&line(row));
        }
        text.push('\n');
    }
    if !packing.is_empty() {
        text.push_str(PACKING_HEAD);
        let mut classes: BTreeMap<String, Vec<&Measured>> = BTreeMap::new();
        for &row in &packing {
            classes.entry(class(&row.name)).or_default().push(row);
        }
        for (class, rows) in classes {
            text.push_str(&class_line(&class, &rows));
        }
        text.push('\n');
        text.push_str(&settled(&packing));
    }
    text
}

fn head(budget: Budget, rows: &[&Measured]) -> String {
    let certified = f64::from(budget.gap_ppm) / 1e4;
    let seconds = rows.iter().map(|row| row.limit).fold(0.0, f64::max);
    let clock = rows.first().map_or("", |row| row.clock.suffix());
    format!(
        "Seconds{clock} are those to a first plan, to a good one (within 1 % of the bound), and to \
         one certified within {certified} %, each from the start; in brackets where the search ended \
         without it, after {seconds} s at most. Kept are the offerings that no cheaper one replaces.\n\n\
         | instance | pods | groups | offerings | kept | cost | bound | gap | best known | first fit | s \
         first | s good | s certified | peak MiB |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
}

const PACKING_HEAD: &str = "\
| vector bin packing | instances | items | bins | bound | best known | worse than known | better \
than known | optimum known | optimum reached | proven optimal | first fit | s, median | s, longest |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

fn line(row: &Measured) -> String {
    let known = row.best_known.map_or_else(String::new, |known| {
        let mark = if row.is_optimum { " (optimum)" } else { "" };
        format!("{}{mark}", cost(row.unit, known))
    });
    let first_fit = row.first_fit.map_or_else(String::new, |cost_of| cost(row.unit, cost_of));
    let unplaced = match row.unplaced {
        0 => String::new(),
        pods => format!(", {pods} pods without a place"),
    };
    format!(
        "| {} | {} | {} | {} | {} | {}{unplaced} | {} | {:.2} % | {known} | {first_fit} | {} | {} \
         | {} | {:.1} |\n",
        row.name,
        row.pods,
        row.groups,
        row.offerings,
        row.kept,
        cost(row.unit, row.cost),
        cost(row.unit, row.bound),
        row.gap() * 100.0,
        seconds(row.stages[0]),
        seconds(row.stages[1]),
        seconds(row.stages[2]),
        row.peak_mib,
    )
}

fn seconds(stage: Stage) -> String {
    let Stage { seconds, reached, .. } = stage;
    if reached { format!("{seconds:.3}") } else { format!("({seconds:.3})") }
}

fn cost(unit: Unit, cost: i64) -> String {
    match unit {
        Unit::MicroDollars => format!("{:.4}", cost as f64 / 1e6),
        Unit::Bins | Unit::Nodes => cost.to_string(),
    }
}

/// `vbp/new/class1_120_10_3` → `vbp/new, class1`.
fn class(name: &str) -> String {
    let (class, instance) = name.rsplit_once('/').unwrap_or((name, ""));
    format!("{class}, {}", instance.split('_').next().unwrap_or(instance))
}

/// Instances without a known optimum of which more is known now.
fn settled(rows: &[&Measured]) -> String {
    let open = |row: &&&Measured| !row.is_optimum && row.best_known.is_some();
    let news = rows.iter().filter(open).filter_map(|row| {
        let known = row.best_known?;
        let (name, cost) = (&row.name, row.cost);
        match (cost == row.bound, cost < known) {
            (true, true) => Some(format!("- `{name}`: {cost} bins instead of {known}, optimal\n")),
            (true, false) => Some(format!("- `{name}`: {cost} bins are optimal\n")),
            (false, true) => {
                let bound = row.bound;
                Some(format!("- `{name}`: {cost} bins instead of {known}, at least {bound}\n"))
            }
            (false, false) => None,
        }
    });
    let news: String = news.collect();
    if news.is_empty() {
        return news;
    }
    format!("Instances whose optimum was not known, closed or improved:\n\n{news}\n")
}

fn class_line(class: &str, rows: &[&Measured]) -> String {
    let sum = |value: &dyn Fn(&Measured) -> i64| -> i64 { rows.iter().map(|row| value(row)).sum() };
    let known = rows.iter().filter(|row| row.is_optimum).count();
    let reached =
        rows.iter().filter(|row| row.is_optimum && row.best_known == Some(row.cost)).count();
    let better =
        rows.iter().filter(|row| row.best_known.is_some_and(|known| row.cost < known)).count();
    let worse =
        rows.iter().filter(|row| row.best_known.is_some_and(|known| row.cost > known)).count();
    let proven = rows.iter().filter(|row| row.cost == row.bound).count();
    let mut times: Vec<f64> = rows.iter().map(|row| row.stages[2].seconds).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
    let longest = rows.iter().map(|row| row.stages[2].seconds).fold(0.0, f64::max);
    let baseline: Option<i64> = rows.iter().map(|row| row.first_fit).sum();
    format!(
        "| {class} | {} | {} | {} | {} | {} | {worse} | {better} | {known} | {reached} | {proven} \
         | {} | {median:.3} | {longest:.3} |\n",
        rows.len(),
        rows.iter().map(|row| row.pods).sum::<u64>(),
        sum(&|row| row.cost),
        sum(&|row| row.bound),
        sum(&|row| row.best_known.unwrap_or(0)),
        baseline.map_or_else(String::new, |bins| bins.to_string()),
    )
}
