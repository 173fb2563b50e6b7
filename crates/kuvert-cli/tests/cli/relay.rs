//! A relay in a process of its own, which can be killed and looked into.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

/// Tells this test program, started again, that it is to be a relay: folder and port.
const FOLDER: &str = "KUVERT_TEST_RELAY_FOLDER";
const PORT: &str = "KUVERT_TEST_RELAY_PORT";
const LISTENING: &str = "listening on ";

pub(crate) struct Relay {
    folder: TempDir,
    url: String,
    process: Option<Child>,
}

impl Relay {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut relay = Self { folder, url: String::new(), process: None };
        relay.run(0);
        relay
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as a power cut would, as far as a process can tell.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again under its old address.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let port = self.url.rsplit(':').next().unwrap().parse().unwrap();
        self.run(port);
    }

    /// Stops it, changes its database, starts it again: what a hostile operator can do.
    pub(crate) fn tamper(&mut self, change: impl FnOnce(&Connection)) {
        self.kill();
        let database = Connection::open(self.folder().join("relay.sqlite")).unwrap();
        change(&database);
        drop(database);
        self.restart();
    }

    /// Stops it, loses all it had, starts it again.
    pub(crate) fn forget_everything(&mut self) {
        self.kill();
        for entry in std::fs::read_dir(self.folder()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        self.restart();
    }

    /// Stops it and lets something else answer in its place, which speaks no protocol of ours.
    pub(crate) fn impostor(&mut self) {
        self.kill();
        let authority = self.url.strip_prefix("ws://").unwrap();
        answer_garbage(TcpListener::bind(authority).unwrap());
    }

    fn run(&mut self, port: u16) {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["relay::the_relay_process", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, self.folder())
            .env(PORT, port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        self.url = output
            .lines()
            .find_map(|line| line.unwrap().split_once(LISTENING).map(|(_, url)| url.to_owned()))
            .expect("a relay starts");
        self.process = Some(process);
    }
}

/// Answers whoever comes, for as long as the test runs.
pub(crate) fn answer_garbage(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Whether it is read or taken is its reader's affair.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Not a test: what [`Relay::run`] starts.
#[test]
#[ignore = "runs as a process of its own"]
fn the_relay_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = kuvert_relay::RelayOptions::new(listen, folder);
        let relay = kuvert_relay::Relay::start(options).await.unwrap();
        println!("{LISTENING}{}", relay.url());
        std::future::pending::<()>().await;
    });
}
