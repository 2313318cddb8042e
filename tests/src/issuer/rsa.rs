//! The issuer's signing key, made on the spot: a private key is kept in no file, and nothing but Rust is
//! needed to make one. *ring* signs, and checks the key's consistency, but makes none, so the two primes are
//! sought here.

use std::sync::{Arc, OnceLock};

use num_bigint::BigUint;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;

use super::random;

const EXPONENT: u32 = 65_537;

/// An RSA key of 2048 bits.
pub(super) struct SigningKey {
    pair: KeyPair,
    /// Big endian, without leading zeros, as a JWK has it (RFC 7518 §6.3.1).
    pub(super) modulus: Vec<u8>,
    /// Likewise.
    pub(super) exponent: Vec<u8>,
}

impl SigningKey {
    /// The key of this process. The first call takes a fraction of a second.
    pub(super) fn of_process() -> Arc<Self> {
        static KEY: OnceLock<Arc<SigningKey>> = OnceLock::new();
        Arc::clone(KEY.get_or_init(|| Arc::new(Self::generate())))
    }

    fn generate() -> Self {
        let (a, b) = (prime(), prime());
        let (p, q) = if a > b { (a, b) } else { (b, a) };
        let (p1, q1) = (&p - 1u32, &q - 1u32);
        let e = BigUint::from(EXPONENT);
        let d = e.modinv(&(&p1 * &q1)).expect("the primes were chosen so");
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: (&p * &q).to_bytes_be(), e: e.to_bytes_be() },
            dP: (&d % &p1).to_bytes_be(),
            dQ: (&d % &q1).to_bytes_be(),
            qInv: q.modinv(&p).expect("two primes that differ").to_bytes_be(),
            d: d.to_bytes_be(),
            p: p.to_bytes_be(),
            q: q.to_bytes_be(),
        };
        let pair = KeyPair::from_components(&components).expect("an RSA key");
        let PublicKeyComponents { n: modulus, e: exponent } = components.public_key;
        Self { pair, modulus, exponent }
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256: RS256 (RFC 7518 §3.3).
    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .expect("the signature has the modulus' length");
        signature
    }
}

/// A random prime of 1024 bits, the two highest of them set, so that two of them make 2048 bits.
fn prime() -> BigUint {
    let small = small_primes();
    loop {
        let mut bytes = random::bytes::<128>();
        bytes[0] |= 0b1100_0000;
        bytes[127] |= 1;
        let candidate = BigUint::from_bytes_be(&bytes);
        let divisible = small.iter().any(|small| &candidate % *small == BigUint::ZERO);
        if !divisible && &candidate % EXPONENT != BigUint::from(1u32) && is_prime(&candidate) {
            return candidate;
        }
    }
}

fn small_primes() -> Vec<u32> {
    let mut primes = vec![2u32];
    primes.extend((3..2000).step_by(2).filter(|n| (3..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)));
    primes
}

/// Miller-Rabin to eight bases: for a random number of this size the odds of a mistake are below 2^-100.
fn is_prime(n: &BigUint) -> bool {
    let one = BigUint::from(1u32);
    let minus_one = n - 1u32;
    let halvings = minus_one.trailing_zeros().unwrap_or(0);
    let odd = &minus_one >> halvings;
    [2u32, 3, 5, 7, 11, 13, 17, 19].iter().all(|base| {
        let mut power = BigUint::from(*base).modpow(&odd, n);
        if power == one || power == minus_one {
            return true;
        }
        (1..halvings).any(|_| {
            power = &power * &power % n;
            power == minus_one
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_composites() {
        let number = |text: &str| BigUint::parse_bytes(text.as_bytes(), 10).unwrap();
        // 2^127 - 1 and 2^89 - 1 are prime; their product, a Carmichael number and a strong pseudoprime to
        // base 2 are not.
        let (a, b) =
            (number("170141183460469231731687303715884105727"), number("618970019642690137449562111"));
        assert!(is_prime(&a) && is_prime(&b));
        for composite in [&a * &b, number("6733693"), number("2047"), number("825265")] {
            assert!(!is_prime(&composite), "{composite}");
        }
        assert_eq!(small_primes()[..8], [2, 3, 5, 7, 11, 13, 17, 19]);
    }
}
