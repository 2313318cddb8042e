#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    dt_cred_readers::moment(data);
});
