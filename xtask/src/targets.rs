//! Targets of the compiler besides this machine's own.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;

/// For browsers; without an operating system.
pub(crate) const WEB: &str = "wasm32-unknown-unknown";
/// WebAssembly with files and a clock, in which tests can run.
pub(crate) const WASI: &str = "wasm32-wasip1";
/// Bare metal: there is no `std` to fall back to. It has 64-bit atomics, which the core asks for and
/// small microcontrollers lack.
pub(crate) const BARE: &str = "aarch64-unknown-none";

/// Adds `target` to the toolchain, unless it is there.
///
/// # Errors
///
/// When it is not there and cannot be had.
pub(crate) fn have(context: &Context, target: &str) -> Result<()> {
    let shell = &context.shell;
    let libdir = cmd!(shell, "rustc --print target-libdir --target {target}").quiet().read()?;
    if std::fs::read_dir(libdir).is_ok() {
        return Ok(());
    }
    cmd!(shell, "rustup target add {target}").quiet().ignore_stdout().ignore_stderr().run()?;
    Ok(())
}
