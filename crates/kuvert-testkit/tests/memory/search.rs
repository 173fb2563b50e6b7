//! The memory of another process, read as a debugger reads it: all that can be written to.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::watch::{Secrets, WINDOW, Window};

const PAGE: usize = 4096;
/// Read at a time.
const CHUNK: usize = 1 << 20;

/// What the mapping of a thread's stack is called here.
pub(crate) const STACK: &str = "a stack";

/// Part of an address space.
struct Mapping {
    from: u64,
    to: u64,
    name: String,
}

/// A secret that was found, and where.
pub(crate) struct Found {
    pub(crate) what: String,
    pub(crate) mapping: String,
}

/// Everything that `process` could have written to.
fn writable(process: u32) -> io::Result<Vec<Mapping>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let stacks = stack_pointers(process)?;
    let mut mappings: Vec<_> = maps.lines().filter_map(mapping).collect();
    for mapping in &mut mappings {
        if stacks.iter().any(|stack| (mapping.from..mapping.to).contains(stack)) {
            mapping.name = STACK.to_owned();
        }
    }
    Ok(mappings)
}

/// Where the stacks of the threads are, which all wait for something: `call arguments… stack program`.
fn stack_pointers(process: u32) -> io::Result<Vec<u64>> {
    let mut pointers = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let state = fs::read_to_string(thread?.path().join("syscall"))?;
        let pointer =
            state.split_whitespace().rev().nth(1).and_then(|text| text.strip_prefix("0x"));
        pointers.extend(pointer.and_then(|text| u64::from_str_radix(text, 16).ok()));
    }
    Ok(pointers)
}

/// `from-to rw-p offset device inode  name`
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.split_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let is_writable = fields.next()?.starts_with("rw");
    let name = fields.nth(3).unwrap_or("anonymous").to_owned();
    let number = |text| u64::from_str_radix(text, 16).ok();
    is_writable.then_some(Mapping { from: number(from)?, to: number(to)?, name })
}

/// Looks for `secrets` in all that `process` could have written to; also how many bytes that was.
pub(crate) fn search(process: u32, secrets: &Secrets) -> io::Result<(Vec<Found>, u64)> {
    let index = Index::of(secrets);
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let (mut found, mut searched) = (Vec::new(), 0);
    for mapping in writable(process)? {
        let mut at = mapping.from;
        while at < mapping.to {
            let bytes = read(&memory, at, mapping.to)?;
            let step = bytes.len().min(CHUNK) as u64;
            for what in index.hits(&bytes) {
                found.push(Found { what: what.to_owned(), mapping: mapping.name.clone() });
            }
            searched += step;
            at += step;
        }
    }
    Ok((found, searched))
}

/// A chunk, and so much more that what lies across its end is whole.
fn read(memory: &File, at: u64, end: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK + WINDOW - 1);
    let mut bytes = vec![0; len];
    memory.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Finds windows quickly: most places are ruled out by their first three bytes.
struct Index<'a> {
    beginnings: Vec<bool>,
    windows: HashMap<Window, &'a str>,
}

impl<'a> Index<'a> {
    fn of(Secrets(secrets): &'a Secrets) -> Self {
        let mut beginnings = vec![false; 1 << 24];
        let windows = secrets.iter().map(|(what, window)| (*window, what.as_str())).collect();
        secrets.iter().for_each(|(_, window)| beginnings[beginning(window)] = true);
        Self { beginnings, windows }
    }

    fn hits(&self, bytes: &[u8]) -> Vec<&'a str> {
        let mut hits = Vec::new();
        for start in (0..bytes.len()).step_by(PAGE) {
            let end = bytes.len().min(start + PAGE + WINDOW - 1);
            let page = &bytes[start..end];
            if page.iter().all(|byte| *byte == 0) {
                continue;
            }
            for window in page.windows(WINDOW).take(PAGE) {
                if self.beginnings[beginning(window)]
                    && let Some(what) = self.windows.get(window)
                {
                    hits.push(*what);
                }
            }
        }
        hits
    }
}

fn beginning(window: &[u8]) -> usize {
    usize::from(window[0]) | usize::from(window[1]) << 8 | usize::from(window[2]) << 16
}
