//! The program: what it prints, how it ends, and what survives when it is killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kuvert_wire::PostId;
use kuvert_wire::relay::{RelayReply, RelayRequest, ServerMessage};
use support::keys::{Owner, Person, post};
use support::{Client, DEADLINE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// A running program, killed when the test is done with it.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    fn start_with(data: &Path, more: &[&str]) -> Self {
        let mut child =
            command(data).args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first_line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first_line).unwrap();
        let url = first_line.trim_end().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("{first_line:?}")).to_owned();
        Self { child, url }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.url).await
    }

    /// SIGKILL: the program has no say in it.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; gives the exit code and what was logged.
    fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kuvert-relay"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kuvert-relay")).args(args).output().unwrap()
}

#[tokio::test]
async fn it_says_where_it_listens_and_that_it_is_well() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(&dir.path().join("made/for/it"));
    let address = program.url.strip_prefix("ws://").unwrap();
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
}

/// Whatever a client has been told is stored is there after the program was killed in the middle of its work.
#[tokio::test]
async fn kill_9_between_post_and_fetch_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Owner::new(1);
    let mut acknowledged = HashSet::new();
    for round in 0..4_u8 {
        let program = Program::start(dir.path());
        program.client().await.open(&owner).await;
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..4_u8 {
            let (url, mailbox) = (program.url.clone(), owner.mailbox());
            senders.spawn(async move { post_until_cut_off(&url, mailbox, [round, sender]).await });
        }
        // One sender stops after 150 posts; the others are cut off in the middle of theirs.
        acknowledged.extend(senders.join_next().await.unwrap().unwrap());
        program.kill();
        for posted in senders.join_all().await {
            acknowledged.extend(posted);
        }
    }
    let program = Program::start(dir.path());
    let mut bob = program.client().await;
    bob.attach(&owner, 0).await;
    let items = bob.fetch_all().await;
    let found: Vec<Vec<u8>> = items.into_iter().map(|item| item.envelope.into_bytes()).collect();
    let unique: HashSet<_> = found.iter().cloned().collect();
    assert_eq!(unique.len(), found.len(), "nothing is there twice");
    assert!(acknowledged.is_subset(&unique), "acknowledged, and lost");
    assert!(acknowledged.len() >= 600, "{}", acknowledged.len());
}

/// Posts without waiting for each reply, so that the kill comes between some of them; gives what was acknowledged.
async fn post_until_cut_off(
    url: &str,
    mailbox: kuvert_wire::MailboxId,
    name: [u8; 2],
) -> HashSet<Vec<u8>> {
    let mut client = Client::connect(url).await;
    let enough = if name[1] == 0 { 150 } else { u16::MAX };
    let envelope = |number: u16| [&name[..], &number.to_be_bytes(), &[7; 500]].concat();
    let mut acknowledged = HashSet::new();
    let mut sent = 0;
    loop {
        while u32::from(sent) < u32::try_from(acknowledged.len()).unwrap() + 20 {
            let mut message = post(mailbox, 0, &envelope(sent));
            let id: [u8; 16] = std::array::from_fn(|at| envelope(sent)[at % 4]);
            message.post_id = PostId::from_bytes(id);
            client.send(RelayRequest::Post(message)).await;
            sent += 1;
        }
        match client.receive().await {
            Ok(ServerMessage::Reply { id, reply: RelayReply::Done }) => {
                let number = u16::try_from(id.number() - 1).unwrap();
                acknowledged.insert(envelope(number));
            }
            Ok(ServerMessage::Reply { reply: RelayReply::Refused(_), .. }) | Err(_) => break,
            Ok(other) => panic!("unexpected: {other:?}"),
        }
        if acknowledged.len() >= usize::from(enough) {
            break;
        }
    }
    acknowledged
}

/// REL-21
#[tokio::test]
async fn kill_9_while_prekeys_are_handed_out_never_hands_one_out_twice() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("relay.conf");
    std::fs::write(&config, "hand_outs_per_requester = 1000\nhand_outs_per_target = 1000").unwrap();
    let config = ["--config", config.to_str().unwrap()];
    let alice = Person::new(1);
    let mut handed_out: Vec<u32> = Vec::new();
    for round in 0..4 {
        let program = Program::start_with(dir.path(), &config);
        if round == 0 {
            let mut client = program.client().await;
            let publish = alice.publish(&client.nonce, 1..=100);
            let reply = client.request(RelayRequest::Publish(Box::new(publish))).await;
            assert_eq!(reply, RelayReply::Done);
        }
        let is_warm = Arc::new(AtomicBool::new(false));
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (url, account) = (program.url.clone(), alice.account_id());
            racers.spawn(fetch_until_cut_off(url, account, Arc::clone(&is_warm)));
        }
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !is_warm.load(Ordering::Relaxed) {
            assert!(tokio::time::Instant::now() < deadline, "nobody got anywhere");
            tokio::task::yield_now().await;
        }
        program.kill();
        racers.join_all().await.into_iter().for_each(|ids| handed_out.extend(ids));
    }
    let unique: HashSet<u32> = handed_out.iter().copied().collect();
    assert_eq!(unique.len(), handed_out.len(), "one was handed out twice");
    assert!(handed_out.len() >= 16, "{}", handed_out.len());
}

async fn fetch_until_cut_off(
    url: String,
    account: kuvert_wire::AccountId,
    is_warm: Arc<AtomicBool>,
) -> Vec<u32> {
    let mut client = Client::connect(&url).await;
    let mut ids = Vec::new();
    loop {
        client.send(RelayRequest::FetchBundle(account)).await;
        match client.receive().await {
            Ok(ServerMessage::Reply { reply: RelayReply::Bundle(bundle), .. }) => {
                ids.extend(bundle.one_time.map(|prekey| prekey.id.number()));
            }
            Ok(other) => panic!("unexpected: {other:?}"),
            Err(_) => return ids,
        }
        if ids.len() >= 4 {
            is_warm.store(true, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn sigterm_and_sigint_say_goodbye_and_end_with_0() {
    for signal in ["-TERM", "-INT"] {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner::new(1);
        let program = Program::start(dir.path());
        let mut client = program.client().await;
        client.open(&owner).await;
        assert_eq!(client.post(post(owner.mailbox(), 1, b"sealed")).await, RelayReply::Done);
        program.signal(signal);
        assert_eq!(client.closed().await, Some(CloseCode::Away));
        let (code, log) = program.end();
        assert_eq!(code, Some(0), "{log}");

        let program = Program::start(dir.path());
        let mut client = program.client().await;
        client.attach(&owner, 0).await;
        assert_eq!(client.fetch().await.len(), 1);
    }
}

#[tokio::test]
async fn what_has_been_begun_is_answered_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Owner::new(1);
    let program = Program::start(dir.path());
    let mut client = program.client().await;
    client.open(&owner).await;
    for number in 1..=50 {
        client.send(RelayRequest::Post(post(owner.mailbox(), number, &[number]))).await;
    }
    let (_, first) = client.reply().await;
    assert_eq!(first, RelayReply::Done);
    program.signal("-TERM");
    let mut answered = 1_usize;
    while let Ok(ServerMessage::Reply { reply, .. }) = client.receive().await {
        assert_eq!(reply, RelayReply::Done);
        answered += 1;
    }
    assert_eq!(program.end().0, Some(0));

    let program = Program::start(dir.path());
    let mut client = program.client().await;
    client.attach(&owner, 0).await;
    assert_eq!(client.fetch_all().await.len(), answered, "stored if and only if answered");
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    for (args, says) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--listen", "nowhere", "--data", data], "nowhere"),
        (&["--listen", "127.0.0.1:0"], "--data"),
        (&["--data", data], "--listen"),
        (&["--listen", "127.0.0.1:0", "--data", data, "--engine", "nats"], "NATS"),
        (&["--listen", "127.0.0.1:0", "--data", data, "--metrics", "127.0.0.1:0"], "--metrics"),
        (&["--config", "no/such/file"], "no/such/file"),
    ] {
        let output = run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
    assert!(!dir.path().join("relay.sqlite").exists(), "nothing was made");
}

#[tokio::test]
async fn what_cannot_start_ends_with_1_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let program = Program::start(dir.path());
    let address = program.url.strip_prefix("ws://").unwrap();
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (listen, data, says) in [
        ("127.0.0.1:0", data, "another process is using it"),
        (address, other.path().to_str().unwrap(), "cannot listen on"),
        ("127.0.0.1:0", file.to_str().unwrap(), "cannot make the data folder"),
    ] {
        let output = run(&["--listen", listen, "--data", data]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(says) && stderr.contains("error: "), "{stderr}");
    }
}

#[test]
fn help_and_version_are_there() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("--listen <ADDR:PORT>"), "{help}");
    assert!(!help.contains("--nats"));
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    assert!(version.starts_with("kuvert-relay "));
}

/// What the log says is compared with the published list in another test; this one looks for what must never be there.
#[tokio::test]
async fn the_log_holds_no_names_contents_or_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_with(dir.path(), &["--log", "debug"]);
    let (owner, alice) = (Owner::new(1), Person::new(2));
    let mut client = program.client().await;
    client.open(&owner).await;
    client.post(post(owner.mailbox(), 1, b"CANARY-IN-AN-ENVELOPE")).await;
    client.post(post(Owner::new(9).mailbox(), 1, b"CANARY-IN-AN-ENVELOPE")).await;
    let publish = alice.publish(&client.nonce, 1..=2);
    client.request(RelayRequest::Publish(Box::new(publish))).await;
    client.bundle(alice.account_id()).await;
    client.attach(&owner, 0).await;
    client.fetch().await;
    client.send_bytes(b"CANARY-IN-GARBAGE".to_vec()).await;
    client.closed().await;
    program.signal("-TERM");
    let address = program.url.strip_prefix("ws://").unwrap().to_owned();
    let (_, log) = program.end();

    assert!(log.contains("a request was refused") && log.contains("a connection has ended"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in [
        "CANARY".to_owned(),
        hex(b"CANARY"),
        hex(owner.mailbox().as_bytes()),
        hex(&owner.mailbox().as_bytes()[..4]),
        hex(&owner.key().as_bytes()[..4]),
        hex(&alice.account_id().as_bytes()[..4]),
        "127.0.0.1".to_owned(),
        address,
    ] {
        assert!(!log.contains(&secret), "{secret} in:\n{log}");
    }
}
