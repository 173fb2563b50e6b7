//! The commands of a device.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kuvert_core::safety_number::SafetyNumber;
use kuvert_core::{Content, Outgoing, ProtocolError, Reset as How};
use kuvert_wire::{AccountKey, DeviceId, Encode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::args::{Bundle, Directory, Peer, Recv, Reset, Safety, Send, ToPeer, World};
use crate::home::Home;
use crate::outcomes;
use crate::peers::{find, read, unwrapped, verified_bundle};
use crate::report::{self, identity, received, sessions};

type Answered = Result<Answer, ProtocolError>;

pub(crate) fn init(to: &Directory, world: &World) -> Answered {
    let mut home = Home::create(&to.dir, world)?;
    home.save()?;
    Ok(Answer::Object(identity(&home.device)))
}

pub(crate) fn bundle(options: &Bundle, world: &World) -> Answered {
    let mut home = Home::open(&options.device.dir, world)?;
    let with_one_time = !options.no_onetime;
    let bundle = home.take(|device, now, rng| Ok(device.bundle(with_one_time, now, rng)))?;
    home.save()?;
    let mut about = identity(&home.device);
    about["one_time"] = json!(bundle.one_time.is_some());
    hand_out(bundle.encode(), options.output.as_deref(), about)
}

pub(crate) fn peer(options: &Peer, world: &World) -> Answered {
    let mut home = Home::open(&options.device.dir, world)?;
    let bundle = verified_bundle(&options.bundle, None, home.now)?;
    let peer = home.take(|device, now, rng| device.initiate(&bundle, now, rng))?;
    home.save()?;
    Ok(Answer::Object(about_peer(&home, &peer)))
}

pub(crate) fn send(options: &Send, world: &World) -> Answered {
    let mut home = Home::open(&options.to.device.dir, world)?;
    let peer = find(&home, &options.to)?;
    let text = String::from_utf8(read(&mut io::stdin().lock())?);
    let content = Content::text(&text.map_err(|_| ProtocolError::Malformed)?);
    let outgoing = home.take(|device, now, rng| device.encrypt(&peer, &content, now, rng))?;
    home.save()?;
    let about = about_message(&outgoing);
    hand_out(outgoing.envelope, options.output.as_deref(), about)
}

pub(crate) fn recv(options: &Recv, world: &World) -> Answered {
    let mut home = Home::open(&options.device.dir, world)?;
    let envelope = unwrapped(read(&mut io::stdin().lock())?, "envelope");
    if options.outcomes {
        return outcomes::recv(&mut home, &envelope, options.via.as_deref());
    }
    let opened = home.take(|device, now, rng| device.decrypt(&envelope, now, rng));
    let message = match opened {
        Err(error) => {
            outcomes::note_evidence(&options.device.dir, world, &envelope)?;
            return Err(error);
        }
        Ok(message) => message,
    };
    home.save()?;
    received(&message).map(Answer::Object)
}

pub(crate) fn state(of: &Directory, world: &World) -> Answered {
    let home = Home::open(&of.dir, world)?;
    let mut object = identity(&home.device);
    object["sessions"] = sessions(&home.device);
    object["prekeys"] = json!({ "one_time": home.device.one_time_count() });
    object["peers"] = home.device.peers().map(|peer| report::recovery(&peer)).collect();
    object["waiting"] = json!(home.device.waiting_count());
    Ok(Answer::Object(object))
}

pub(crate) fn heal(options: &ToPeer, world: &World) -> Answered {
    let mut home = Home::open(&options.device.dir, world)?;
    let peer = find(&home, options)?;
    let outgoing = home.take(|device, now, rng| device.heal(&peer, now, rng))?;
    home.save()?;
    let mut about = about_message(&outgoing);
    about["envelope"] = json!(hex::encode(&outgoing.envelope));
    Ok(Answer::Object(about))
}

pub(crate) fn reset(options: &Reset, world: &World) -> Answered {
    let mut home = Home::open(&options.to.device.dir, world)?;
    let peer = find(&home, &options.to)?;
    if let Some(bundle) = &options.bundle {
        if options.output.is_some() {
            return reset_with_resend(&mut home, &peer, bundle, options);
        }
        let account = home.device.peer(&peer).map(|peer| peer.account_id());
        let bundle = verified_bundle(bundle, account, home.now)?;
        home.take(|device, now, rng| device.initiate(&bundle, now, rng))?;
    } else {
        home.take(|device, _, _| device.close(&peer))?;
    }
    home.save()?;
    Ok(Answer::Object(about_peer(&home, &peer)))
}

/// A reset as a program makes it: the first envelope comes with it.
fn reset_with_resend(home: &mut Home, peer: &DeviceId, bundle: &str, options: &Reset) -> Answered {
    let account = home.device.peer(peer).map(|peer| peer.account_id());
    let bundle = verified_bundle(bundle, account, home.now)?;
    let outgoing =
        home.take(|device, now, rng| device.reset(&bundle, &[], How::ByHand, now, rng))?;
    home.save()?;
    let about = about_message(&outgoing);
    hand_out(outgoing.envelope, options.output.as_deref(), about)
}

pub(crate) fn safety(options: &Safety, world: &World) -> Answered {
    let (a, b) = (&options.a, options.b.as_deref());
    let (ours, theirs) = if Path::new(a).is_dir() {
        let home = Home::open(Path::new(a), world)?;
        (*home.device.account_key(), key_of_peer(&home, PathBuf::from(a), b, world)?)
    } else {
        (key_of(a, world)?, key_of(b.ok_or(ProtocolError::Malformed)?, world)?)
    };
    let digits = SafetyNumber::between(&ours, &theirs).to_string();
    Ok(Answer::Object(json!({ "digits": digits })))
}

/// The account key of a peer of `home`'s, or of another device or account.
fn key_of_peer(
    home: &Home,
    dir: PathBuf,
    name: Option<&str>,
    world: &World,
) -> Result<AccountKey, ProtocolError> {
    if let Some(key) = name.and_then(|name| key_of(name, world).ok()) {
        return Ok(key);
    }
    let options = ToPeer { device: Directory { dir }, peer: name.map(String::from) };
    let peer = find(home, &options)?;
    let view = home.device.peer(&peer).ok_or(ProtocolError::NoSession)?;
    Ok(*view.account_key())
}

/// An account key in hex, or that of the device in a directory.
fn key_of(name: &str, world: &World) -> Result<AccountKey, ProtocolError> {
    if Path::new(name).is_dir() {
        return Ok(*Home::open(Path::new(name), world)?.device.account_key());
    }
    let bytes = hex::decode(name).map_err(|_| ProtocolError::Malformed)?;
    let bytes = bytes.try_into().map_err(|_| ProtocolError::Malformed)?;
    Ok(AccountKey::from_bytes(bytes))
}

fn about_peer(home: &Home, peer: &DeviceId) -> Value {
    let Some(view) = home.device.peer(peer) else {
        return json!({ "peer": peer.to_string() });
    };
    let mut about = report::peer(&view);
    if let Some(facts) = view.active() {
        about["session_id"] = json!(facts.session.to_string());
        about["weak_start"] = json!(facts.weak_start);
    }
    about
}

fn about_message(outgoing: &Outgoing) -> Value {
    json!({ "peer": outgoing.peer.to_string(), "msg_id": outgoing.message_id.to_string() })
}

/// Bytes go to stdout, or to a file: then `about` says what they are.
fn hand_out(bytes: Vec<u8>, output: Option<&Path>, mut about: Value) -> Answered {
    let Some(path) = output else {
        return Ok(Answer::Raw(bytes));
    };
    let mut file = fs::File::create(path).map_err(|_| ProtocolError::Storage)?;
    file.write_all(&bytes).map_err(|_| ProtocolError::Storage)?;
    about["bytes"] = json!(bytes.len());
    Ok(Answer::Object(about))
}
