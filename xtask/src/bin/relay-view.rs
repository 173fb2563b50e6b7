//! Prints what a relay holds in its database: tables, rows, and sizes, nothing that it cannot see.
//!
//! A program of its own, so that `cargo xtask` need not build SQLite before it can do anything.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use rusqlite::{Connection, OpenFlags};

/// Columns with values at least this long are worth their sizes.
const LONG_BYTES: i64 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: relay-view DIR")?;
    for path in databases(Path::new(&folder))? {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        for table in tables(&database)? {
            let rows: i64 =
                database.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| {
                    row.get(0)
                })?;
            println!(
                "{}",
                format!("{table:<20} {rows:>5} rows   {}", sizes(&database, &table)?).trim_end()
            );
        }
    }
    Ok(())
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
    let names: Vec<String> = columns
        .query_map([table], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut parts = Vec::new();
    for name in names {
        let mut statement = database.prepare(&format!(
            "SELECT length(CAST(\"{name}\" AS BLOB)) AS size, count(*) FROM \"{table}\"
             WHERE size >= {LONG_BYTES} GROUP BY size ORDER BY size"
        ))?;
        let groups: Vec<String> = statement
            .query_map([], |row| {
                Ok(format!(
                    "{} of {} bytes",
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(0)?
                ))
            })?
            .collect::<Result<_, _>>()?;
        if !groups.is_empty() {
            parts.push(format!("{name}: {}", groups.join(", ")));
        }
    }
    Ok(parts.join("; "))
}
