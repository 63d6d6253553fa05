//! Arrivals of virtual machines: the 2017 Azure trace as a stream of flavours.
//!
//! A line is a time and the flavours that arrived then, separated by commas; `|` ends one tenant's
//! batch. A second table says what a flavour is: `vCPU,GiB letter` a line. Every arrival becomes a
//! pod that asks for the whole machine; times, batches and departures are not looked at.

use std::collections::BTreeMap;

use super::{
    Demand, Fault, ReadError, Shape,
    number::{scaled, wrong},
};

/// MiB in a GiB.
const MIB: i64 = 1024;

/// Reads a stream with its table of flavours.
///
/// # Errors
///
/// The first line that is wrong, of the flavours (named by path) or of the stream.
pub fn read(stream: &str, flavours: &str) -> Result<Demand, ReadError> {
    let mut shapes = read_flavours(flavours)?;
    for (line, text) in (1..).zip(stream.lines()) {
        let Some((time, arrivals)) = text.trim().split_once(char::is_whitespace) else {
            if text.trim().is_empty() {
                continue;
            }
            let fault = wrong("line", text, "a time and the flavours that arrived then");
            return Err(ReadError::line(line, fault));
        };
        if time.parse::<u64>().is_err() {
            return Err(ReadError::line(line, wrong("time", time, "a number of seconds")));
        }
        for name in arrivals.split(',').map(str::trim) {
            if name.is_empty() || name == "|" {
                continue;
            }
            let shape = shapes.get_mut(name).ok_or_else(|| {
                ReadError::line(line, wrong("flavour", name, "a flavour of the table"))
            })?;
            shape.count = shape.count.checked_add(1).ok_or_else(|| {
                let limit = u64::from(u32::MAX);
                ReadError::line(line, Fault::TooMany { what: "machines of one flavour", limit })
            })?;
        }
    }
    Ok(Demand { shapes: shapes.into_values().filter(|shape| shape.count > 0).collect() })
}

fn read_flavours(text: &str) -> Result<BTreeMap<&str, Shape>, ReadError> {
    let mut shapes = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let at = |fault| ReadError::path(format!("flavours, line {line}"), fault);
        let (size, name) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
        let (cpu, memory) = size.split_once(',').unwrap_or((size, ""));
        let name = name.trim();
        if name.is_empty() || name.contains([',', '|']) {
            return Err(at(wrong("flavour", text, "a line such as `2,3.5 g`")));
        }
        let shape = Shape {
            name: format!("{name} ({cpu} vCPU, {memory} GiB)"),
            cpu_milli: scaled("vCPU", cpu, 1_000).map_err(at)?,
            memory_mib: scaled("GiB", memory, MIB).map_err(at)?,
            ..Shape::default()
        };
        if shapes.insert(name, shape).is_some() {
            return Err(at(wrong("flavour", name, "each flavour once")));
        }
    }
    if shapes.is_empty() {
        let hint = "give the table of flavours with --flavours";
        return Err(ReadError::text(Fault::Nothing { what: "flavours", hint }));
    }
    Ok(shapes)
}
