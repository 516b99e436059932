//! libFuzzer's way into [`atm_tests::hostile::numbers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atm_tests::hostile::numbers(bytes));
