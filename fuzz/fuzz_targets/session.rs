#![no_main]

use tokio::runtime::Builder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
    dt_cred_readers::session(&runtime.expect("a runtime"), data);
});
