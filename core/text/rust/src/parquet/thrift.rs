//! Just enough of Thrift's compact protocol to look at Parquet's metadata before anybody allocates for it.

/// Deeper than any metadata of Parquet.
const DEEPEST: usize = 16;

/// Types of fields and elements on the wire.
pub const I32: u8 = 5;
/// A list.
pub const LIST: u8 = 9;
/// A struct.
pub const STRUCT: u8 = 12;

/// Reads from bytes that may hold anything. Every error means: not what the format says, or cut off.
pub struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why reading stopped.
#[derive(Debug)]
pub enum Stop {
    /// The bytes end in the middle.
    CutOff,
    /// They are not what the format says.
    Wrong,
}

type Outcome<T> = Result<T, Stop>;

impl<'a> Compact<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn byte(&mut self) -> Outcome<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::CutOff)?;
        self.at += 1;
        Ok(byte)
    }

    fn advance(&mut self, count: u64) -> Outcome<()> {
        let count = usize::try_from(count).map_err(|_| Stop::Wrong)?;
        if count > self.remaining() {
            return Err(Stop::CutOff);
        }
        self.at += count;
        Ok(())
    }

    fn varint(&mut self) -> Outcome<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Stop::Wrong)
    }

    /// An i16, i32 or i64.
    pub fn integer(&mut self) -> Outcome<i64> {
        let value = self.varint()?;
        Ok(((value >> 1) as i64) ^ -((value & 1) as i64))
    }

    /// Type and number of a list's elements; there are as many bytes at least.
    pub fn list(&mut self) -> Outcome<(u8, usize)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        let count = usize::try_from(count).map_err(|_| Stop::Wrong)?;
        if count > self.remaining() {
            return Err(Stop::CutOff);
        }
        Ok((head & 0x0f, count))
    }

    /// Reads a struct. `on_field` gets each field's number and type and says whether it read the field; others are
    /// passed over.
    pub fn fields(&mut self, mut on_field: impl FnMut(&mut Self, i64, u8) -> Outcome<bool>) -> Outcome<()> {
        self.fields_at(0, &mut on_field)
    }

    fn fields_at(
        &mut self,
        depth: usize,
        on_field: &mut dyn FnMut(&mut Self, i64, u8) -> Outcome<bool>,
    ) -> Outcome<()> {
        if depth > DEEPEST {
            return Err(Stop::Wrong);
        }
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = if head >> 4 == 0 { self.integer()? } else { id + i64::from(head >> 4) };
            let kind = head & 0x0f;
            if !on_field(self, id, kind)? {
                self.skip(kind, depth + 1, false)?;
            }
        }
    }

    fn skip(&mut self, kind: u8, depth: usize, element: bool) -> Outcome<()> {
        if depth > DEEPEST {
            return Err(Stop::Wrong);
        }
        match kind {
            1 | 2 => self.advance(u64::from(element)), // a field's truth lies in its type
            3 => self.advance(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            9 | 10 => {
                let (of, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip(of, depth + 1, true))
            }
            11 => self.skip_map(depth),
            12 => self.fields_at(depth, &mut |_, _, _| Ok(false)),
            _ => Err(Stop::Wrong),
        }
    }

    fn skip_map(&mut self, depth: usize) -> Outcome<()> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            self.skip(kinds >> 4, depth + 1, true)?;
            self.skip(kinds & 0x0f, depth + 1, true)?;
        }
        Ok(())
    }
}
