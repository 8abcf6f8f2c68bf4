use std::path::Path;

use super::Context;
use crate::scenario::plan::CsvTable;
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::Reader;

/// The rows of `[data] csv`.
pub(super) fn table(top: &Reader<'_>, context: &Context<'_>) -> Checked<Option<CsvTable>> {
    let Some(data) = top.child("data")? else {
        return Ok(None);
    };
    let file = data.text("csv")?;
    let path = context.resolve(&file);
    let place = data
        .entry("csv")
        .map_or(data.place, |entry| entry.node.place);
    let fail = |code, message: String, help: &str| {
        data.report(code, place, message, |d| {
            d.label("this file").key("data.csv").help(help)
        })
    };
    match read(&path) {
        Ok(table) => match flaw(&table) {
            None => Ok(Some(table)),
            Some((message, help)) => Err(fail(Code::BadCsv, message, help)),
        },
        Err(error) => Err(match error.is_io_error() {
            true => {
                let message = format!("cannot read {}: {error}", path.display());
                let help = "it is looked for beside the scenario, then in the working directory";
                fail(Code::UnreadableFile, message, help)
            }
            false => {
                let message = format!("{} is no CSV file: {error}", path.display());
                fail(
                    Code::BadCsv,
                    message,
                    "each line needs as many values as the first one",
                )
            }
        }),
    }
}

fn read(path: &Path) -> Result<CsvTable, csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let columns = reader.headers()?.iter().map(|c| c.trim().to_owned());
    let columns = columns.collect();
    let rows = reader
        .records()
        .map(|record| Ok(record?.iter().map(str::to_owned).collect()))
        .collect::<Result<_, csv::Error>>()?;
    Ok(CsvTable {
        file: path.to_owned(),
        columns,
        rows,
    })
}

fn flaw(table: &CsvTable) -> Option<(String, &'static str)> {
    let file = table.file.display();
    if table.rows.is_empty() {
        let help = "the first line names the columns, each further line is a row";
        return Some((format!("{file} has no rows"), help));
    }
    let mut names = table.columns.iter().enumerate();
    let twice = names.find(|(i, name)| table.columns[..*i].contains(name));
    twice.map(|(_, name)| {
        let message = format!("{file} has two columns {name:?}");
        (message, "placeholders name columns: give each its own name")
    })
}
