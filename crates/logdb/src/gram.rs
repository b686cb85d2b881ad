//! Trigrams of folded text: what a block must have if it holds a needle of three bytes or more.
//!
//! Every byte falls into one of 64 classes: letters of both cases together, digits, frequent
//! punctuation each by itself, the rest shared. Three classes make a number of 18 bits.

/// How many trigrams there are.
pub(crate) const GRAMS: usize = 1 << 18;

/// The class of every byte.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    const OWN: &[u8; 22] = b" \"'=:,.;/\\-_()[]{}<>|%";
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8 | 0x20;
        table[byte] = if letter.is_ascii_lowercase() && byte < 128 {
            letter - b'a'
        } else if (byte as u8).is_ascii_digit() {
            26 + (byte as u8 - b'0')
        } else {
            // 58 to 63 are shared by what has no class of its own.
            58 + (byte % 6) as u8
        };
        byte += 1;
    }
    let mut at = 0;
    while at < OWN.len() {
        table[OWN[at] as usize] = 36 + at as u8;
        at += 1;
    }
    table
}

/// The trigrams of a text, each once.
pub(crate) struct GramSet {
    bits: Box<[u64]>,
}

impl GramSet {
    pub(crate) fn new() -> GramSet {
        GramSet {
            bits: vec![0; GRAMS / 64].into_boxed_slice(),
        }
    }

    /// Collects the trigrams of a text in place of those before.
    pub(crate) fn collect(&mut self, text: &[u8]) {
        self.bits.fill(0);
        let [first, second, rest @ ..] = text else {
            return;
        };
        let mut gram = pair(*first, *second);
        for byte in rest {
            gram = (gram << 6 | usize::from(CLASS[usize::from(*byte)])) & (GRAMS - 1);
            self.bits[gram / 64] |= 1 << (gram % 64);
        }
    }

    /// Visits the trigrams in ascending order.
    pub(crate) fn each(&self, mut visit: impl FnMut(u64)) {
        for (at, word) in self.bits.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                visit(at as u64 * 64 + u64::from(left.trailing_zeros()));
                left &= left - 1;
            }
        }
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(CLASS[usize::from(first)]) << 6 | usize::from(CLASS[usize::from(second)])
}

/// Returns the trigrams of a needle, sorted; none if it is too short.
pub(crate) fn of_needle(text: &[u8]) -> Vec<u64> {
    let gram = |window: &[u8]| {
        (pair(window[0], window[1]) << 6 | usize::from(CLASS[usize::from(window[2])])) as u64
    };
    let mut grams: Vec<u64> = text.windows(3).map(gram).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_trigrams_of_its_parts_in_any_case() {
        let text = b"GET /api/v1/Users?id=4bf92f \xc3\xa4 \xff";
        let mut set = GramSet::new();
        set.collect(text);
        let mut all = Vec::new();
        set.each(|gram| all.push(gram));
        assert!(all.is_sorted());
        for from in 0..text.len() - 3 {
            for to in from + 3..text.len() {
                let needle = text[from..to].to_ascii_uppercase();
                for gram in of_needle(&needle) {
                    assert!(all.binary_search(&gram).is_ok());
                }
            }
        }
        set.collect(b"ab");
        set.each(|_| panic!("two bytes have no trigram"));
        assert!(of_needle(b"ab").is_empty());
    }

    #[test]
    fn every_class_fits_six_bits() {
        assert!(CLASS.iter().all(|class| *class < 64));
        assert_ne!(CLASS[usize::from(b'%')], CLASS[usize::from(b'|')]);
    }
}
