//! Prints what a relay holds in its database: tables, rows, and sizes, nothing that it cannot see.
//!
//! A program of its own, so that `cargo xtask` need not build SQLite before it can do anything.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use rusqlite::Connection;
use tempfile::TempDir;

/// Columns with values at least this long are worth their sizes.
const LONG_BYTES: i64 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: relay-view DIR")?;
    let copy = copied(Path::new(&folder))?;
    for path in databases(copy.path())? {
        let database = Connection::open(path)?;
        for table in tables(&database)? {
            let count = format!("SELECT count(*) FROM \"{table}\"");
            let rows: i64 = database.query_row(&count, [], |row| row.get(0))?;
            let unit = if rows == 1 { "row " } else { "rows" };
            let line = format!("{table:<18} {rows:>5} {unit}   {}", sizes(&database, &table)?);
            println!("{}", line.trim_end());
        }
    }
    Ok(())
}

/// The relay keeps its database locked while it runs, so a copy is read: database and journal.
fn copied(folder: &Path) -> io::Result<TempDir> {
    let copy = tempfile::tempdir()?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name()))?;
        }
    }
    Ok(copy)
}

fn databases(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && fs::read(&path)?.starts_with(b"SQLite format 3\0") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn tables(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// The sizes of the long values of a table: `envelope: 2 of 2368 bytes`.
fn sizes(database: &Connection, table: &str) -> rusqlite::Result<String> {
    let mut columns = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names: Vec<String> =
        columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut parts = Vec::new();
    for name in names {
        let mut statement = database.prepare(&format!(
            "SELECT length(CAST(\"{name}\" AS BLOB)) AS size, count(*) FROM \"{table}\"
             WHERE size >= {LONG_BYTES} GROUP BY size ORDER BY size"
        ))?;
        let groups: Vec<String> = statement
            .query_map([], |row| {
                Ok(format!("{} of {} bytes", row.get::<_, i64>(1)?, row.get::<_, i64>(0)?))
            })?
            .collect::<Result<_, _>>()?;
        if !groups.is_empty() {
            parts.push(format!("{name}: {}", groups.join(", ")));
        }
    }
    Ok(parts.join("; "))
}
