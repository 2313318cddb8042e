//! What the system's own programs write where it is no console that shows it: UTF-16, or the console's code page.

use windows_sys::Win32::{
    Globalization::{CP_OEMCP, MultiByteToWideChar},
    System::Console::GetConsoleOutputCP,
};

/// What another program has written, as text.
pub(crate) fn decoded(said: &[u8]) -> String {
    wide(said)
        .or_else(|| str::from_utf8(said).ok().map(str::to_owned))
        .unwrap_or_else(|| of_page(said, code_page()))
}

/// The console's, else the one that consoles have here.
fn code_page() -> u32 {
    #[expect(unsafe_code, reason = "the console's code page has no safe wrapper")]
    // SAFETY: the call takes nothing; it is 0 where there is no console.
    match unsafe { GetConsoleOutputCP() } {
        0 => CP_OEMCP,
        page => page,
    }
}

/// UTF-16, as its mark or the zero beside an ASCII letter tells.
fn wide(said: &[u8]) -> Option<String> {
    let text = match said {
        [0xff, 0xfe, text @ ..] => text,
        [1..=0x7f, 0, ..] => said,
        _ => return None,
    };
    let units: Vec<_> = text.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

/// The text of this code page.
fn of_page(said: &[u8], page: u32) -> String {
    let length = i32::try_from(said.len()).unwrap_or_default();
    // No code page has a character that takes more units than bytes.
    let mut units = vec![0_u16; said.len()];
    #[expect(unsafe_code, reason = "the system's code pages have no safe wrapper")]
    // SAFETY: both buffers are as long as is said, and no call with a length of 0 touches either.
    let written = unsafe { MultiByteToWideChar(page, 0, said.as_ptr(), length, units.as_mut_ptr(), length) };
    let written = usize::try_from(written).unwrap_or_default();
    units
        .get(..written)
        .filter(|units| !units.is_empty())
        .map_or_else(|| String::from_utf8_lossy(said).into_owned(), String::from_utf16_lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_systems_programs_write_is_read_in_each_encoding_that_they_have() {
        let text = "<Command>C:\\J\u{f6}rg</Command>";
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&units), text);
        assert_eq!(decoded(&[&[0xff, 0xfe], &units[..]].concat()), text);
        assert_eq!(decoded(text.as_bytes()), text);
        // Western Europe's consoles, Windows' own, Japan's.
        for (page, bytes, expected) in [
            (850, &b"J\x94rg"[..], "J\u{f6}rg"),
            (1252, b"J\xf6rg", "J\u{f6}rg"),
            (932, b"\x83\x5c\\", "\u{30bd}\\"),
        ] {
            assert_eq!(of_page(bytes, page), expected, "{page}");
        }
        assert_eq!(decoded(b""), "");
    }
}
