#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix2pix_fuzz::weights("h5", bytes));
