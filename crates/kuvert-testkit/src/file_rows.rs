//! Rows in a single file, written anew by each batch: a device that is a directory.
//!
//! ```text
//! DIR/lock    empty, locked while a batch is under way
//! DIR/rows    "KVTR" | version u8=1 | rows, sorted by name | HL("testkit rows", all before) 32
//! row         name_len u16 | name | version u64 | value_len u32 | value
//! ```
//!
//! A batch that is not committed, and one that changes nothing, leaves every byte of the directory as
//! it was: whoever tests from outside can compare. It is made for that and for small tables, since
//! each commit writes all rows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kuvert_core::hazmat;
use kuvert_store::rows::{Batch, Durability, Moment, Row, RowError, Rows};
use kuvert_wire::{DecodeError, Reader};

/// Rows in the directory it was opened with. A clone is a second handle.
#[derive(Clone, Debug)]
pub struct FileRows {
    directory: PathBuf,
}

impl FileRows {
    /// Makes an empty table in `directory`, which is created if need be.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if there is a table; what the file system says.
    pub fn create(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let rows = Self { directory: directory.into() };
        fs::create_dir_all(&rows.directory)?;
        File::create_new(rows.lock_path())?;
        replace(&rows.rows_path(), &encode(&Table::new()))?;
        Ok(rows)
    }

    /// Opens the table in `directory`.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let rows = Self { directory: directory.into() };
        File::open(rows.lock_path())?;
        Ok(rows)
    }

    fn read(&self) -> Result<Table, RowError> {
        decode(&fs::read(self.rows_path()).map_err(failed)?).map_err(|_| RowError::Damaged)
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join("lock")
    }

    fn rows_path(&self) -> PathBuf {
        self.directory.join("rows")
    }
}

impl Rows for FileRows {
    type Moment<'a> = FileMoment;
    type Batch<'a> = FileBatch;

    fn moment(&self) -> Result<FileMoment, RowError> {
        self.read().map(FileMoment)
    }

    fn begin(&mut self, _: Durability) -> Result<FileBatch, RowError> {
        let lock = File::open(self.lock_path()).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let table = self.read()?;
        Ok(FileBatch { path: self.rows_path(), table, changed: false, lock })
    }
}

/// All rows as they were once. The file is replaced, never changed, so reading it is one moment.
#[derive(Debug)]
pub struct FileMoment(Table);

impl Moment for FileMoment {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(row(&self.0, name))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowError> {
        let from_prefix_on = self.0.range(prefix.to_vec()..).map(|(name, _)| name);
        let under_prefix = from_prefix_on.take_while(|name| name.starts_with(prefix));
        Ok(under_prefix.filter_map(|name| row(&self.0, name)).collect())
    }

    fn versions(&self) -> Result<Vec<(Vec<u8>, u64)>, RowError> {
        Ok(self.0.iter().map(|(name, cell)| (name.clone(), cell.version)).collect())
    }
}

/// Changes to a copy of all rows, which replaces the file at the end.
#[derive(Debug)]
pub struct FileBatch {
    path: PathBuf,
    table: Table,
    changed: bool,
    /// Held until the batch is dropped.
    #[expect(dead_code, reason = "dropping it ends the lock")]
    lock: File,
}

impl Batch for FileBatch {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(row(&self.table, name))
    }

    fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError> {
        let fits = self.version(name) == expected;
        if fits {
            let cell = Cell { version: expected + 1, value: value.to_vec() };
            self.table.insert(name.to_vec(), cell);
            self.changed = true;
        }
        Ok(fits)
    }

    fn delete(&mut self, name: &[u8], expected: u64) -> Result<bool, RowError> {
        let fits = expected != 0 && self.version(name) == expected;
        if fits {
            self.table.remove(name);
            self.changed = true;
        }
        Ok(fits)
    }

    fn commit(self) -> Result<(), RowError> {
        if self.changed {
            replace(&self.path, &encode(&self.table)).map_err(failed)
        } else {
            Ok(())
        }
    }
}

impl FileBatch {
    fn version(&self, name: &[u8]) -> u64 {
        self.table.get(name).map_or(0, |cell| cell.version)
    }
}

type Table = BTreeMap<Vec<u8>, Cell>;

#[derive(Debug)]
struct Cell {
    version: u64,
    value: Vec<u8>,
}

const MAGIC: &[u8; 5] = b"KVTR\x01";

fn row(table: &Table, name: &[u8]) -> Option<Row> {
    table.get(name).map(|cell| Row {
        name: name.to_vec(),
        version: cell.version,
        value: cell.value.clone(),
    })
}

fn encode(table: &Table) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (name, cell) in table {
        let name_len = u16::try_from(name.len()).expect("names of rows are short");
        let value_len = u32::try_from(cell.value.len()).expect("values of rows are short");
        bytes.extend_from_slice(&name_len.to_be_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&cell.version.to_be_bytes());
        bytes.extend_from_slice(&value_len.to_be_bytes());
        bytes.extend_from_slice(&cell.value);
    }
    let digest = digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Table, DecodeError> {
    let Some((content, found)) = bytes.split_last_chunk() else {
        return Err(DecodeError::Truncated { needed: 32 });
    };
    let mut reader = Reader::new(content);
    if *found != digest(content) || reader.array_ref()? != MAGIC {
        return Err(DecodeError::Invalid { what: "file" });
    }
    let mut table = Table::new();
    while reader.remaining() > 0 {
        let name_len = usize::from(reader.u16()?);
        let name = reader.take(name_len)?.to_vec();
        let version = reader.u64()?;
        let value_len = reader.len32("row", bytes.len())?;
        let value = reader.take(value_len)?.to_vec();
        table.insert(name, Cell { version, value });
    }
    Ok(table)
}

/// Finds damage, by whatever caused it but somebody who knows this file.
fn digest(content: &[u8]) -> [u8; 32] {
    hazmat::hash("testkit rows", content).expect("the label is short")
}

/// Puts a file in place whole: whatever ends the process, there is the old one or the new one.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(error: io::Error) -> RowError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RowError::Full,
        _ => RowError::Io(Box::new(error)),
    }
}
