#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix2pix_fuzz::decoded(
    pix2pix::data::Format::Nifti,
    bytes
));
