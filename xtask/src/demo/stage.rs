//! How the demonstration looks: scenes, and who says and reads what.

/// Digits that are read out in one breath.
const GROUP: usize = 5;

/// Begins a scene.
pub(super) fn scene(title: &str) {
    println!("\n{title}\n");
}

/// A line that nobody says.
pub(super) fn note(text: &str) {
    println!("  {text}");
}

/// Someone writes.
pub(super) fn says(name: &str, text: &str, state: &str) {
    println!("  {name:<6} says   {text}   ({state})");
}

/// Someone reads what arrived.
pub(super) fn reads(name: &str, text: &str) {
    println!("  {name:<6} reads  {text}");
}

/// Someone's line in a history; `state` is empty for what others wrote.
pub(super) fn remembers(name: &str, text: &str, state: &str) {
    println!("  {state:<10} {name:<6} {text}");
}

/// A safety number, in two lines of six groups of five digits.
pub(super) fn digits(name: &str, number: &str) {
    let groups: Vec<&str> = (0..number.len())
        .step_by(GROUP)
        .map(|at| number.get(at..at + GROUP).unwrap_or_default())
        .collect();
    for (line, head) in groups.chunks(6).zip([format!("{name:<6} has"), String::new()]) {
        println!("  {head:<14}{}", line.join(" "));
    }
}
