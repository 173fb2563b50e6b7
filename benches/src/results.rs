//! Reading what criterion has measured.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder that criterion writes to.
#[derive(Clone, Debug)]
pub struct Results(pub PathBuf);

/// Nanoseconds of one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// The fastest sample: what the work costs when nothing disturbs it.
    pub min: f64,
    /// The sample in the middle.
    pub median: f64,
}

impl Results {
    /// What was measured under `group` and `name`, if anything.
    #[must_use]
    pub fn time(&self, group: &str, name: &str) -> Option<Time> {
        let path = self.0.join(group).join(name).join("new").join("sample.json");
        read(&path)
    }
}

fn read(path: &Path) -> Option<Time> {
    let sample: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let numbers = |field: &str| -> Option<Vec<f64>> {
        sample[field].as_array()?.iter().map(Value::as_f64).collect()
    };
    let mut times: Vec<f64> =
        numbers("times")?.iter().zip(numbers("iters")?).map(|(t, n)| t / n).collect();
    times.sort_by(f64::total_cmp);
    Some(Time { min: *times.first()?, median: times[times.len() / 2] })
}
