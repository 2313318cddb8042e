use std::iter;

use dt_cred::{
    curl_answer::{Heads, Held, Mark},
    curl_line::{Admitted, Line, allowed},
    origin::Origin,
};

use crate::{SLACK, told, within};

/// Where the profile's token belongs, and where it may go besides.
const OWN: &str = "https://app.datatrails.ai";
const ALLOWED: [&str; 2] = ["other.example", "127.0.0.1:8080"];

/// curl's arguments, with a zero between them as in proc(5). They are taken where curl may be run.
///
/// # Panics
/// Where a rule is broken.
pub fn curl(data: &[u8]) -> bool {
    /// What a word of one letter is held as, and an abbreviation is looked up in.
    const WORD: usize = 256;
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let words: Vec<_> = text.split('\0').filter(|_| !text.is_empty()).map(str::to_owned).collect();
    let allowed: Vec<_> = ALLOWED.iter().flat_map(|host| allowed(host).expect("a host")).collect();
    let most = SLACK + WORD * data.len();
    let admitted = within(most, || Line::read(&words)).and_then(|line| {
        let admitted = line.admit(OWN, &allowed)?;
        // What is sent again is understood the same way then.
        assert!(line.inputs().is_none() || !line.reads_standard_input() && line.tells().next().is_none());
        Ok(admitted)
    });
    let Admitted { arguments, by_http } = match admitted {
        Ok(admitted) => admitted,
        Err(error) => {
            told(&error);
            return false;
        }
    };
    let targets: Vec<_> = urls(&arguments).map(|url| Origin::of(url).expect("it is one")).collect();
    assert!(!targets.is_empty() && by_http == targets.iter().any(|target| !target.is_https()));
    for target in &targets {
        let own = Origin::of(OWN).is_ok_and(|own| own == *target);
        assert!(target.takes_tokens() && (own || allowed.contains(target)), "{target}");
    }
    let again = Line::read(&arguments).and_then(|line| line.admit(OWN, &allowed));
    assert_eq!(again, Ok(Admitted { arguments, by_http }), "it is not what was written");
    true
}

/// Each URL of what is written by whole names: a value can look like an option, and none of them is taken for one.
fn urls(arguments: &[String]) -> impl Iterator<Item = &str> {
    let mut words = arguments.iter().map(String::as_str);
    iter::from_fn(move || {
        loop {
            let name = words.next()?;
            assert!(name.starts_with("--") && name.len() > 3, "{name}");
            // Whoever takes a value says so where none is there.
            let valued =
                Line::read(&[name.to_owned()]).is_err_and(|error| error.to_string().contains("has no value"));
            let value = if valued { words.next() } else { None };
            if name == "--url" {
                return value;
            }
        }
    })
}

/// What curl writes of an answer and beside it. It is taken where the token was refused.
///
/// # Panics
/// Where a rule is broken.
pub fn curl_answer(data: &[u8]) -> bool {
    let held = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut held = Held::new(Mark::new(0));
        let mut out: Vec<u8> = pieces.flat_map(|piece| held.push(piece)).collect();
        let ended = held.end();
        out.extend_from_slice(&ended.rest);
        (out, ended.whole, ended.refused)
    };
    let whole = held(&mut iter::once(data));
    assert_eq!(whole, held(&mut data.chunks(1)), "it depends on the pieces");
    // Nothing but marks is left out, and nothing is added.
    let mut rest = data.iter();
    assert!(whole.0.iter().all(|byte| rest.any(|other| other == byte)));
    let edges = data.iter().filter(|byte| **byte == 0x1f).count();
    assert!(data.len() - whole.0.len() <= edges / 2 * 24);
    assert!(!whole.2 || data.windows(9).any(|window| window == b"\x1f0 401 0\x1f"));
    let heads = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut heads = Heads::default();
        pieces.for_each(|piece| heads.push(piece));
        (heads.refused(false), heads.refused(true))
    };
    let seen = heads(&mut iter::once(data));
    assert_eq!(seen, heads(&mut data.chunks(1)), "it depends on the pieces");
    assert!(seen.0 || !seen.1);
    assert!(!seen.0 || data.windows(3).any(|window| window == b"401"));
    whole.2 || seen.0
}
