//! The columns that make up a row, read record by record in step with one another.

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::push_text;

/// Records read at once.
const BATCH: usize = 256;

/// A column of the file.
pub struct Leaf {
    /// Its number.
    pub index: usize,
    /// Its name with those of what it lies in.
    pub path: String,
    /// In a list.
    pub nested: bool,
}

/// What `Column::next` did.
pub enum ColumnValue {
    Written,
    Null,
    TooLong,
    NotUtf8,
}

/// A field of the rows: one leaf of text, or a list of structs of text.
pub struct Column {
    name: String,
    shape: Shape,
    leaves: Vec<Leaf>,
    fields: Vec<String>, // of the list's structs, one a leaf
    cursors: Vec<Cursor>,
}

/// From which definition level on something is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    List { list: i16, item: i16, element: i16 },
}

/// The columns among `fields`. A field that is there in another shape than those we read is an error.
pub fn plan(schema: &SchemaDescriptor, fields: &[&str]) -> Result<Vec<Column>, String> {
    let mut columns: Vec<Column> = Vec::new();
    for index in 0..schema.num_columns() {
        let leaf = schema.column(index);
        let parts = leaf.path().parts();
        let name = parts[0].as_str();
        // A column of nothing but nulls has no type of its own.
        let untyped = leaf.logical_type_ref() == Some(&LogicalType::Unknown);
        if !fields.contains(&name) || untyped {
            continue;
        }
        let text = leaf.physical_type() == Physical::BYTE_ARRAY;
        let Some(shape) = shape_of(schema.root_schema(), parts) else {
            return Err(format!(
                "column '{}' is nested in a way that is not read: text was wanted, or a list of structs of text; \
                 write it as JSON text",
                parts.join(".")
            ));
        };
        if !text {
            if shape == Shape::Text {
                return Err(format!("column '{name}' holds {}, text was wanted", leaf.physical_type()));
            }
            continue; // a figure beside the texts of a turn
        }
        let found = Leaf { index, path: parts.join("."), nested: shape != Shape::Text };
        let field = parts[parts.len() - 1].clone();
        match columns.last_mut().filter(|column| column.name == name) {
            Some(column) if column.shape == shape && found.nested => {
                column.leaves.push(found);
                column.fields.push(field);
            }
            Some(_) => return Err(format!("there are two columns '{name}'")),
            None => columns.push(Column {
                name: name.to_owned(),
                shape,
                leaves: vec![found],
                fields: vec![field],
                cursors: Vec::new(),
            }),
        }
    }
    Ok(columns)
}

fn child<'a>(parent: &'a Type, name: &str) -> Option<&'a TypePtr> {
    parent.get_fields().iter().find(|field| field.name() == name)
}

/// `None` for what we do not read.
fn shape_of(root: &Type, parts: &[String]) -> Option<Shape> {
    let mut level = 0;
    let mut list = 0; // the definition level from which on the list is there
    let mut item = None; // (its level, how many names follow it, its fields)
    let mut element = 0;
    let mut node: &Type = root;
    for (place, name) in parts.iter().enumerate() {
        node = child(node, name)?;
        match node.get_basic_info().repetition() {
            Repetition::OPTIONAL => level += 1,
            Repetition::REPEATED => {
                if item.is_some() || node.is_primitive() {
                    return None; // a list of lists, or of texts
                }
                level += 1;
                item = Some((level, parts.len() - 1 - place, node.get_fields().len()));
            }
            Repetition::REQUIRED => {}
        }
        if item.is_none() {
            list = level;
        }
        if place + 1 < parts.len() {
            element = level;
        }
    }
    match item {
        None => (parts.len() == 1).then_some(Shape::Text),
        // {list: {element: {role, content}}}, and the older {array: {role, content}}.
        Some((item, 2, 1)) => Some(Shape::List { list, item, element }),
        Some((item, 1, fields)) if fields > 1 => Some(Shape::List { list, item, element }),
        Some(_) => None,
    }
}

impl Column {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.leaves.iter()
    }

    /// Turns to a row group.
    pub fn start(&mut self, group: &dyn RowGroupReader) -> Result<(), String> {
        self.cursors.clear();
        for leaf in &self.leaves {
            let reader = group.get_column_reader(leaf.index).map_err(|error| error.to_string())?;
            let ColumnReader::ByteArrayColumnReader(reader) = reader else {
                return Err(format!("column '{}' holds no text", leaf.path));
            };
            let most = group.metadata().column(leaf.index).column_descr().max_def_level();
            self.cursors.push(Cursor::new(reader, most, leaf.nested));
        }
        Ok(())
    }

    /// Writes the next record as JSON.
    pub fn next(&mut self, out: &mut String, limit: usize) -> Result<ColumnValue, String> {
        match self.shape {
            Shape::Text => self.cursors[0].next_text(out, limit),
            Shape::List { list, item, element } => self.next_list(out, limit, [list, item, element]),
        }
    }

    fn next_list(
        &mut self,
        out: &mut String,
        limit: usize,
        [list, item, element]: [i16; 3],
    ) -> Result<ColumnValue, String> {
        let mut count = None;
        for cursor in &mut self.cursors {
            let length = cursor.next_record()?;
            if *count.get_or_insert(length) != length {
                return Err(format!("the parts of column '{}' have different lengths", self.name));
            }
        }
        let first = self.cursors[0].level();
        if first < item {
            let value = if first < list { ColumnValue::Null } else { ColumnValue::Written };
            out.push_str("[]");
            self.cursors.iter_mut().for_each(Cursor::pass);
            return Ok(value);
        }
        let mut outcome = ColumnValue::Written;
        out.push('[');
        for place in 0..count.unwrap_or(0) {
            if place > 0 {
                out.push(',');
            }
            let there = self.cursors[0].level() >= element;
            out.push_str(if there { "{" } else { "null" });
            let mut comma = false;
            for (cursor, field) in self.cursors.iter_mut().zip(&self.fields) {
                let Some(bytes) = cursor.take()? else { continue };
                if !matches!(outcome, ColumnValue::Written) {
                    continue;
                }
                if comma {
                    out.push(',');
                }
                comma = true;
                push_text(out, field);
                out.push(':');
                outcome = push_value(out, bytes.data(), limit);
            }
            if there {
                out.push('}');
            }
            if out.len() > limit {
                outcome = ColumnValue::TooLong;
            }
            if !matches!(outcome, ColumnValue::Written) {
                out.clear(); // what comes is only passed over
            }
        }
        out.push(']');
        Ok(outcome)
    }
}

fn push_value(out: &mut String, bytes: &[u8], limit: usize) -> ColumnValue {
    if out.len().saturating_add(bytes.len()) > limit {
        return ColumnValue::TooLong;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            push_text(out, text);
            ColumnValue::Written
        }
        Err(_) => ColumnValue::NotUtf8,
    }
}

/// A place in a leaf.
struct Cursor {
    reader: ColumnReaderImpl<ByteArrayType>,
    most: i16, // the definition level of a value that is there
    nested: bool,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<ByteArray>,
    levels: usize,
    level_at: usize,
    value_at: usize,
}

impl Cursor {
    fn new(reader: ColumnReaderImpl<ByteArrayType>, most: i16, nested: bool) -> Self {
        Self {
            reader,
            most,
            nested,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values: Vec::new(),
            levels: 0,
            level_at: 0,
            value_at: 0,
        }
    }

    /// Makes the next record's first level available.
    fn fill(&mut self) -> Result<(), String> {
        if self.level_at < self.levels {
            return Ok(());
        }
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        self.level_at = 0;
        self.value_at = 0;
        let (records, _, levels) = self
            .reader
            .read_records(BATCH, Some(&mut self.definitions), Some(&mut self.repetitions), &mut self.values)
            .map_err(|error| error.to_string())?;
        self.levels = levels;
        if records == 0 || levels == 0 {
            return Err("a column ends before its last row".to_owned());
        }
        Ok(())
    }

    fn level(&self) -> i16 {
        if self.most == 0 {
            return 0;
        }
        self.definitions.get(self.level_at).copied().unwrap_or(0)
    }

    /// How many levels the next record has.
    fn next_record(&mut self) -> Result<usize, String> {
        self.fill()?;
        let rest = self.repetitions.get(self.level_at + 1..self.levels).unwrap_or_default();
        Ok(1 + rest.iter().take_while(|repetition| **repetition > 0).count())
    }

    /// The value at the next level, where there is one.
    fn take(&mut self) -> Result<Option<ByteArray>, String> {
        let there = self.level() == self.most;
        self.level_at += 1;
        if !there {
            return Ok(None);
        }
        let value = self.values.get(self.value_at).cloned().ok_or("a column has fewer values than it claims")?;
        self.value_at += 1;
        Ok(Some(value))
    }

    fn pass(&mut self) {
        self.level_at += 1;
    }

    fn next_text(&mut self, out: &mut String, limit: usize) -> Result<ColumnValue, String> {
        debug_assert!(!self.nested);
        self.fill()?;
        Ok(self.take()?.map_or(ColumnValue::Null, |bytes| push_value(out, bytes.data(), limit)))
    }
}
