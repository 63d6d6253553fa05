//! From arguments to an instance.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use ::catalog::CapacityType;
use flate2::read::MultiGzDecoder;
use solver::text;

use super::{
    super::{
        args::Source,
        exit::{Exit, Failure},
        input,
    },
    Capacity, MarketArgs, SolveArgs,
};
use crate::instance::{
    Demand, Fault, Format, Instance, Market, ReadError, Unit, maneuver, market, pods, sizes, vbp,
    vm_stream,
};

/// The largest text that is read, unpacked: far above every published instance.
const MOST_BYTES: u64 = 1 << 30;
/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the problem, and the catalog where the problem needs one.
pub(super) fn instance(args: &SolveArgs) -> Result<Instance, Failure> {
    let name = name(&args.file);
    let text = text_of(&args.file)?;
    let wrong = |error: ReadError| Failure::data(format!("{name}: {error}"));
    let format = match args.format {
        Some(format) => format.into(),
        None => Format::recognise(&text).ok_or_else(|| wrong(unrecognised(&text)))?,
    };
    match format {
        Format::Text => own_text(&text).map_err(wrong),
        Format::Vbp => vbp::read(&text).map_err(wrong),
        Format::Maneuver => {
            let offers = args.market.offers(&name)?;
            maneuver::read(&text, &offers).map_err(wrong)
        }
        Format::Pods => {
            let demand = pods::read(&text).map_err(wrong)?;
            market::join(&demand, &args.market.read()?).map_err(wrong)
        }
        Format::VmStream => {
            let demand = stream(&name, &text, &args.market)?;
            market::join(&demand, &args.market.read()?).map_err(wrong)
        }
    }
}

fn unrecognised(text: &str) -> ReadError {
    let hint = "the file is empty";
    ReadError::text(match text.trim() {
        "" => Fault::Nothing { what: "problem", hint },
        _ => Fault::Unrecognised,
    })
}

fn own_text(text: &str) -> Result<Instance, ReadError> {
    let problem = text::read_problem(text).map_err(|error| ReadError::text(Fault::Text(error)))?;
    Instance::unnamed(problem, Unit::MicroDollars)
        .map_err(|error| ReadError::text(Fault::Problem(error)))
}

fn stream(name: &str, text: &str, market: &MarketArgs) -> Result<Demand, Failure> {
    let Some(path) = &market.flavours else {
        return Err(Failure::usage(format!(
            "{name}: a VM stream needs --flavours FILE, with lines such as `2,3.5 g`"
        )));
    };
    let flavours = text_of(path)?;
    vm_stream::read(text, &flavours).map_err(|error| Failure::data(format!("{name}: {error}")))
}

impl MarketArgs {
    /// The text of the offers of an application.
    fn offers(&self, name: &str) -> Result<String, Failure> {
        let Some(path) = self.catalog.as_ref().filter(|path| path.as_os_str() != "kwok") else {
            return Err(Failure::usage(format!(
                "{name}: an application needs --catalog FILE with MANeUveR's offers"
            )));
        };
        let text = text_of(path)?;
        if !maneuver::is_offers(&text) {
            return Err(Failure::data(format!(
                "{}: not a list of offers, which an application needs: a name for each, with cpu, \
                 memory, storage and price",
                path.display()
            )));
        }
        Ok(text)
    }

    /// The sizes to buy.
    fn read(&self) -> Result<Market, Failure> {
        if let Some(path) = self.catalog.as_ref().filter(|path| path.as_os_str() != "kwok") {
            let text = text_of(path)?;
            if !text.trim_start().starts_with(['{', '[']) {
                let market = sizes::read(&text);
                return market
                    .map_err(|error| Failure::data(format!("{}: {error}", path.display())));
            }
        }
        if self.catalog.is_none() && self.region.is_none() {
            return Err(Failure::usage(
                "the file holds pods only: say what can be bought with --region or --catalog",
            ));
        }
        let source = Source { region: self.region.clone(), catalog: self.catalog.clone() };
        let types = input::catalog(&source)?.instance_types(&self.nodes.settings());
        Ok(Market::of_catalog(types.iter().map(Arc::as_ref), &self.capacity_types()))
    }

    fn capacity_types(&self) -> Vec<CapacityType> {
        if self.spot {
            return vec![CapacityType::OnDemand, CapacityType::Spot];
        }
        let mut types: Vec<CapacityType> =
            self.capacity_type.iter().map(|&one: &Capacity| one.into()).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}

/// A whole text, unpacked where it is packed.
fn text_of(path: &Path) -> Result<String, Failure> {
    let name = name(path);
    let bytes = if path.as_os_str() == "-" {
        limited(io::stdin().lock(), &name)?
    } else {
        let file = fs::File::open(path).map_err(|error| Failure::unreadable(&name, &error))?;
        limited(file, &name)?
    };
    let bytes = match bytes.strip_prefix(&GZIP) {
        Some(_) => limited(MultiGzDecoder::new(bytes.as_slice()), &name)?,
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::data(format!("{name}: byte {at} is not UTF-8 text"))
    })
}

fn limited(reader: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = reader.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::unreadable(name, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::new(Exit::Data, format!("{name}: larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
