//! kuvert-relay
