//! Reading what criterion has measured.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::floor::Floor;
use crate::others::Maker;
use crate::primitive::Primitive;

/// The folder that criterion writes to.
#[derive(Clone, Debug)]
pub struct Results(pub PathBuf);

/// Microseconds of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// The fastest sample: what the work costs when nothing disturbs it.
    pub min: f64,
    /// The sample in the middle.
    pub median: f64,
}

/// The name under which Kuvert is measured.
pub const OURS: &str = if cfg!(feature = "fast") { FAST } else { DEFAULT };
/// As it is when nothing is chosen.
pub const DEFAULT: &str = "kuvert";
/// With its feature `fast`.
pub const FAST: &str = "kuvert-fast";
/// The name under which the primitives are measured that a floor is made of: dalek's, `RustCrypto`'s, and
/// libcrux's for ML-KEM.
pub const OWN: &str = "primitive";

impl Results {
    /// What was measured under `group` and `name`, if anything.
    #[must_use]
    pub fn time(&self, group: &str, name: &str) -> Option<Time> {
        let path = self.0.join(group).join(name).join("new").join("sample.json");
        read(&path)
    }

    /// Microseconds of a primitive with those.
    #[must_use]
    pub fn own(&self, primitive: Primitive) -> Option<f64> {
        self.time(OWN, &primitive.id()).map(|time| time.min)
    }

    /// Microseconds of a primitive with the library that does it fastest, and which that is.
    #[must_use]
    pub fn best(&self, primitive: Primitive) -> Option<(f64, &'static str)> {
        let others = Maker::ALL.map(Maker::group);
        let all = [OWN].into_iter().chain(others);
        let times = all.filter_map(|group| Some((self.time(group, &primitive.id())?.min, group)));
        times.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Microseconds of a floor by what one of its primitives takes; none if one was not measured.
    pub fn sum(&self, floor: &Floor, one: impl Fn(Primitive) -> Option<f64>) -> Option<f64> {
        floor.0.iter().map(|line| Some(one(line.primitive)? * f64::from(line.count))).sum()
    }
}

impl Time {
    /// Of one when so many were measured together.
    #[must_use]
    pub fn of_one(self, together: u32) -> Self {
        let together = f64::from(together);
        Self { min: self.min / together, median: self.median / together }
    }
}

fn read(path: &Path) -> Option<Time> {
    let sample: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let numbers = |field: &str| -> Option<Vec<f64>> {
        sample[field].as_array()?.iter().map(Value::as_f64).collect()
    };
    let mut times: Vec<f64> =
        numbers("times")?.iter().zip(numbers("iters")?).map(|(t, n)| t / n / 1000.0).collect();
    times.sort_by(f64::total_cmp);
    Some(Time { min: *times.first()?, median: times[times.len() / 2] })
}
