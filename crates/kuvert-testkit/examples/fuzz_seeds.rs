//! Writes the first inputs of the fuzz targets: `fuzz_seeds DIR [TARGET…]` fills `DIR/TARGET/`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "corpus".into()));
    let wanted: Vec<String> = arguments.collect();
    let mut counts = BTreeMap::<_, usize>::new();
    for seed in kuvert_testkit::fuzz::seeds() {
        if wanted.is_empty() || wanted.iter().any(|name| name == seed.target) {
            let count = counts.entry(seed.target).or_default();
            let folder = folder.join(seed.target);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("seed-{count:03}")), &seed.input)?;
            *count += 1;
        }
    }
    counts.iter().for_each(|(target, count)| println!("{count:>5} {target}"));
    Ok(())
}
