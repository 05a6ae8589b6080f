//! Rows of a Parquet file as JSON objects of texts: the columns that make up training rows, nothing else.
//!
//! Read are columns of text, and lists of structs of text (`messages`: list<struct<role, content>>). Files come from
//! strangers: `check` looks at everything that decides how much memory reading takes before the parquet crate does.

mod check;
mod columns;
mod thrift;

use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::foreign::without_panics;
use check::Checker;
use columns::{Column, ColumnValue};

/// `struct HubParquetLimits`: how much a file may unpack to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Limits {
    /// Rows of the file.
    pub rows: u64,
    /// Bytes of one row as JSON.
    pub row_bytes: u64,
    /// Bytes of all rows as JSON, and of all pages.
    pub total_bytes: u64,
}

/// What comes of one row.
pub enum Row {
    /// A JSON object.
    Json(String),
    /// Why this row cannot be used.
    Problem(String),
}

/// A file that is being read.
pub struct HubParquet {
    reader: SerializedFileReader<File>,
    names: Vec<String>,
    columns: Vec<Column>,
    limits: Limits,
    next_group: usize,
    rows_left: u64,
    bytes: u64,
}

impl HubParquet {
    /// Opens a file and checks it. Columns other than `fields` are not looked at.
    pub fn open(path: &str, fields: &[&str], limits: Limits) -> Result<Self, String> {
        without_panics(|| {
            let mut file = File::open(path).map_err(|error| error.to_string())?;
            check::footer(&mut file)?;
            let reader = SerializedFileReader::new(file.try_clone().map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())?;
            let schema = reader.metadata().file_metadata().schema_descr_ptr();
            let names = schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
            let columns = columns::plan(&schema, fields)?;
            let mut checker = Checker::new(file, limits)?;
            for group in reader.metadata().row_groups() {
                let leaves = columns.iter().flat_map(Column::leaves);
                checker.row_group(group, leaves)?;
            }
            Ok(Self { reader, names, columns, limits, next_group: 0, rows_left: 0, bytes: 0 })
        })
    }

    /// All columns of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row; `None` after the last.
    pub fn next_row(&mut self) -> Result<Option<Row>, String> {
        without_panics(|| {
            while self.rows_left == 0 {
                if self.next_group >= self.reader.num_row_groups() {
                    return Ok(None);
                }
                let group = self.reader.get_row_group(self.next_group).map_err(|error| error.to_string())?;
                self.next_group += 1;
                self.rows_left = u64::try_from(group.metadata().num_rows()).map_err(|error| error.to_string())?;
                for column in &mut self.columns {
                    column.start(group.as_ref())?;
                }
            }
            self.rows_left -= 1;
            self.assemble().map(Some)
        })
    }

    fn assemble(&mut self) -> Result<Row, String> {
        let mut row = String::from("{");
        let mut problem = None;
        let limit = usize::try_from(self.limits.row_bytes).unwrap_or(usize::MAX);
        for column in &mut self.columns {
            // Every column is read to its next record, also behind a problem: they go in step.
            let begin = row.len();
            if begin > 1 {
                row.push(',');
            }
            push_text(&mut row, column.name());
            row.push(':');
            match column.next(&mut row, limit)? {
                ColumnValue::Written => {}
                ColumnValue::Null => row.truncate(begin),
                ColumnValue::TooLong => {
                    row.truncate(begin);
                    problem.get_or_insert_with(|| too_long(limit));
                }
                ColumnValue::NotUtf8 => {
                    row.truncate(begin);
                    problem.get_or_insert_with(|| format!("column '{}' holds no valid UTF-8", column.name()));
                }
            }
        }
        row.push('}');
        if row.len() > limit {
            problem.get_or_insert_with(|| too_long(limit));
        }
        if let Some(problem) = problem {
            return Ok(Row::Problem(problem));
        }
        self.bytes += row.len() as u64;
        if self.bytes > self.limits.total_bytes {
            return Err(format!("it unpacks to more than {} bytes", self.limits.total_bytes));
        }
        Ok(Row::Json(row))
    }
}

fn too_long(limit: usize) -> String {
    format!("the row is longer than {limit} bytes")
}

/// A JSON string.
fn push_text(out: &mut String, text: &str) {
    // Writing a string to memory cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
