//! Edits of bytes that were right: how a fuzzer gets at what lies behind lengths and counts.

use arbitrary::{Result, Unstructured};

/// Edits of one string of bytes at most.
const MAX_EDITS: usize = 4;
/// Bytes put in at most.
const MAX_PUT: usize = 24;

/// Makes one to four edits.
pub(super) fn edit(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..input.int_in_range(1..=MAX_EDITS)? {
        edit_once(bytes, input)?;
    }
    Ok(())
}

fn edit_once(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    let kind = input.int_in_range(0..=6)?;
    let at = usize::from(input.arbitrary::<u16>()?) % (bytes.len() + 1);
    let rest = bytes.len() - at;
    match kind {
        0 => put(&mut bytes[at..], input)?,
        1 => {
            let len = input.int_in_range(0..=MAX_PUT)?;
            bytes.splice(at..at, input.bytes(len)?.iter().copied());
        }
        2 => drop(bytes.drain(at..at + input.int_in_range(0..=MAX_PUT)?.min(rest))),
        3 => bytes.truncate(at),
        4 => {
            let len = input.int_in_range(0..=MAX_PUT)?.min(rest);
            bytes[at..at + len].fill(input.arbitrary()?);
        }
        5 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add_signed(input.arbitrary()?);
            }
        }
        _ => {
            let len = input.int_in_range(0..=MAX_PUT)?.min(rest);
            let copy = bytes[at..at + len].to_vec();
            bytes.splice(at..at, copy);
        }
    }
    Ok(())
}

/// Writes over what is there.
fn put(over: &mut [u8], input: &mut Unstructured<'_>) -> Result<()> {
    let len = input.int_in_range(1..=MAX_PUT)?.min(over.len());
    over[..len].copy_from_slice(input.bytes(len)?);
    Ok(())
}
