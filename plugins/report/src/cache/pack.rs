//! Columns of whole numbers in as few bytes as their range needs, quick to unpack.

use crate::read::block::NONE;

/// How a column was packed: each number less the smallest, in so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Packing {
    /// What is added to each number.
    base: i64,
    /// Bytes of a number: 0, 1, 2, 4 or 8.
    width: u8,
    /// Whether 0 stands for [`NONE`], and all other numbers are one higher.
    blanks: bool,
}

/// Packs a column behind what is there.
pub(crate) fn pack(values: &[i64], to: &mut Vec<u8>) -> Packing {
    let mut blanks = false;
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for value in values {
        if *value == NONE {
            blanks = true;
        } else {
            (least, most) = (least.min(*value), most.max(*value));
        }
    }
    let base = if least > most { 0 } else { least };
    // No value is NONE, the least of all, so one more than the widest range still fits.
    let above = u64::from(blanks);
    let range = if least > most { 0 } else { most.abs_diff(least) + above };
    let packed = |value: &i64| match *value {
        NONE => 0,
        value => value.wrapping_sub(base).cast_unsigned().wrapping_add(above),
    };
    let packed = values.iter().map(packed);
    let width = match range {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    let at = to.len();
    to.resize(at + values.len() * usize::from(width), 0);
    let to = &mut to[at..];
    match width {
        0 => {}
        1 => put(to, packed, |[byte, ..]| [byte]),
        2 => put(to, packed, |[one, two, ..]| [one, two]),
        4 => put(to, packed, |[one, two, three, four, ..]| [one, two, three, four]),
        _ => put(to, packed, |bytes| bytes),
    }
    Packing { base, width, blanks }
}

/// Puts the lower bytes of numbers one behind the other.
fn put<const WIDTH: usize>(
    to: &mut [u8],
    from: impl Iterator<Item = u64>,
    low: impl Fn([u8; 8]) -> [u8; WIDTH],
) {
    let places = to.as_chunks_mut().0.iter_mut();
    places.zip(from).for_each(|(place, number)| *place = low(number.to_le_bytes()));
}

impl Packing {
    /// How many bytes so many numbers have.
    pub(crate) fn bytes(self, rows: usize) -> usize {
        rows.saturating_mul(usize::from(self.width))
    }

    /// The number that is packed as that one.
    fn number(self, packed: u64) -> i64 {
        match packed.checked_sub(u64::from(self.blanks)) {
            Some(above) => self.base.wrapping_add(above.cast_signed()),
            None => NONE,
        }
    }

    /// The numbers in some places; `None` where the bytes are not of so many rows.
    pub(crate) fn pick(self, bytes: &[u8], rows: usize, places: &[usize]) -> Option<Vec<i64>> {
        if bytes.len() != self.bytes(rows) {
            return None;
        }
        let width = usize::from(self.width);
        let number = |place: &usize| {
            let mut packed = [0; 8];
            packed.get_mut(..width)?.copy_from_slice(bytes.get(place * width..)?.get(..width)?);
            Some(self.number(u64::from_le_bytes(packed)))
        };
        places.iter().map(number).collect()
    }

    /// The numbers again; `None` where the bytes are not so many.
    pub(crate) fn unpack(self, bytes: &[u8], rows: usize) -> Option<Vec<i64>> {
        if bytes.len() != self.bytes(rows) {
            return None;
        }
        let base = self.base.wrapping_sub(i64::from(self.blanks));
        let add = |packed: u64| base.wrapping_add(packed.cast_signed());
        let mut values: Vec<i64> = match self.width {
            0 => vec![add(0); rows],
            1 => bytes.iter().map(|byte| add(u64::from(*byte))).collect(),
            2 => bytes.as_chunks().0.iter().map(|chunk| add(u64::from(u16::from_le_bytes(*chunk)))).collect(),
            4 => bytes.as_chunks().0.iter().map(|chunk| add(u64::from(u32::from_le_bytes(*chunk)))).collect(),
            8 => bytes.as_chunks().0.iter().map(|chunk| add(u64::from_le_bytes(*chunk))).collect(),
            _ => return None,
        };
        if self.blanks {
            values.iter_mut().filter(|value| **value == base).for_each(|value| *value = NONE);
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, any, prop, prop_oneof};
    use proptest::{prop_assert_eq, proptest};

    fn check(values: &[i64]) -> usize {
        let mut bytes = vec![7];
        let packing = pack(values, &mut bytes);
        assert_eq!(packing.unpack(&bytes[1..], values.len()).as_deref(), Some(values), "{packing:?}");
        assert_eq!(packing.unpack(&bytes, values.len()), None);
        bytes.len() - 1
    }

    #[test]
    fn takes_as_few_bytes_as_it_needs() {
        let table: &[(&[i64], usize)] = &[
            (&[], 0),
            (&[5, 5, 5], 0),
            (&[NONE, NONE], 0),
            (&[5, NONE], 2),
            (&[-1, 254], 2),
            (&[-1, 254, NONE], 6),
            (&[0, 65_535], 4),
            (&[0, 65_536], 8),
            (&[i64::MAX, -i64::MAX, NONE, 0], 32),
            (&[i64::MAX, -i64::MAX], 16),
        ];
        for (values, bytes) in table {
            assert_eq!(check(values), *bytes, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn gives_back_what_it_got(values in prop::collection::vec(prop_oneof![
            any::<i64>(), (-5_i64..5).prop_map(|n| n * 1_000), proptest::strategy::Just(NONE)], 0..50)) {
            let mut bytes = Vec::new();
            let packing = pack(&values, &mut bytes);
            let places: Vec<usize> = (0..values.len()).step_by(3).collect();
            let picked = places.iter().map(|place| values[*place]).collect();
            prop_assert_eq!(packing.pick(&bytes, values.len(), &places), Some(picked));
            prop_assert_eq!(packing.unpack(&bytes, values.len()), Some(values));
        }
    }
}
