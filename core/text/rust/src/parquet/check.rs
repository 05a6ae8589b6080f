//! What a Parquet file says about its own sizes, compared with what is there.
//!
//! The parquet crate trusts counts in the footer and in page headers and allocates by them; an allocation that fails
//! ends the process. So footer and page headers are walked here first, and refused where they claim what cannot be.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::columns::Leaf;
use super::thrift::{Compact, Stop, I32, LIST, STRUCT};
use super::Limits;

const MAGIC: &[u8; 4] = b"PAR1";
const MOST_FOOTER_BYTES: u64 = 16 << 20;
const MOST_SCHEMA_ELEMENTS: usize = 10_000;
const DEEPEST_SCHEMA: usize = 32;
const MOST_PAGE_BYTES: u64 = 256 << 20;
/// List elements of one column.
const MOST_ELEMENTS: u64 = 20_000_000;
const SMALL_HEADER_BYTES: u64 = 8 << 10;
const MOST_HEADER_BYTES: u64 = 1 << 20;

const DATA_PAGE: i64 = 0;
const INDEX_PAGE: i64 = 1;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

/// PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY: what pyarrow, DuckDB, Polars and Spark write for text.
const ENCODINGS: [i64; 3] = [0, 2, 8];
/// RLE, BIT_PACKED.
const LEVEL_ENCODINGS: [i64; 2] = [3, 4];

fn wrong(stop: Stop) -> String {
    match stop {
        Stop::CutOff => "its metadata is cut off".to_owned(),
        Stop::Wrong => "its metadata is not Parquet's".to_owned(),
    }
}

/// Checks the footer: the file's end, and the schema's and the row groups' counts.
pub fn footer(file: &mut File) -> Result<(), String> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let mut tail = [0_u8; 8];
    if size < 12 {
        return Err(format!("a Parquet file has at least 12 bytes, this one {size}"));
    }
    file.seek(SeekFrom::Start(size - 8)).and_then(|_| file.read_exact(&mut tail)).map_err(|error| error.to_string())?;
    if &tail[4..] != MAGIC {
        return Err(if &tail[4..] == b"PARE" {
            "it is encrypted".to_owned()
        } else {
            "it is cut off: a Parquet file ends with PAR1".to_owned()
        });
    }
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if length > size - 12 {
        return Err(format!("its footer claims {length} bytes of {size}"));
    }
    if length > MOST_FOOTER_BYTES {
        return Err(format!("its footer has {length} bytes, at most {MOST_FOOTER_BYTES} are read"));
    }
    let mut bytes = vec![0_u8; length as usize];
    file.seek(SeekFrom::Start(size - 8 - length))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| error.to_string())?;
    let mut children = Vec::new();
    let mut compact = Compact::new(&bytes);
    compact
        .fields(|compact, id, kind| {
            if (id, kind) != (2, LIST) {
                return Ok(false);
            }
            let (of, count) = compact.list()?;
            if of != STRUCT || count > MOST_SCHEMA_ELEMENTS {
                return Err(Stop::Wrong);
            }
            for _ in 0..count {
                let mut own = 0;
                compact.fields(|compact, id, kind| {
                    if (id, kind) == (5, I32) {
                        own = compact.integer()?;
                        return Ok(true);
                    }
                    Ok(false)
                })?;
                children.push(own);
            }
            Ok(true)
        })
        .map_err(wrong)?;
    schema_tree(&children)
}

/// The schema is a tree in depth-first order; each element says how many children follow.
fn schema_tree(children: &[i64]) -> Result<(), String> {
    let mut open: Vec<i64> = Vec::new();
    for (index, &count) in children.iter().enumerate() {
        if index > 0 {
            let parent = open.last_mut().ok_or("its schema has more columns than it claims")?;
            *parent -= 1;
        }
        if count < 0 || count as usize >= children.len() {
            return Err(format!("its schema claims {count} columns and has {}", children.len()));
        }
        if count > 0 {
            open.push(count);
        }
        if open.len() > DEEPEST_SCHEMA {
            return Err(format!("its schema nests deeper than {DEEPEST_SCHEMA} levels"));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    if children.is_empty() || !open.is_empty() {
        return Err("its schema has fewer columns than it claims".to_owned());
    }
    Ok(())
}

/// Header of a page, as far as it decides what reading it takes.
#[derive(Default)]
struct Page {
    kind: i64,
    unpacked: i64,
    packed: i64,
    values: i64,
    encoding: i64,
    level_encodings: [Option<i64>; 2],
    level_bytes: i64, // v2: in front of the values, never compressed
    stored: bool,     // v2: not compressed at all
}

impl Page {
    fn read(compact: &mut Compact) -> Result<Self, Stop> {
        let mut page = Self { kind: -1, encoding: -1, ..Self::default() };
        compact.fields(|compact, id, kind| {
            match (id, kind) {
                (1, I32) => page.kind = compact.integer()?,
                (2, I32) => page.unpacked = compact.integer()?,
                (3, I32) => page.packed = compact.integer()?,
                (5 | 7 | 8, STRUCT) => page.read_inner(id, compact)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(page)
    }

    fn read_inner(&mut self, of: i64, compact: &mut Compact) -> Result<(), Stop> {
        compact.fields(|compact, id, kind| {
            match (of, id, kind) {
                (_, 1, I32) => self.values = compact.integer()?,
                (5 | 7, 2, I32) | (8, 4, I32) => self.encoding = compact.integer()?,
                (5, 3 | 4, I32) => self.level_encodings[(id - 3) as usize] = Some(compact.integer()?),
                (8, 5 | 6, I32) => self.level_bytes = self.level_bytes.saturating_add(compact.integer()?),
                (8, 7, 2) => {
                    self.stored = true;
                    return Ok(false);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Walks the pages of the columns that will be read.
pub struct Checker {
    file: File,
    size: u64,
    limits: Limits,
    rows: u64,
    unpacked: u64,
}

impl Checker {
    pub fn new(file: File, limits: Limits) -> Result<Self, String> {
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        Ok(Self { file, size, limits, rows: 0, unpacked: 0 })
    }

    pub fn row_group<'a>(
        &mut self,
        group: &RowGroupMetaData,
        leaves: impl Iterator<Item = &'a Leaf>,
    ) -> Result<(), String> {
        let rows = u64::try_from(group.num_rows()).map_err(|_| "a row group has less than no rows".to_owned())?;
        self.rows = self.rows.saturating_add(rows);
        if self.rows > self.limits.rows {
            return Err(format!("it claims {} rows, at most {} are read", self.rows, self.limits.rows));
        }
        for leaf in leaves {
            let chunk = group.columns().get(leaf.index).ok_or("a row group lacks a column")?;
            let values = self.chunk(chunk).map_err(|error| format!("column '{}': {error}", leaf.path))?;
            let fits = if leaf.nested { values >= rows && values <= MOST_ELEMENTS } else { values == rows };
            if !fits {
                return Err(format!(
                    "column '{}': its pages hold {values} values, the row group claims {rows} rows",
                    leaf.path
                ));
            }
        }
        Ok(())
    }

    /// The number of values in the data pages of a column chunk.
    fn chunk(&mut self, chunk: &ColumnChunkMetaData) -> Result<u64, String> {
        let (mut at, length) = chunk.byte_range();
        let end = at.checked_add(length).filter(|end| *end <= self.size).ok_or("it lies behind the end of the file")?;
        let mut values = 0_u64;
        while at < end {
            let (page, header_bytes) = self.page_header(at, end)?;
            at += header_bytes;
            let packed = u64::try_from(page.packed).ok().filter(|packed| *packed <= end - at);
            let packed = packed.ok_or_else(|| format!("a page claims {} bytes, it has {}", page.packed, end - at))?;
            values = values.saturating_add(self.page(&page, at, packed, chunk.compression())?);
            at += packed;
        }
        Ok(values)
    }

    fn page_header(&mut self, at: u64, end: u64) -> Result<(Page, u64), String> {
        for most in [SMALL_HEADER_BYTES, MOST_HEADER_BYTES] {
            let bytes = self.bytes_at(at, most.min(end - at))?;
            let mut compact = Compact::new(&bytes);
            match Page::read(&mut compact) {
                Ok(page) => return Ok((page, compact.position() as u64)),
                Err(Stop::CutOff) if (bytes.len() as u64) < end - at => {}
                Err(stop) => return Err(wrong(stop)),
            }
        }
        Err("a page's header is too long".to_owned())
    }

    /// Checks one page; the number of its values when it is a data page.
    fn page(&mut self, page: &Page, at: u64, packed: u64, compression: Compression) -> Result<u64, String> {
        if page.kind == INDEX_PAGE {
            return Ok(0);
        }
        let unpacked = u64::try_from(page.unpacked).ok().filter(|size| *size <= MOST_PAGE_BYTES);
        let unpacked = unpacked.ok_or_else(|| format!("a page claims to unpack to {} bytes", page.unpacked))?;
        self.unpacked = self.unpacked.saturating_add(unpacked);
        if self.unpacked > self.limits.total_bytes {
            return Err(format!("it unpacks to more than {} bytes", self.limits.total_bytes));
        }
        let values = u64::try_from(page.values).map_err(|_| "a page claims less than no values".to_owned())?;
        if !ENCODINGS.contains(&page.encoding) {
            return Err(format!(
                "encoding {} is not read, only plain and dictionary encoding (write the file with those)",
                page.encoding
            ));
        }
        let levels_known = page.level_encodings.iter().flatten().all(|encoding| LEVEL_ENCODINGS.contains(encoding));
        if !levels_known {
            return Err("its levels have an unknown encoding".to_owned());
        }
        match page.kind {
            // A text takes four bytes for its length.
            DICTIONARY_PAGE if values > unpacked / 4 => {
                return Err(format!("a dictionary claims {values} values in {unpacked} bytes"));
            }
            DICTIONARY_PAGE | DATA_PAGE | DATA_PAGE_V2 => {}
            _ => return Err(format!("a page of unknown kind {}", page.kind)),
        }
        if matches!(compression, Compression::GZIP(_)) && !page.stored {
            self.gzip(at, packed, page, unpacked)?;
        }
        Ok(if page.kind == DICTIONARY_PAGE { 0 } else { values })
    }

    /// The crate unpacks gzip to its end, whatever the page claims.
    fn gzip(&mut self, at: u64, packed: u64, page: &Page, unpacked: u64) -> Result<(), String> {
        let levels = u64::try_from(page.level_bytes).unwrap_or(u64::MAX).min(packed);
        let bytes = self.bytes_at(at + levels, packed - levels)?;
        let mut limited = MultiGzDecoder::new(bytes.as_slice()).take(unpacked + 1);
        let found = std::io::copy(&mut limited, &mut std::io::sink()).map_err(|error| error.to_string())?;
        if found > unpacked {
            return Err(format!("a page claims to unpack to {unpacked} bytes and has more"));
        }
        Ok(())
    }

    fn bytes_at(&mut self, at: u64, count: u64) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0_u8; usize::try_from(count).map_err(|error| error.to_string())?];
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}
