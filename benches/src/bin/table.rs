//! Prints one table of what `benches/speed.rs` has measured: `table FOLDER-OF-CRITERION`.

use std::env;

use kuvert_benches::floor::Floor;
use kuvert_benches::results::{Results, Time};
use kuvert_benches::scenario::{BODY_LENS, Row, rows};
use kuvert_benches::sizes;

fn main() {
    let folder = env::args_os().nth(1).expect("usage: table FOLDER-OF-CRITERION");
    let results = Results(folder.into());
    println!("Microseconds; the fastest of 100 samples, and the one in the middle.\n");
    head();
    rows().iter().for_each(|row| line(&results, row));
    println!();
    notes();
    overhead();
    println!("\nThe floors, line by line (fastest sample)");
    rows().iter().for_each(|row| floor_lines(&results, row));
}

fn head() {
    println!(
        "{:<22}{:>17}{:>19}{:>10}{:>10}{:>12}",
        "", "Kuvert", "vodozemac", "floor", "Kuvert", "vodozemac"
    );
    println!(
        "{:<22}{:>9}{:>8}{:>11}{:>8}{:>10}{:>10}{:>12}",
        "", "min", "median", "min", "median", "min", "/ floor", "/ Kuvert"
    );
}

fn line(results: &Results, row: &Row) {
    let ours = time(results, row, "kuvert");
    let theirs = time(results, row, "vodozemac");
    let floor = sum(results, &row.floor);
    let mins = |time: Option<Time>| time.map(|time| time.min);
    println!(
        "{:<22}{}{}   {}{}{}{}{}",
        row.title,
        micros(mins(ours), 9),
        micros(ours.map(|time| time.median), 8),
        micros(mins(theirs), 8),
        micros(theirs.map(|time| time.median), 8),
        micros(floor, 10),
        ratio(mins(ours), floor, 10),
        ratio(mins(theirs), mins(ours), 12),
    );
}

/// Time of one message or handshake.
fn time(results: &Results, row: &Row, name: &str) -> Option<Time> {
    let time = results.time(&row.group, name)?;
    // One iteration of ping-pong is a message each way.
    let messages = if row.group == "ping-pong" { 2.0 } else { 1.0 };
    Some(Time { min: time.min / messages, median: time.median / messages })
}

fn notes() {
    println!(
        "vodozemac is Olm: no post-quantum part, no header encryption, no padding, no commitment; its state"
    );
    println!(
        "is not encoded for storage. Kuvert's times contain the encoding of what is to be saved."
    );
    println!(
        "ping-pong is one message, sealed and opened, that turns the ratchet; its floor leaves the KEM out."
    );
}

fn overhead() {
    println!("\nBytes on the wire beyond the text\n");
    println!("{:<22}{:>24}{:>27}", "", "Kuvert", "vodozemac");
    println!(
        "{:<22}{:>8}{:>8}{:>8}{:>11}{:>8}{:>8}",
        "text", "first", "chain", "turn", "first", "chain", "turn"
    );
    for len in BODY_LENS {
        let (ours, theirs) = (sizes::kuvert(len), sizes::vodozemac(len));
        println!(
            "{:<22}{:>8}{:>8}{:>8}{:>11}{:>8}{:>8}",
            format!("{len} B"),
            ours.first,
            ours.same_chain,
            ours.turn,
            theirs.first,
            theirs.same_chain,
            theirs.turn
        );
    }
    println!(
        "\nKuvert's contain the head of the frame (34 bytes), padding to a class (at most 12 %, frames to 256"
    );
    println!("bytes in one class), and 129 bytes of the post-quantum ratchet.");
}

fn floor_lines(results: &Results, row: &Row) {
    println!("\n{}", row.title);
    for line in &row.floor.0 {
        let one = results.time("primitive", &line.primitive.id()).map(|time| time.min);
        let all = one.map(|one| one * f64::from(line.count));
        println!(
            "  {:<34}{:>2} x {:<26}{}{}",
            line.what,
            line.count,
            line.primitive.id(),
            micros(one, 8),
            micros(all, 9)
        );
    }
    println!("  {:<65}{}", "sum", micros(sum(results, &row.floor), 16));
}

fn sum(results: &Results, floor: &Floor) -> Option<f64> {
    let costs = floor.0.iter().map(|line| {
        let time = results.time("primitive", &line.primitive.id())?;
        Some(time.min * f64::from(line.count))
    });
    costs.sum()
}

/// Nanoseconds as microseconds, or a dash.
fn micros(nanos: Option<f64>, width: usize) -> String {
    match nanos {
        Some(nanos) if nanos < 99_950.0 => format!("{:>width$.2}", nanos / 1000.0),
        Some(nanos) => format!("{:>width$.1}", nanos / 1000.0),
        None => format!("{:>width$}", "-"),
    }
}

fn ratio(numerator: Option<f64>, denominator: Option<f64>, width: usize) -> String {
    match (numerator, denominator) {
        (Some(numerator), Some(denominator)) => format!("{:>width$.2}", numerator / denominator),
        _ => format!("{:>width$}", "-"),
    }
}
