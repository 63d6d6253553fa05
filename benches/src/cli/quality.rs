//! `tenon-bench quality`.

mod measure;
mod plots;
mod table;

use std::{fs, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use tenon_bench::sets;

use crate::clock::Clock;

#[derive(Debug, Args)]
pub struct QualityArgs {
    /// Only sets whose name starts with this, e.g. vbp/triplet; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How long one solve may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    time: Duration,
    /// Which seconds; those of the processor suit a machine that others use too.
    #[arg(long, value_enum, default_value_t)]
    clock: Clock,
    /// The gap at which a plan counts as certified, in per cent.
    #[arg(long, value_name = "PERCENT", default_value = "0.5", value_parser = percent)]
    gap: u32,
    /// What to print.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
    /// Put the table between the markers of this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Draw the plots into this folder.
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Take what was measured before, as -o json prints it, instead of measuring; may be repeated.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// List the names and do nothing.
    #[arg(long)]
    list: bool,
}

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Markdown.
    #[default]
    Table,
    /// One object a line, as soon as it is measured.
    Json,
}

/// Where the table goes in a file.
const BEGIN: &str = "<!-- quality: begin -->\n";
const END: &str = "<!-- quality: end -->\n";

pub fn run(args: &QualityArgs) -> Result<(), String> {
    let names = args.names()?;
    if args.list {
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        return super::print(&text).map(drop);
    }
    let budget = measure::Budget { time: args.time, clock: args.clock, gap_ppm: args.gap };
    let mut rows = read(&args.from)?;
    let measuring: &[String] = if args.from.is_empty() { &names } else { &[] };
    for name in measuring {
        let set = sets::load(name).map_err(|error| error.to_string())?;
        let measured = measure::measure(&set, budget)?;
        if args.output == Form::Json {
            if super::print(&format!("{}\n", measured.json()))?.is_break() {
                return Ok(());
            }
        } else {
            eprintln!("{name}: {} ({:.3} s)", measured.cost, measured.stages[2].seconds);
        }
        rows.push(measured);
    }
    if let Some(folder) = &args.plots {
        plots::draw(folder, &rows, budget)?;
    }
    let text = table::markdown(&rows, budget);
    match &args.write {
        Some(path) => replace(path, &text),
        None if args.output == Form::Table => super::print(&text).map(drop),
        None => Ok(()),
    }
}

/// What other runs measured.
fn read(paths: &[PathBuf]) -> Result<Vec<measure::Measured>, String> {
    let mut rows = Vec::new();
    for path in paths {
        let at = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("{at}: {error}"))?;
        for (line, text) in text.lines().enumerate() {
            let row = measure::Measured::parse(text);
            rows.push(row.ok_or_else(|| format!("{at}:{}: not a line of -o json", line + 1))?);
        }
    }
    Ok(rows)
}

impl QualityArgs {
    /// The names asked for; a whole name need not be one of the list.
    fn names(&self) -> Result<Vec<String>, String> {
        let all = sets::names();
        if self.only.is_empty() {
            return Ok(all);
        }
        let mut chosen = Vec::new();
        for asked in &self.only {
            let before = chosen.len();
            chosen.extend(all.iter().filter(|name| name.starts_with(asked)).cloned());
            if chosen.len() == before {
                sets::load(asked)
                    .map_err(|error| format!("--only {error} or starts so (--list shows all)"))?;
                chosen.push(asked.clone());
            }
        }
        Ok(chosen)
    }
}

fn replace(path: &PathBuf, table: &str) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(wrong)?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(END)?;
        Some((head, tail))
    });
    let Some((head, tail)) = parts else {
        return Err(format!("{}: no lines {BEGIN}and {END}", path.display()));
    };
    fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}")).map_err(wrong)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = |_| "expected seconds such as 10 or 0.5".to_owned();
    let seconds: f64 = text.trim_end_matches('s').parse().map_err(|_| wrong(()))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong(()))
}

fn percent(text: &str) -> Result<u32, String> {
    let percent: Option<f64> = text.trim_end_matches('%').parse().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    // A cast of what lies between 0 and a million is exact after rounding.
    percent.map(|percent| (percent * 1e4).round() as u32).ok_or("expected per cent".to_owned())
}
