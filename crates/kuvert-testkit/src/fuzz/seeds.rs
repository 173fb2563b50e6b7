//! What fuzzing begins with: the specification's vectors, good and bad, and bytes of real runs.
//!
//! Those of the targets that begin with `null_` are of use only if they were made without
//! cryptography, as the programs that read them are.

use std::fs;
use std::path::PathBuf;

use kuvert_core::Device;
use kuvert_wire::relay::{ClientMessage, RelayRequest, RequestId};
use kuvert_wire::{AccountId, Encode, MailboxId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;

use super::rows;
use super::scene::Scene;
use crate::Side;
use crate::sim::{Event, Mix, Simulation};

/// A first input of a target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The input.
    pub input: Vec<u8>,
}

/// All first inputs.
///
/// # Panics
///
/// If the vectors are not in the tree, or are none.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Seeds(Vec::new());
    seeds.of_vectors();
    seeds.of_lines();
    seeds.of_stories();
    seeds.of_scenes();
    seeds.of_chance();
    seeds.0
}

struct Seeds(Vec<Seed>);

impl Seeds {
    fn put(&mut self, target: &'static str, parts: &[&[u8]]) {
        self.0.push(Seed { target, input: parts.concat() });
    }

    fn of_vectors(&mut self) {
        for path in files("spec/vectors") {
            let text = fs::read_to_string(&path).expect("a file of vectors");
            let file: Value = serde_json::from_str(&text).expect("a file of vectors");
            let cases = file["cases"].as_array().cloned().unwrap_or_default();
            cases.iter().for_each(|case| self.of_case(case, &cases));
        }
        for path in files("spec/vectors/transcripts") {
            self.put("null_transcript", &[&fs::read(path).expect("a transcript")]);
        }
    }

    fn of_case(&mut self, case: &Value, cases: &[Value]) {
        let bytes = |field| bytes(case, field, cases);
        let made = |field: &str| hexed(&case["expect"][field]).unwrap_or_default();
        let text = |field: &str| case[field].as_str().unwrap_or_default().as_bytes().to_vec();
        match case["op"].as_str().unwrap_or_default() {
            "envelope" => self.put("message_bytes", &[&[0], &bytes("envelope")]),
            "prefix" => self.put("message_bytes", &[&[1], &bytes("prefix")]),
            "header" => self.put("message_bytes", &[&[2], &bytes("header")]),
            "frame" => self.put("message_bytes", &[&[3], &bytes("frame")]),
            "body" => self.put("message_bytes", &[&[kind_of_body(case)], &bytes("body")]),
            "bundle_verify" => {
                let now = case["now"].as_u64().unwrap_or_default().to_be_bytes();
                let bundle = bytes("bundle");
                self.put("bundle_bytes", &[&[0], &now, &bundle]);
            }
            "cert" => self.put("bundle_bytes", &[&[1], &bytes("cert")]),
            "tr_body" => self.put("transcript_bytes", &[&[0], &bytes("body")]),
            "tr_block" => self.put("transcript_bytes", &[&[1], &bytes("block")]),
            "tr_leaf" => self.put("transcript_bytes", &[&[3], &made("leaf")]),
            "tr_head" => self.put("transcript_bytes", &[&[6], &made("head")]),
            "frank_report" => {
                let report = bytes("report");
                self.put("transcript_bytes", &[&[14], &report]);
                self.put("null_transcript", &[&report]);
            }
            "tr_verify" | "tr_fork" => self.put("null_transcript", &[&file(case, cases)]),
            "address" => self.put("texts", &[&text("text")]),
            "safety_compare" => self.put("texts", &[&text("digits")]),
            "record_name" => self.put("texts", &[&text("segment")]),
            _ => {}
        }
    }

    /// The questions of the known answers, and some that have none.
    fn of_lines(&mut self) {
        let lines = include_str!("../../vectors/kuvert-kat.jsonl").lines();
        for line in lines.chain(["tea", "{}", "{\"op\":\"brew\"}"]) {
            let mut line: Value = serde_json::from_str(line).unwrap_or(Value::Null);
            line.as_object_mut().map(|fields| fields.remove("expect"));
            self.put("kat_lines", &[line.to_string().as_bytes()]);
        }
    }

    /// The beginnings of simulated runs, of each mix of faults.
    fn of_stories(&mut self) {
        for (seed, mix) in (0..).zip(Mix::ALL) {
            let events = Simulation::new(seed).steps(60).events(mix);
            let bytes: Vec<u8> = events.into_iter().filter_map(bytes_of).flatten().collect();
            let [.., seed] = seed.to_be_bytes();
            self.put("null_clients", &[&[seed], &bytes]);
            self.put("null_talk", &[&bytes]);
        }
    }

    /// What two devices have under way, and what they keep of it.
    fn of_scenes(&mut self) {
        for scene in [Scene::middle(), Scene::beginning()] {
            let is_first = scene.under_way.len() == 1;
            for (to, envelope) in &scene.under_way {
                let which = if is_first { 2 } else { u8::from(*to == Side::Bob) };
                self.put("null_envelope", &[&[which, 0], envelope]);
                self.put("message_bytes", &[&[0], envelope]);
                self.put("relay_bytes", &[&[0, 0, 0, 0, 1, 1], &[0; 32], envelope]);
            }
            self.of_outputs(scene);
        }
        let requests = [
            RelayRequest::Ping,
            RelayRequest::FetchBundle(AccountId::from_bytes([1; 32])),
            RelayRequest::CloseMailbox(MailboxId::from_bytes([2; 32])),
        ];
        for request in requests {
            let message = ClientMessage { id: RequestId::FIRST, request };
            self.put("relay_bytes", &[&[0], &message.encode()]);
        }
        let records: [(&str, &[u8]); 3] =
            [("device/identity", &[1; 200]), ("session/a/b", b"tea"), ("app/counter", &[0; 9])];
        (0..=3).for_each(|count| self.put("null_rows", &[&rows::seed(&records[..count])]));
    }

    fn of_outputs(&mut self, scene: Scene) {
        let (now, under_way) = (scene.pair.now, scene.under_way.clone());
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        for side in Side::BOTH {
            let party = if side == Side::Bob { &scene.pair.bob } else { &scene.pair.alice };
            let mut device = Device::load(party.stored()).expect("its own records");
            let kept = |_: &kuvert_core::Changes| Ok::<_, core::convert::Infallible>(());
            for (_, envelope) in under_way.iter().filter(|(to, _)| *to == side) {
                let Ok(outcomes) = device.receive(envelope, None, now, &mut rng).commit(kept);
                self.put("kept_bytes", &[&[2], &outcomes.encode()]);
                let message = outcomes.message().map(Encode::encode);
                message.into_iter().for_each(|bytes| self.put("kept_bytes", &[&[0], &bytes]));
            }
            let Ok(bundle) = device.bundle(true, now, &mut rng).commit(kept);
            self.put("bundle_bytes", &[&[0], &now.as_millis().to_be_bytes(), &bundle.encode()]);
            self.put("bundle_bytes", &[&[2], &bundle.medium.encode()]);
            let one_time = bundle.one_time.map(|prekey| prekey.encode()).unwrap_or_default();
            self.put("bundle_bytes", &[&[3], &one_time]);
        }
    }

    /// Where an input is a list of choices, any bytes are a beginning.
    fn of_chance(&mut self) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let targets =
            ["references", "transcript_edits", "null_script", "null_records", "null_client"];
        for target in targets {
            for len in [8, 16, 32, 64, 128, 256, 400, 512] {
                let mut input = vec![0; len];
                rng.fill_bytes(&mut input);
                self.put(target, &[&input]);
            }
        }
    }
}

/// JSON files of a folder of the tree, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let entries = fs::read_dir(root.join(folder)).expect("the vectors are in the tree");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a name").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths
}

/// Which format of `message_bytes` the body of a frame has: a receipt, or a control.
fn kind_of_body(case: &Value) -> u8 {
    if case["type"] == 2 { 4 } else { 5 }
}

fn hexed(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
}

/// A field of a case, which may be told as a difference to that of an earlier one.
fn bytes(case: &Value, field: &str, cases: &[Value]) -> Vec<u8> {
    patched(&case[field], field, cases, hexed).unwrap_or_default()
}

/// A file is text.
fn file(case: &Value, cases: &[Value]) -> Vec<u8> {
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    let whole = |value: &Value| hexed(value).or_else(|| text(value));
    patched(&case["file"], "file", cases, whole).unwrap_or_default()
}

/// `{"of": NAME, "set": [[OFFSET, HEX], …], "cut": LENGTH, "append": HEX, "zeros": COUNT}`
fn patched(
    value: &Value,
    field: &str,
    cases: &[Value],
    whole: impl Fn(&Value) -> Option<Vec<u8>> + Copy,
) -> Option<Vec<u8>> {
    let Some(name) = value.get("of") else { return whole(value) };
    let original = cases.iter().find(|case| case["name"] == *name)?;
    let mut bytes = patched(&original[field], field, cases, whole)?;
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    for set in value["set"].as_array().into_iter().flatten() {
        let (at, new) = (number(&set[0])?, whole(&set[1])?);
        bytes.get_mut(at..at + new.len())?.copy_from_slice(&new);
    }
    bytes.truncate(number(&value["cut"]).unwrap_or(usize::MAX));
    bytes.extend(whole(&value["append"]).unwrap_or_default());
    bytes.resize(bytes.len() + number(&value["zeros"]).unwrap_or_default(), 0);
    Some(bytes)
}

/// Bytes that stand for this event, found by trying.
fn bytes_of(event: Event) -> Option<[u8; Event::LEN]> {
    let all = (0..64).flat_map(|kind| (0..4).map(move |seat| [kind, seat]));
    all.flat_map(|[kind, seat]| (0..=u8::MAX).map(move |amount| [kind, seat, amount]))
        .find(|bytes| Event::from_bytes(*bytes) == event)
}
