//! What must not compile: ways around "saved before released", and copies of secrets.

#[test]
fn the_types_hold() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
