//! `tenon-bench generate`.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use provisioner::instance::Instance;
use solver::text::write_problem;
use tenon_bench::generate::{Limited, Mixed, Prices, Web};

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// What to generate.
    #[arg(value_enum)]
    kind: Kind,
    /// How many pods.
    #[arg(long, default_value_t = 1_000)]
    pods: u32,
    /// How many different requests.
    #[arg(long, default_value_t = 40)]
    shapes: u32,
    /// Which of the sets of that size.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Buy spot nodes too.
    #[arg(long, conflicts_with = "aws")]
    spot: bool,
    /// Buy EC2's sizes instead of Azure's.
    #[arg(long)]
    aws: bool,
    /// Where to write; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Pods without constraints.
    Web,
    /// The same with spreads, anti-affinity, limits and existing nodes.
    Mixed,
    /// Pods without constraints, and a limit that leaves no room for a part of them.
    Limited,
}

pub fn run(args: &GenerateArgs) -> Result<(), String> {
    let instance = args.instance().map_err(|error| error.to_string())?;
    let text = write_problem(&instance.problems[0]);
    match &args.output {
        None => drop(super::print(&text)?),
        Some(path) => {
            fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

impl GenerateArgs {
    fn instance(&self) -> Result<Instance, provisioner::instance::ReadError> {
        let web = Web { pods: self.pods, shapes: self.shapes, seed: self.seed };
        let prices = match (self.spot, self.aws) {
            (true, _) => Prices::Spot,
            (false, true) => Prices::Aws,
            (false, false) => Prices::OnDemand,
        };
        match self.kind {
            Kind::Web => web.instance(prices),
            Kind::Mixed => Mixed { web }.instance(prices),
            Kind::Limited => Limited { web }.instance(prices),
        }
    }
}
