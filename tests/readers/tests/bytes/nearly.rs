//! What is nearly right: files of a corpus with a few changes.

use std::fs;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use crate::{check, corpus, fuzz};

#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// What is there once more, elsewhere.
    Repeat(Index, usize, Index),
    /// The rest of another one.
    Splice(Index, Vec<u8>, Index),
}

impl Change {
    fn make(self, input: &mut Vec<u8>) {
        let place = |at: &Index, of: &[u8]| at.index(of.len() + 1);
        match self {
            Self::Replace(at, byte) | Self::Flip(at, byte) if input.is_empty() => {
                let _ = at;
                input.push(byte);
            }
            Self::Replace(at, byte) => *at.get_mut(input) = byte,
            Self::Flip(at, bits) => *at.get_mut(input) ^= bits,
            Self::Insert(at, bytes) => {
                let at = place(&at, input);
                input.splice(at..at, bytes);
            }
            Self::Remove(at, length) => {
                let at = place(&at, input);
                input.drain(at..(at + length).min(input.len()));
            }
            Self::Repeat(from, length, to) => {
                let from = place(&from, input);
                let piece = input[from..(from + length).min(input.len())].to_vec();
                let to = place(&to, input);
                input.splice(to..to, piece);
            }
            Self::Splice(at, other, from) => {
                input.truncate(place(&at, input));
                input.extend_from_slice(&other[place(&from, &other)..]);
            }
        }
    }
}

/// Inputs for the reader of this name.
pub(crate) fn right(name: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let (kept, words) = (corpus(name), words(name));
    let at = any::<Index>;
    let change = prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        1 => (at(), 0..8_u32).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        4 => (at(), select(words.clone())).prop_map(|(at, word)| Change::Insert(at, word)),
        2 => (at(), 1..20_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (at(), 1..40_usize, at()).prop_map(|(from, length, to)| Change::Repeat(from, length, to)),
        2 => (at(), select(kept.clone()), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ];
    // What is taken as it is lies nearer to what is right than most of a corpus.
    let right: Vec<_> = kept.iter().filter(|input| check(name)(input)).cloned().collect();
    let whole = prop_oneof![select(right), select(kept)];
    let changed = (whole, vec(change, 0..4)).prop_map(|(mut input, changes)| {
        changes.into_iter().for_each(|change| change.make(&mut input));
        input
    });
    let strung = vec(select(words), 1..12).prop_map(|words| words.concat());
    prop_oneof![4 => changed, 1 => strung]
}

/// The words of its dictionary, as libFuzzer reads them; zeros where it has none.
fn words(name: &str) -> Vec<Vec<u8>> {
    let file = fuzz("dictionaries").join(format!("{name}.dict"));
    let Ok(text) = fs::read_to_string(file) else { return vec![vec![0], vec![0; 4]] };
    text.lines().map(|line| word(line.strip_prefix('"').unwrap().strip_suffix('"').unwrap())).collect()
}

fn word(written: &str) -> Vec<u8> {
    let mut pieces = written.split("\\x");
    let mut word = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        word.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        word.extend_from_slice(&piece.as_bytes()[2..]);
    }
    word
}
