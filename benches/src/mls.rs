//! openmls: a group of two (RFC 9420) with the RustCrypto provider and its storage in memory. Each message
//! is signed; there is no ratchet of Diffie–Hellman but by a commit, which is not measured.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::RwLock;

use openmls::prelude::tls_codec::{Deserialize, Serialize};
use openmls::prelude::*;
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::{MemoryStorage, RustCrypto};

use crate::cases::{AHEAD, Case, Receiver};
use crate::scenario::{Pair, Side};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// Someone, and what is stored about it.
pub struct Member {
    provider: Provider,
    signer: Rc<SignatureKeyPair>,
    credential: CredentialWithKey,
}

/// The provider of RustCrypto, with a storage that can be put back.
#[derive(Default)]
pub struct Provider {
    crypto: RustCrypto,
    storage: MemoryStorage,
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto
    }
}

/// What is stored, to begin from again.
type Rows = HashMap<Vec<u8>, Vec<u8>>;

impl Provider {
    fn rows(&self) -> Rows {
        self.storage.values.read().expect("nobody has panicked").clone()
    }

    fn of(rows: Rows) -> Self {
        let storage = MemoryStorage { values: RwLock::new(rows) };
        Self { crypto: RustCrypto::default(), storage }
    }
}

impl Member {
    /// Someone new.
    ///
    /// # Panics
    ///
    /// If there is no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).expect("randomness");
        let credential = CredentialWithKey {
            credential: BasicCredential::new(name.into()).into(),
            signature_key: signer.to_public_vec().into(),
        };
        Self { provider: Provider::default(), signer: Rc::new(signer), credential }
    }

    /// A key package, as it is published.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn publish(&self) -> Vec<u8> {
        let built = KeyPackage::builder().build(
            SUITE,
            &self.provider,
            &*self.signer,
            self.credential.clone(),
        );
        let package = built.expect("a key package").key_package().clone();
        package.tls_serialize_detached().expect("it has a form")
    }

    /// A copy, with all that is stored.
    #[must_use]
    pub fn copy(&self) -> Self {
        let (signer, credential) = (Rc::clone(&self.signer), self.credential.clone());
        Self { provider: Provider::of(self.provider.rows()), signer, credential }
    }
}

fn settings() -> MlsGroupCreateConfig {
    MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(5, 2000))
        .use_ratchet_tree_extension(true)
        .build()
}

/// Alice makes a group, takes Bob into it, and writes: the group, the welcome and the message.
///
/// # Panics
///
/// If the key package is not good.
#[must_use]
pub fn initiate(alice: &Member, package: &[u8], text: &str) -> (MlsGroup, [Vec<u8>; 2]) {
    let package = KeyPackageIn::tls_deserialize_exact(package).expect("a key package");
    let package = package.validate(alice.provider.crypto(), ProtocolVersion::Mls10);
    let package = package.expect("a good key package");
    let group =
        MlsGroup::new(&alice.provider, &*alice.signer, &settings(), alice.credential.clone());
    let mut group = group.expect("a group");
    let (_, welcome, _) =
        group.add_members(&alice.provider, &*alice.signer, &[package]).expect("he is taken in");
    group.merge_pending_commit(&alice.provider).expect("her own commit");
    let envelope = seal(alice, &mut group, text);
    (group, [welcome.to_bytes().expect("it has a form"), envelope])
}

/// Bob enters the group and reads.
///
/// # Panics
///
/// If he is not welcome.
#[must_use]
pub fn respond(bob: &Member, [welcome, envelope]: &[Vec<u8>; 2]) -> (MlsGroup, usize) {
    let welcome = MlsMessageIn::tls_deserialize_exact(welcome).expect("a message");
    let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else { panic!("a welcome") };
    let join = settings().join_config().clone();
    let staged = StagedWelcome::new_from_welcome(&bob.provider, &join, welcome, None);
    let mut group = staged.expect("he is welcome").into_group(&bob.provider).expect("a good group");
    let len = open(bob, &mut group, envelope).expect("a good message");
    (group, len)
}

fn seal(member: &Member, group: &mut MlsGroup, text: &str) -> Vec<u8> {
    let message = group.create_message(&member.provider, &*member.signer, text.as_bytes());
    message.expect("a group in use").to_bytes().expect("it has a form")
}

fn open(member: &Member, group: &mut MlsGroup, envelope: &[u8]) -> Option<usize> {
    let message = MlsMessageIn::tls_deserialize_exact(envelope).ok()?;
    let message = message.try_into_protocol_message().ok()?;
    let processed = group.process_message(&member.provider, message).ok()?;
    match processed.into_content() {
        ProcessedMessageContent::ApplicationMessage(text) => Some(text.into_bytes().len()),
        _ => None,
    }
}

/// Two members of a group.
pub struct MlsPair {
    alice: (Member, MlsGroup),
    bob: (Member, MlsGroup),
}

impl MlsPair {
    /// A pair whose group is made.
    #[must_use]
    pub fn new() -> Self {
        let (alice, bob) = (Member::new("Alice"), Member::new("Bob"));
        let (hers, first) = initiate(&alice, &bob.publish(), "x");
        let (his, _) = respond(&bob, &first);
        Self { alice: (alice, hers), bob: (bob, his) }
    }
}

impl Default for MlsPair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair for MlsPair {
    fn seal(&mut self, from: Side, text: &str) -> Vec<u8> {
        let (member, group) = if from == Side::Alice { &mut self.alice } else { &mut self.bob };
        seal(member, group, text)
    }

    fn open(&mut self, at: Side, envelope: &[u8]) -> usize {
        let (member, group) = if at == Side::Alice { &mut self.alice } else { &mut self.bob };
        open(member, group, envelope).expect("a good message")
    }
}

/// A thousand messages are missing before it; the group keeps the keys of five.
#[must_use]
pub fn ahead() -> Case {
    let mut pair = MlsPair::new();
    for _ in 0..AHEAD {
        pair.seal(Side::Alice, "lost");
    }
    let envelope = pair.seal(Side::Alice, &"t".repeat(64));
    let (bob, group) = pair.bob;
    let id = group.group_id().clone();
    let begin = move || -> Receiver {
        let bob = bob.copy();
        let group = MlsGroup::load(bob.provider.storage(), &id).expect("memory");
        let mut group = group.expect("it was stored");
        Box::new(move |envelope| open(&bob, &mut group, envelope).is_some())
    };
    Case::new(begin, envelope, true)
}
