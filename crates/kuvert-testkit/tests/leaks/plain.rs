//! Public types that no value is shown of, and why that is enough.

/// The crate, and names.
pub(crate) const PLAIN: &[(&str, &str)] = &[
    // Errors and refusals: causes, names and numbers. Their texts are fixed.
    (
        "kuvert-core",
        "BundleError CertError ExportError LoadError ProtocolError Refused ReportError",
    ),
    ("kuvert-core", "Cause Unauthentic WrongReceipt"),
    ("kuvert-store", "Part RowError"),
    ("kuvert", "Error NameError NotText"),
    // Choices and states without content.
    ("kuvert-core", "Advice ContentState Reset SessionEnd Show Status Missing"),
    ("kuvert-store", "Durability Floor Rollback"),
    ("kuvert", "DeliveryState ErasurePolicy Relay"),
    // Names, numbers, times, public keys, hashes of a tree, and what two people read aloud.
    ("kuvert-core", "Context Contradiction Evidence Finding ForkProof Frontier Tree Party Signer"),
    ("kuvert-core", "RatchetFacts Report SafetyNumber SafetyNumberMatch VerifiedCert"),
    ("kuvert", "Delivery Exported IdentityChange NotOpened Notice Petname StateRollback"),
    ("kuvert", "TranscriptChange TranscriptNews"),
    // Made of types that are shown, or whose `Debug` leaves the content out beside its definition.
    ("kuvert-core", "Advance Entry Export Statement Switch TranscriptEvent Turn VerifiedItem"),
    ("kuvert-core", "VerifiedTranscript View"),
    ("kuvert", "AbuseReport"),
    // A row as it is kept: sealed, and as public as the file.
    ("kuvert-store", "Row"),
];
