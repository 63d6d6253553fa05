//! Sizes as a table: a price list, or the node list of Alibaba's GPU cluster trace (openb).
//!
//! `cpu_milli` and `memory_mib` must be there, and `price` in dollars per hour. `name`, `pods`,
//! `gpu` and `gpu_model` may be; other columns are not looked at. A table of nodes has a column
//! `sn` and no price: every node costs 1, and there are no more nodes of a kind than it has rows.

use std::collections::BTreeMap;

use super::{
    Market, ReadError, Size, Unit,
    csv::{Column, Row, Table},
    number::{amount, scaled},
};

/// Micro-dollars in a dollar.
const MICRO: i64 = 1_000_000;
/// What the column of prices is called.
const PRICE: [&str; 2] = ["price", "price_hr"];

/// Reads a price list or a node list.
///
/// # Errors
///
/// The first row or column that is missing or wrong.
pub fn read(text: &str) -> Result<Market, ReadError> {
    let table = Table::new(text)?;
    if table.column(&PRICE).is_none() && table.column(&["sn"]).is_some() {
        return nodes(&table);
    }
    let price = table.required(&PRICE)?;
    let columns = Columns::new(&table)?;
    let mut sizes = Vec::new();
    for row in table.rows() {
        let row = row?;
        let micro = |field: &str, text: &str| scaled(field, text, MICRO);
        let price = row.read(price, "price", micro)?;
        sizes.push(Size { price, ..columns.size(&row)? });
    }
    Ok(Market { unit: Unit::MicroDollars, sizes })
}

/// Equal nodes are one size of which there are so many.
fn nodes(table: &Table<'_>) -> Result<Market, ReadError> {
    let columns = Columns::new(table)?;
    let mut sizes: Vec<Size> = Vec::new();
    let mut known: BTreeMap<(i64, i64, i64, Option<String>), usize> = BTreeMap::new();
    for row in table.rows() {
        let mut size = columns.size(&row?)?;
        let key = (size.cpu_milli, size.memory_mib, size.gpus, size.gpu_model.clone());
        let at = *known.entry(key).or_insert(sizes.len());
        if at == sizes.len() {
            let model = size.gpu_model.as_deref().unwrap_or("no");
            let (cpu, memory, gpus) = (size.cpu_milli, size.memory_mib, size.gpus);
            size.name = format!("{cpu}m {memory}Mi {gpus} {model} GPU");
            sizes.push(Size { price: 1, stock: Some(0), ..size });
        }
        sizes[at].stock = sizes[at].stock.map(|stock| stock + 1);
    }
    Ok(Market { unit: Unit::Nodes, sizes })
}

struct Columns {
    name: Option<Column>,
    cpu: Column,
    memory: Column,
    pods: Option<Column>,
    gpus: Option<Column>,
    model: Option<Column>,
}

impl Columns {
    fn new(table: &Table<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            name: table.column(&["name"]),
            cpu: table.required(&["cpu_milli"])?,
            memory: table.required(&["memory_mib", "mem_mib"])?,
            pods: table.column(&["pods"]),
            gpus: table.column(&["gpu"]),
            model: table.column(&["gpu_model", "gpu_name", "model"]),
        })
    }

    fn size(&self, row: &Row<'_>) -> Result<Size, ReadError> {
        let text = |column: Option<Column>| column.map(|column| row.text(column));
        Ok(Size {
            name: match text(self.name).unwrap_or_default() {
                "" => format!("line {}", row.line),
                name => name.to_owned(),
            },
            cpu_milli: row.read(self.cpu, "cpu_milli", amount)?,
            memory_mib: row.read(self.memory, "memory_mib", amount)?,
            pods: row.optional(self.pods, "pods", amount)?,
            gpus: row.optional(self.gpus, "gpu", amount)?.unwrap_or(0),
            gpu_model: text(self.model).filter(|model| !model.is_empty()).map(str::to_owned),
            ..Size::default()
        })
    }
}
