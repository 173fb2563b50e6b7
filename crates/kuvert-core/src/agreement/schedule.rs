//! The two-stage key schedule.
//!
//! ```text
//! TH1 = HL("kx-th1", suite u16 || DeviceCert_B || MediumPrekey_B || has_ot || [OneTimePrekey_B] || EK || CT)
//! CK0 = Extract(HL("kx-salt", suite), DH2 || DH3 || DH4 || SS)
//! EID = AE(XL(CK0, "kx-identity", TH1, 32), 0^12, TH1, DeviceCert_A)
//! TH2 = HL("kx-th2", TH1 || EID || DeviceCert_A)
//! CK1 = Extract(CK0, DH1 || DH5)
//! outputs = XL(CK1, its label, TH2, 32)          session_id: 16
//! ```
//! The first stage hides who the initiator is, the second one proves it. A stage is consumed by the
//! next, and every output depends on a transcript with each key and identity in it, byte for byte.

use kuvert_wire::SessionId;
use kuvert_wire::envelope::{KEM_CIPHERTEXT_LEN, SEALED_CERT_LEN, SUITE, TAG_LEN};

use super::SessionSecrets;
use crate::crypto::Unauthentic;
use crate::crypto::aead::{self, ZERO_NONCE};
use crate::crypto::kdf::{Expander, Label, expand, extract, hash};
use crate::secret::Secret;

/// Length of an encoded certificate in bytes.
pub(super) const CERT_LEN: usize = SEALED_CERT_LEN - TAG_LEN;

/// What the first transcript hash covers; structures as their encoded bytes.
pub(crate) struct Th1Input<'a> {
    pub(crate) cert_b: &'a [u8],
    pub(crate) medium: &'a [u8],
    pub(crate) one_time: Option<&'a [u8]>,
    pub(crate) ephemeral_key: &'a [u8; 32],
    pub(crate) kem_ciphertext: &'a [u8; KEM_CIPHERTEXT_LEN],
}

impl Th1Input<'_> {
    fn hash(&self) -> [u8; 32] {
        let has_one_time = [u8::from(self.one_time.is_some())];
        let parts: [&[u8]; 7] = [
            &SUITE.to_be_bytes(),
            self.cert_b,
            self.medium,
            &has_one_time,
            self.one_time.unwrap_or_default(),
            self.ephemeral_key,
            self.kem_ciphertext,
        ];
        hash(Label::KX_TH1, &parts)
    }
}

/// The secrets of the first stage, before either side knows who the initiator is.
pub(crate) struct FirstSecrets {
    pub(crate) dh2: Secret<32>,
    pub(crate) dh3: Secret<32>,
    /// `None` without a one-time prekey: 0^32 takes its place.
    pub(crate) dh4: Option<Secret<32>>,
    pub(crate) ss: Secret<32>,
}

/// The secrets of the second stage: those in which the initiator's identity key takes part.
pub(crate) struct SecondSecrets {
    pub(crate) dh1: Secret<32>,
    pub(crate) dh5: Secret<32>,
}

/// After the first stage: CK0 and TH1.
pub(super) struct FirstStage {
    ck0: Secret<32>,
    th1: [u8; 32],
}

impl FirstStage {
    pub(super) fn derive(transcript: &Th1Input<'_>, secrets: FirstSecrets) -> Self {
        let FirstSecrets { dh2, dh3, dh4, ss } = secrets;
        let salt = hash(Label::KX_SALT, &[&SUITE.to_be_bytes()]);
        let dh4 = dh4.as_ref().map_or(&[0; 32], Secret::expose);
        let ck0 = extract(&salt, &[dh2.expose(), dh3.expose(), dh4, ss.expose()]);
        Self { ck0, th1: transcript.hash() }
    }

    /// EID. The key seals this one certificate, so the nonce is zero.
    pub(super) fn seal_cert(&self, cert_a: &[u8; CERT_LEN]) -> [u8; SEALED_CERT_LEN] {
        let sealed = aead::seal(&self.identity_key(), &ZERO_NONCE, &self.th1, cert_a);
        sealed.try_into().expect("a certificate and a tag")
    }

    /// The initiator's certificate.
    pub(super) fn open_cert(
        &self,
        sealed: &[u8; SEALED_CERT_LEN],
    ) -> Result<[u8; CERT_LEN], Unauthentic> {
        let mut cert = [0; CERT_LEN];
        aead::open_to(&self.identity_key(), &ZERO_NONCE, &self.th1, sealed, &mut cert)?; // AGR-5
        Ok(cert)
    }

    /// The second stage, which ends in the session's secrets.
    pub(super) fn finish(
        self,
        sealed_cert: &[u8; SEALED_CERT_LEN],
        cert_a: &[u8; CERT_LEN],
        secrets: SecondSecrets,
    ) -> SessionSecrets {
        let SecondSecrets { dh1, dh5 } = secrets;
        let th2 = hash(Label::KX_TH2, &[&self.th1, sealed_cert, cert_a]);
        let ck1 = extract(self.ck0.expose(), &[dh1.expose(), dh5.expose()]);
        session_secrets(&Expander::new(&ck1), &th2)
    }

    fn identity_key(&self) -> Secret<32> {
        expand(&self.ck0, Label::KX_IDENTITY, &[&self.th1])
    }
}

fn session_secrets(ck1: &Expander, th2: &[u8; 32]) -> SessionSecrets {
    let output = |label| ck1.expand(label, &[th2]);
    SessionSecrets {
        root: output(Label::KX_ROOT),
        chain_i: output(Label::KX_CHAIN_I),
        hdr_i: output(Label::KX_HEADER_I),
        hdr_i_next: output(Label::KX_HEADER_I_NEXT),
        hdr_r: output(Label::KX_HEADER_R),
        pq_0: output(Label::KX_PQ),
        session_id: SessionId::from_bytes(ck1.expand_public(Label::KX_SESSION_ID, &[th2])),
    }
}

/// The whole schedule with given secrets, for known answers: TH1, EID, TH2 and the outputs.
#[cfg(any(test, feature = "hazmat"))]
pub(crate) fn schedule_with(
    transcript: &Th1Input<'_>,
    first: FirstSecrets,
    second: SecondSecrets,
    cert_a: &[u8; CERT_LEN],
) -> ([u8; 32], [u8; SEALED_CERT_LEN], [u8; 32], SessionSecrets) {
    let stage = FirstStage::derive(transcript, first);
    let (th1, eid) = (stage.th1, stage.seal_cert(cert_a));
    let th2 = hash(Label::KX_TH2, &[&th1, &eid, cert_a]);
    (th1, eid, th2, stage.finish(&eid, cert_a, second))
}
