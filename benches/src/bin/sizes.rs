//! Prints bytes on the wire and bytes kept, which are the same in each run.

use kuvert_benches::conversation::{self, Length, MESSAGES};
use kuvert_benches::states;

fn main() {
    println!("Bytes on the wire, over {MESSAGES} messages of one conversation\n");
    println!(
        "{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "text", "mean text", "median", "mean", "p99", "worst", "beyond"
    );
    for (name, length) in [
        ("chat", Length::Chat),
        ("16 B", Length::Fixed(16)),
        ("64 B", Length::Fixed(64)),
        ("221 B", Length::Fixed(221)),
        ("256 B", Length::Fixed(256)),
        ("1024 B", Length::Fixed(1024)),
        ("4096 B", Length::Fixed(4096)),
        ("65501 B", Length::Fixed(65_501)),
    ] {
        let wire = conversation::measure(length);
        println!(
            "{name:<22}{:>10.1}{:>10}{:>10.1}{:>10}{:>10}{:>10.1}",
            wire.mean_text(),
            wire.median,
            wire.mean(),
            wire.p99,
            wire.worst,
            wire.mean() - wire.mean_text(),
        );
    }
    println!("\nBytes kept for one session\n");
    println!("{:<50}{:>10}{:>14}{:>10}", "", "session", "skipped keys", "together");
    for (name, state) in states::measure() {
        let together = state.session + state.pages;
        println!("{name:<50}{:>10}{:>14}{together:>10}", state.session, state.pages);
    }
}
