//! How the demonstration looks: scenes, and who says and reads what.

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
