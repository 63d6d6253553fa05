//! `tenon catalog import`.

use std::path::PathBuf;

use catalog::azure::import;
use clap::Args;

use super::super::{exit::Failure, input, saved};

/// `az vm list-skus` for all regions is about 200 MB.
const MAX_PAYLOAD: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Output of `az vm list-skus --location REGION -o json`.
    #[arg(long, value_name = "FILE")]
    skus: PathBuf,
    /// A page of https://prices.azure.com/api/retail/prices; may be repeated.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    prices: Vec<PathBuf>,
    /// The region to take.
    #[arg(long, short, value_name = "REGION")]
    region: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &ImportArgs) -> Result<String, Failure> {
    todo_import(args)
}
