//! kuvert-transport
