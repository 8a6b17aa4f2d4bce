#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drillmaster::fuzz::readiness_file(bytes);
});
