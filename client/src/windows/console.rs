//! The console: text, and not bytes of whatever code page it has, so that every character is typed and shown as it is.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::windows::io::{AsHandle, AsRawHandle},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use windows_sys::{
    Win32::System::Console::{
        CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT, GetConsoleMode,
        ReadConsoleW, SetConsoleCtrlHandler, SetConsoleMode, WriteConsoleW,
    },
    core::BOOL,
};
use zeroize::Zeroizing;

/// Most UTF-16 units that go to a console or come from it at once, and so the longest line that can be typed: older
/// consoles had 64 KB for all that go between.
const UNITS: usize = 8192;

/// Ctrl-Z, with which people end what they type.
const CTRL_Z: u16 = 0x1a;

/// The console of this process, whatever its standard streams are: its keys and its screen. From now on what ends the
/// process, a Ctrl-Break or the console's own end, leaves the console as it was before a [`Silence`].
///
/// # Errors
/// Where there is none.
pub(crate) fn terminal() -> io::Result<(Keys, Screen)> {
    let terminal = (Keys::new(open("CONIN$")?), Screen(open("CONOUT$")?));
    #[expect(unsafe_code, reason = "the events of a console have no safe wrapper")]
    // SAFETY: the handler is a function, which is there for as long as the process is.
    let handled = unsafe { SetConsoleCtrlHandler(Some(restore), 1) };
    if handled == 0 { Err(io::Error::last_os_error()) } else { Ok(terminal) }
}

fn open(name: &str) -> io::Result<File> {
    File::options().read(true).write(true).open(name)
}

/// What is typed at a console, as UTF-8.
pub(crate) struct Keys {
    console: File,
    /// The first half of a character, whose second one is the next to be read.
    half: Option<u16>,
    /// What was read, and how much of it has been asked for.
    read: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl Keys {
    fn new(console: File) -> Self {
        Self { console, half: None, read: Zeroizing::default(), taken: 0 }
    }

    /// The keys of a stream that is a console; none where it is anything else.
    pub(super) fn of(stream: &(impl AsHandle + AsRawHandle)) -> Option<Self> {
        mode(stream).ok()?;
        Some(Self::new(stream.as_handle().try_clone_to_owned().ok()?.into()))
    }

    /// Another reader of the same console; what this one has read stays with it.
    ///
    /// # Errors
    /// As DuplicateHandle.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.console.try_clone().map(Self::new)
    }
}

impl Read for Keys {
    /// Reads a line, or each key where the console makes no lines; zero is the end, a line that begins with Ctrl-Z.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.read.len() {
            // A unit is three bytes at most.
            let mut units = Zeroizing::new(vec![0; (buffer.len() / 3).clamp(1, UNITS)]);
            let units = match read(&self.console, &mut units)? {
                // Ctrl-C, which ends the process unless that is meant to ignore it.
                0 => continue,
                read => &units[..read],
            };
            // Where each key is read alone it is one of those that mean nothing.
            if units.len() > 1 && units[0] == CTRL_Z {
                return Ok(0);
            }
            self.read = utf8(&mut self.half, units);
            self.taken = 0;
        }
        let rest = &self.read[self.taken..];
        let some = rest.len().min(buffer.len());
        buffer[..some].copy_from_slice(&rest[..some]);
        self.taken += some;
        Ok(some)
    }
}

fn read(console: &File, units: &mut [u16]) -> io::Result<usize> {
    let (length, mut read) = (u32::try_from(units.len()).unwrap_or(u32::MAX), 0);
    #[expect(unsafe_code, reason = "a console's text has no safe wrapper")]
    // SAFETY: the handle is open, and there is room for as many units as the system is told.
    let done = unsafe {
        ReadConsoleW(console.as_raw_handle(), units.as_mut_ptr().cast(), length, &raw mut read, ptr::null())
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(usize::try_from(read).unwrap_or_default()) }
}

/// These units as UTF-8, after the `half` that was read before them; a half at their end is kept for the next ones.
fn utf8(half: &mut Option<u16>, units: &[u16]) -> Zeroizing<Vec<u8>> {
    // Of its full size from the start: a buffer that grows leaves copies of what it held behind.
    let mut text = Zeroizing::new(Vec::with_capacity(3 * (units.len() + 1)));
    let last = units.last().copied().filter(|unit| (0xd800..0xdc00).contains(unit));
    let whole = &units[..units.len() - usize::from(last.is_some())];
    let before = std::mem::replace(half, last);
    for c in char::decode_utf16(before.into_iter().chain(whole.iter().copied())) {
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text
}

/// What a console shows.
pub(crate) struct Screen(File);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        show(&self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether this stream is a console.
pub(super) fn is_console(stream: &impl AsRawHandle) -> bool {
    mode(stream).is_ok()
}

/// Shows UTF-8 on a console; returns how many bytes were shown.
///
/// # Errors
/// As WriteConsole.
pub(super) fn show(console: &impl AsRawHandle, bytes: &[u8]) -> io::Result<usize> {
    let text = String::from_utf8_lossy(&bytes[..piece(bytes)]);
    let mut units = Zeroizing::new(Vec::with_capacity(text.len()));
    units.extend(text.encode_utf16());
    let mut rest = &units[..];
    while !rest.is_empty() {
        let (length, mut shown) = (u32::try_from(rest.len()).unwrap_or(u32::MAX), 0);
        #[expect(unsafe_code, reason = "a console's text has no safe wrapper")]
        // SAFETY: the handle is open, and the units are as many as the system is told.
        let done = unsafe {
            WriteConsoleW(console.as_raw_handle(), rest.as_ptr(), length, &raw mut shown, ptr::null())
        };
        match usize::try_from(shown).unwrap_or_default() {
            _ if done == 0 => return Err(io::Error::last_os_error()),
            0 => return Err(io::ErrorKind::WriteZero.into()),
            some => rest = rest.get(some..).unwrap_or_default(),
        }
    }
    Ok(piece(bytes))
}

/// How many of these bytes are shown at once: no more than [`UNITS`], and no part of a character.
fn piece(bytes: &[u8]) -> usize {
    if bytes.len() <= UNITS {
        return bytes.len();
    }
    let begins = |at: &usize| bytes[*at] & 0xc0 != 0x80;
    (1..=UNITS).rev().find(begins).unwrap_or(UNITS)
}

/// The mode that the console had before the silence that is now.
static BEFORE: Mutex<Option<CONSOLE_MODE>> = Mutex::new(None);

fn before() -> MutexGuard<'static, Option<CONSOLE_MODE>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A console that shows nothing of what is typed and makes no signals of it, until this is dropped or the process is
/// ended by an event of the console. The mode is the console's: it would stay for whoever has it next.
pub(crate) struct Silence<'a>(&'a Keys);

impl<'a> Silence<'a> {
    /// Silences the console of these `keys`.
    ///
    /// # Errors
    /// As GetConsoleMode and SetConsoleMode.
    pub(crate) fn of(keys: &'a Keys) -> io::Result<Self> {
        let mut before = before();
        let usual = mode(&keys.console)?;
        set_mode(&keys.console, usual & !(ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT))?;
        *before = Some(usual);
        Ok(Self(keys))
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        if let Some(usual) = before().take() {
            // Nothing can be done about a console that is gone.
            let _ = set_mode(&self.0.console, usual);
        }
    }
}

/// Makes the console as it was before a [`Silence`], where nobody is just doing so: this process ends.
pub(super) fn undo() {
    if let Ok(before) = BEFORE.try_lock()
        && let (Some(usual), Ok(keys)) = (*before, open("CONIN$"))
    {
        // Nothing can be done about a console that is gone.
        let _ = set_mode(&keys, usual);
    }
}

/// Makes the console as it was, before an event of it ends this process: called by the system, in a thread of its own.
extern "system" fn restore(_event: u32) -> BOOL {
    let before = before();
    if let (Some(usual), Ok(keys)) = (*before, open("CONIN$")) {
        // Nothing can be done about a console that is gone.
        let _ = set_mode(&keys, usual);
    }
    // Never unlocked again: the other thread neither silences the console now nor ends with a code of its own.
    std::mem::forget(before);
    // Not handled: the system goes on, and ends the process.
    0
}

pub(super) fn mode(console: &impl AsRawHandle) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    #[expect(unsafe_code, reason = "a console's mode has no safe wrapper")]
    // SAFETY: a handle that is no console is refused, and the pointer is to a live variable.
    let told = unsafe { GetConsoleMode(console.as_raw_handle(), &raw mut mode) };
    if told == 0 { Err(io::Error::last_os_error()) } else { Ok(mode) }
}

pub(super) fn set_mode(console: &File, mode: CONSOLE_MODE) -> io::Result<()> {
    #[expect(unsafe_code, reason = "a console's mode has no safe wrapper")]
    // SAFETY: the handle is open for as long as the file is borrowed.
    let set = unsafe { SetConsoleMode(console.as_raw_handle(), mode) };
    if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{UNITS, piece, utf8};

    #[test]
    fn every_character_is_whole_however_its_units_arrive() {
        let text = "aü€🔑b";
        let units: Vec<u16> = text.encode_utf16().collect();
        for size in 1..=units.len() {
            let mut half = None;
            let typed: Vec<u8> =
                units.chunks(size).flat_map(|units| utf8(&mut half, units).to_vec()).collect();
            assert_eq!((String::from_utf8(typed).unwrap().as_str(), half), (text, None), "{size} at once");
        }
        let mut half = None;
        assert_eq!(utf8(&mut half, &[0xdd11, 0xd83d]).as_slice(), "\u{fffd}".as_bytes());
        assert_eq!(utf8(&mut half, &[0x61]).as_slice(), "\u{fffd}a".as_bytes(), "a half with no other");
    }

    #[test]
    fn a_long_text_is_shown_in_pieces_of_whole_characters() {
        for character in ["a", "ü", "€", "🔑"] {
            let text = character.repeat(UNITS);
            let (mut rest, mut shown) = (text.as_bytes(), String::new());
            while !rest.is_empty() {
                let (some, more) = rest.split_at(piece(rest));
                assert!(some.len() <= UNITS);
                shown.push_str(std::str::from_utf8(some).unwrap());
                rest = more;
            }
            assert_eq!(shown, text);
        }
    }
}
