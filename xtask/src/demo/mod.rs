//! `cargo xtask demo`: the real programs, two people, one of them away part of the time.
//!
//! Nothing here looks inside: the relay and the client are started as anyone would start them, and
//! what is printed is what they printed.

mod base64;
mod person;
mod relay;
mod stage;
mod trace;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use xshell::cmd;

use crate::context::Context;
use person::Person;
use relay::Relay;
use stage::{note, scene};

/// Receipts are at most one each ten seconds, give or take five.
const RECEIPTS: Duration = Duration::from_secs(30);

/// How the demonstration ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Keep the relay running at the end, until Enter, even if no terminal is there to ask
    #[arg(long, conflicts_with = "leave")]
    stay: bool,
    /// End the relay at the end, even in a terminal
    #[arg(long)]
    leave: bool,
}

/// Builds the programs and plays the whole piece; true when all of it went as promised.
///
/// # Errors
///
/// When a program fails or a promise is broken; the error says which.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    build(context)?;
    let folder = tempfile::Builder::new().prefix("kuvert-demo-").tempdir()?;
    let mut play = Play::begin(&Programs::of(context), &folder)?;
    play.talk_while_one_is_away()?;
    play.talk_both_ways()?;
    play.talk_without_a_relay()?;
    play.compare_safety_numbers()?;
    play.search_the_relay()?;
    play.look_back()?;
    let stay = arguments.stay || (io::stdin().is_terminal() && !arguments.leave);
    if stay {
        play.invite()?
    } else {
        play.explain()
    }
    play.relay.stop()?;
    Ok(true)
}

fn build(context: &Context) -> Result<()> {
    println!("Building the relay and the client. The first time takes a few minutes.");
    let shell = &context.shell;
    let packages = ["-p", "kuvert-relay", "-p", "kuvert-cli", "-p", "xtask"];
    let command = cmd!(shell, "cargo build --release --locked --bins {packages...}");
    command
        .args(["--features", "xtask/relay-view"])
        .env_remove("CARGO_TERM_COLOR")
        .quiet()
        .run()?;
    Ok(())
}

/// The programs that were built.
struct Programs {
    client: PathBuf,
    relay: PathBuf,
    view: PathBuf,
}

impl Programs {
    fn of(context: &Context) -> Self {
        let folder = context.target().join("release");
        let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Self {
            client: program("kuvert"),
            relay: program("kuvert-relay"),
            view: program("relay-view"),
        }
    }
}

struct Play {
    relay: Relay,
    alice: Person,
    bob: Person,
    view: PathBuf,
    canary: String,
}

impl Play {
    fn begin(programs: &Programs, folder: &TempDir) -> Result<Self> {
        scene("A relay starts, and two people make accounts");
        let folder = folder.path();
        let relay = Relay::start(&programs.relay, &folder.join("relay"))?;
        note(&format!("relay   {}", relay.url));
        let client = as_typed(&programs.client);
        let person = |name: &str| Person::new(name, folder, &client);
        let (alice, bob) = (person("alice")?, person("bob")?);
        let addresses = [alice.init(&relay.url)?, bob.init(&relay.url)?];
        note(&format!("alice   {}", addresses[0]));
        note(&format!("bob     {}", addresses[1]));
        note("They give each other their addresses. An address certifies the keys behind it.");
        alice.add("bob", &addresses[1])?;
        bob.add("alice", &addresses[0])?;
        let canary = format!("heron-{}", unique()?);
        Ok(Self { relay, alice, bob, view: programs.view.clone(), canary })
    }

    fn talk_while_one_is_away(&self) -> Result<()> {
        scene("Alice writes while Bob is away");
        self.alice.says("bob", "Tea at four?")?;
        self.alice.says("bob", &format!("The good cups are behind the {}.", self.canary))?;
        scene("What the relay holds for Bob meanwhile");
        for line in view(&self.view, &self.relay.data)?.lines() {
            note(line);
        }
        scene("Bob comes back");
        self.bob.reads("alice", 2)?;
        self.bob.says("alice", "Four is perfect.")?;
        self.bob.says("alice", "שלום to the cups, and I bring the scones 🫖")?;
        self.alice.reads("bob", 2)
    }

    fn talk_both_ways(&self) -> Result<()> {
        scene("Both are there");
        for (from, to, text) in [
            (&self.alice, &self.bob, "Jam or marmalade?"),
            (&self.bob, &self.alice, "Both, if it is no trouble."),
            (&self.alice, &self.bob, "None at all."),
        ] {
            let waiting = to.starts_reading(1)?;
            from.says(&to.name, text)?;
            to.ends_reading(waiting, &from.name, 1)?;
        }
        Ok(())
    }

    fn talk_without_a_relay(&mut self) -> Result<()> {
        scene("The relay is stopped; Alice writes all the same");
        self.relay.stop()?;
        self.alice.says("bob", "The kettle is on.")?;
        scene("The relay is back; any next command of Alice's sends what is queued");
        self.relay.restart()?;
        self.alice.status()?;
        self.bob.reads("alice", 1)
    }

    fn look_back(&self) -> Result<()> {
        scene("What Alice's machine remembers, once receipts have come");
        note("They leave in batches, some ten seconds apart.");
        println!();
        let deadline = Instant::now() + RECEIPTS;
        while !self.alice.knows_all_delivered("bob")? && Instant::now() < deadline {
            thread::sleep(Duration::from_secs(1));
            self.bob.looks()?;
            self.alice.looks()?;
        }
        self.alice.remembers("bob")
    }

    fn compare_safety_numbers(&self) -> Result<()> {
        scene("They compare safety numbers, by telephone say");
        let numbers = [self.alice.safety_number("bob")?, self.bob.safety_number("alice")?];
        stage::digits("alice", &numbers[0]);
        stage::digits("bob", &numbers[1]);
        ensure!(numbers[0] == numbers[1], "the safety numbers differ");
        self.alice.verify("bob", &numbers[1])?;
        self.bob.verify("alice", &numbers[0])?;
        note("Equal, and recorded: each is verified to the other.");
        Ok(())
    }

    fn search_the_relay(&self) -> Result<()> {
        scene("What the relay saw");
        let found = trace::search(&self.canary, &[&self.relay.data, &self.relay.log])?;
        note(&format!("{} of its files were searched for \"{}\",", found.files, self.canary));
        note("as UTF-8, UTF-16, hex and base64, file names and log included.");
        note(&format!("Found {} times.", found.hits));
        ensure!(found.hits == 0, "the relay has seen what was said");
        Ok(())
    }

    /// The relay goes on, and someone may join in two other terminals.
    fn invite(&self) -> Result<()> {
        scene("Join them: in two other terminals");
        note(&self.alice.chat_command("bob"));
        note(&self.bob.chat_command("alice"));
        println!("\nThe relay runs until you press Enter here; then all of this is deleted.");
        io::stdin().read_line(&mut String::new())?;
        Ok(())
    }

    /// Everything is deleted; this is how to begin again by hand.
    fn explain(&self) {
        scene("To talk by hand");
        let programs = self.alice.program.parent().unwrap_or(Path::new(""));
        let relay = programs.join("kuvert-relay");
        note(&format!("{} --listen 127.0.0.1:7443 --data relay-data", relay.display()));
        let kuvert = self.alice.program.display();
        for (name, other) in [("alice", "bob"), ("bob", "alice")] {
            println!();
            note(&format!("{kuvert} --home {name} init --relay ws://127.0.0.1:7443 --name {name}"));
            note(&format!(
                "{kuvert} --home {name} contact add {other} ADDRESS-OF-{}",
                other.to_uppercase()
            ));
            note(&format!("{kuvert} --home {name} chat {other}"));
        }
        println!(
            "\nOr run `cargo xtask demo --stay`: the relay keeps running, and you join the two above."
        );
    }
}

/// What `relay-view` prints of the relay's database.
fn view(program: &Path, data: &Path) -> Result<String> {
    let shell = xshell::Shell::new()?;
    Ok(cmd!(shell, "{program} {data}").quiet().read()?)
}

/// The shortest way to type a path here.
fn as_typed(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).into()
}

/// A word that was never written before on this machine.
fn unique() -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(format!("{:x}", now.as_nanos() % (1 << 52)))
}

/// Makes `path` with `text` in it.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
