//! Pods as a table: the columns of Alibaba's GPU cluster trace of 2023 (openb).
//!
//! `cpu_milli` and `memory_mib` must be there. `name`, `count` (1 when absent), `num_gpu`,
//! `gpu_milli` and `gpu_spec` may be; other columns are not looked at. A pod with one GPU and
//! `gpu_milli` below 1000 shares its GPU with others; more GPUs than one are whole. `gpu_spec`
//! lists the GPU models a pod accepts, separated by `|`. Every row is one pod that is to be placed
//! at the same time as all others, whatever its phase and times were.

use std::collections::BTreeMap;

use super::{
    Demand, Fault, ReadError, Shape,
    csv::{Column, Row, Table},
    number::{amount, count},
};

/// Reads pods; those that ask the same become one shape.
///
/// # Errors
///
/// The first row or column that is missing or wrong.
pub fn read(text: &str) -> Result<Demand, ReadError> {
    let table = Table::new(text)?;
    let columns = Columns::new(&table)?;
    let mut demand = Demand::default();
    let mut known: BTreeMap<(i64, i64, i64, Vec<String>), usize> = BTreeMap::new();
    for row in table.rows() {
        let row = row?;
        let shape = columns.shape(&row)?;
        let key = (shape.cpu_milli, shape.memory_mib, shape.gpu_milli, shape.gpu_models.clone());
        let at = *known.entry(key).or_insert(demand.shapes.len());
        match demand.shapes.get_mut(at) {
            None => demand.shapes.push(shape),
            Some(first) => {
                first.count = first.count.checked_add(shape.count).ok_or_else(|| {
                    let limit = u64::from(u32::MAX);
                    ReadError::line(row.line, Fault::TooMany { what: "pods of one shape", limit })
                })?;
            }
        }
    }
    Ok(demand)
}

struct Columns {
    name: Option<Column>,
    cpu: Column,
    memory: Column,
    count: Option<Column>,
    gpus: Option<Column>,
    gpu_milli: Option<Column>,
    models: Option<Column>,
}

impl Columns {
    fn new(table: &Table<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            name: table.column(&["name"]),
            cpu: table.required(&["cpu_milli"])?,
            memory: table.required(&["memory_mib"])?,
            count: table.column(&["count"]),
            gpus: table.column(&["num_gpu"]),
            gpu_milli: table.column(&["gpu_milli"]),
            models: table.column(&["gpu_spec"]),
        })
    }

    fn shape(&self, row: &Row<'_>) -> Result<Shape, ReadError> {
        let models = self.models.map_or("", |column| row.text(column));
        let mut gpu_models: Vec<String> =
            models.split('|').filter(|model| !model.is_empty()).map(str::to_owned).collect();
        gpu_models.sort_unstable();
        gpu_models.dedup();
        Ok(Shape {
            name: self.name(row),
            cpu_milli: row.read(self.cpu, "cpu_milli", amount)?,
            memory_mib: row.read(self.memory, "memory_mib", amount)?,
            gpu_milli: self.gpu_milli(row)?,
            gpu_models,
            count: row.optional(self.count, "count", count)?.unwrap_or(1),
        })
    }

    fn name(&self, row: &Row<'_>) -> String {
        let name = self.name.map_or("", |column| row.text(column));
        if name.is_empty() { format!("line {}", row.line) } else { name.to_owned() }
    }

    /// A share of one GPU, or whole GPUs.
    fn gpu_milli(&self, row: &Row<'_>) -> Result<i64, ReadError> {
        let gpus = row.optional(self.gpus, "num_gpu", count)?.map(i64::from);
        let share = row.optional(self.gpu_milli, "gpu_milli", amount)?;
        match (gpus, share) {
            (None, share) => Ok(share.unwrap_or(0)),
            (Some(0), None | Some(0)) => Ok(0),
            (Some(1), Some(share @ 1..=1_000)) => Ok(share),
            (Some(gpus), None | Some(1_000)) => Ok(gpus * 1_000),
            (Some(_), Some(_)) => Err(ReadError::line(
                row.line,
                Fault::Contradiction(
                    "num_gpu and gpu_milli disagree: a share below 1000 is of exactly one GPU",
                ),
            )),
        }
    }
}
