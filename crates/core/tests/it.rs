//! What must not compile: the types that carry a proof cannot be made without the proof.

#[test]
fn proofs_cannot_be_forged_in_the_type_system() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
