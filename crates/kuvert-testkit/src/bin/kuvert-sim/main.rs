//! scratch
use kuvert_testkit::sim::{Memory, Mix, Simulation};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mix = Mix::named(&args[1]).unwrap();
    let from: u64 = args[2].parse().unwrap();
    let to: u64 = args[3].parse().unwrap();
    let steps: usize = args[4].parse().unwrap();
    let t = std::time::Instant::now();
    let mut bad = 0;
    for seed in from..to {
        let mut s = Simulation::new(seed).steps(steps);
        if args.len() > 5 { s = s.traced(); }
        let r = s.run(*mix, Memory::new());
        if !r.is_good() || args.len() > 5 { bad += 1; if bad < 4 { println!("{r}"); } }
    }
    println!("{bad} bad; {:?} per event", t.elapsed() / ((to - from) as u32 * steps as u32));
}
