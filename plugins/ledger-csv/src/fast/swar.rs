//! Eight letters at once, in one register.

/// Powers of ten.
pub(super) const POWERS: [i64; 16] = {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < 16 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Takes a letter above `9` to the high bit.
const ABOVE: u64 = 0x4646_4646_4646_4646;

/// The eight letters there, the first one lowest.
#[inline]
pub(super) fn word(text: &[u8], at: usize) -> Option<u64> {
    let letters = text.get(at..at.checked_add(8)?)?;
    letters.try_into().ok().map(u64::from_le_bytes)
}

/// High bits of the letters that are no digits. Exact up to the first of them.
#[inline]
const fn strange(letters: u64) -> u64 {
    (letters.wrapping_add(ABOVE) | letters.wrapping_sub(ZEROS)) & HIGH
}

/// How many of the letters are digits, before the first that is none.
#[inline]
pub(super) const fn digits_len(letters: u64) -> usize {
    (strange(letters).trailing_zeros() / 8) as usize
}

/// So many of the letters, below 8, with zeros before them.
#[inline]
pub(super) const fn first(letters: u64, length: usize) -> u64 {
    match 8 * length {
        0 => ZEROS,
        bits => letters << (64 - bits) | ZEROS >> bits,
    }
}

/// The number that eight digits are.
#[inline]
pub(super) fn parse(letters: u64) -> Option<i64> {
    if strange(letters) != 0 {
        return None;
    }
    // Pairs of digits, then pairs of pairs, then all: the larger place is the lower byte.
    let digits = letters & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let all = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    Some(all.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str) -> u64 {
        word(text.as_bytes(), 0).unwrap()
    }

    #[test]
    fn reads_digits() {
        for (text, length) in
            [("12345678", 8), ("1234567,", 7), (",1234567", 0), ("12.45,78", 2), ("1234567\u{ff}", 7)]
        {
            assert_eq!(digits_len(letters(text)), length, "{text}");
        }
        for (text, value) in
            [("12345678", Some(12_345_678)), ("00000000", Some(0)), ("99999999", Some(99_999_999))]
        {
            assert_eq!(parse(letters(text)), value, "{text}");
        }
        for length in 0..8 {
            let expected = "1234567"[..length].parse().unwrap_or(0);
            assert_eq!(parse(first(letters("1234567,"), length)), Some(expected));
        }
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
            for place in 0..8 {
                let mut text = *b"31415926";
                text[place] = byte;
                assert_eq!(digits_len(u64::from_le_bytes(text)), place, "{text:?}");
                assert_eq!(parse(u64::from_le_bytes(text)), None, "{text:?}");
            }
        }
    }
}
