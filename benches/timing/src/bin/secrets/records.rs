//! A device whose secrets are marked: it is loaded from records in which they are.

#[path = "../../../../../crates/kuvert-testkit/tests/memory/session.rs"]
mod session;

use kuvert_core::Device;
use kuvert_timing::scene::Scene;

use crate::mark::secret;

/// Which of its secrets.
#[derive(Clone, Copy)]
pub(crate) enum Marked {
    /// Private keys, seeds, and all keys of its sessions.
    All,
    /// Not the keys of headers: what a header says is no secret to the two, and decides what is done.
    AllButHeaderKeys,
}

/// The same device, loaded from its own records with its secrets marked.
pub(crate) fn marked(scene: &Scene, marked: Marked) -> Device {
    let mut records = scene.device.records();
    let mut places = 0;
    for record in &mut records {
        let mut secrets: Vec<Vec<u8>> = Vec::new();
        if record.key.as_str().starts_with("session/") {
            let keys = session::session_secrets(&record.value).keys.into_iter();
            let is_marked = |name: &str| matches!(marked, Marked::All) || name != "a header key";
            secrets.extend(keys.filter(|(name, _)| is_marked(name)).map(|(_, key)| key));
        }
        let drawn = scene.keys.iter().filter(|key| contains(&record.value, key));
        secrets.extend(drawn.cloned());
        // All places are looked up before the first is marked.
        let found: Vec<_> = secrets.iter().flat_map(|key| find(&record.value, key)).collect();
        places += found.len();
        found.into_iter().for_each(|(from, to)| secret(&mut record.value[from..to]));
    }
    // Three in the identity, two in the medium-term prekey, and seven or more in each of eight sessions.
    assert!(places > 5 + 8 * 6, "{places} secrets in the records");
    Device::load(records).expect("its own records")
}

fn contains(record: &[u8], key: &[u8]) -> bool {
    record.windows(key.len()).any(|window| window == key)
}

fn find(record: &[u8], key: &[u8]) -> Vec<(usize, usize)> {
    let windows = record.windows(key.len()).enumerate();
    windows.filter(|(_, window)| *window == key).map(|(at, _)| (at, at + key.len())).collect()
}
