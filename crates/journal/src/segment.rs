//! The files of a journal.
//!
//! In: segment numbers. Out: names and the first bytes of a file, which say what it is. Records
//! are checked against the number in the name, so a damaged header costs no record.

use std::path::{Path, PathBuf};

/// Bytes before the first record.
pub(crate) const HEADER_BYTES: usize = 24;

const MAGIC: [u8; 8] = *b"weft-wal";
const VERSION: u32 = 1;

/// Returns where the segment is.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.wal"))
}

/// Returns the number in a file's name, or nothing for a file of another kind.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name
        .strip_suffix(".wal")
        .filter(|digits| digits.len() == 16)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (number > 0 && format!("{number:016x}") == digits).then_some(number)
}

/// Returns the first bytes of a segment.
pub(crate) fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// A segment of this version and number.
    Sound,
    /// A segment of another version.
    Version(u32),
    /// Nothing that can be trusted.
    Damaged,
}

/// Reads the first bytes of the segment `number`.
pub(crate) fn read_header(bytes: &[u8], number: u64) -> Header {
    let Some(found) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Header::Damaged;
    };
    if *found == header(number) {
        return Header::Sound;
    }
    let checksum = crc32c::crc32c(&found[..20]).to_le_bytes();
    let version = u32::from_le_bytes([found[8], found[9], found[10], found[11]]);
    if found[..8] == MAGIC && found[20..] == checksum && version != VERSION {
        return Header::Version(version);
    }
    Header::Damaged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_number_are_one() {
        let name = path(Path::new(""), 0x1f);
        assert_eq!(name, Path::new("000000000000001f.wal"));
        assert_eq!(number_of("000000000000001f.wal"), Some(0x1f));
        for other in [
            "1f.wal",
            "000000000000001F.wal",
            "000000000000001f.tmp",
            "lock",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
        assert_eq!(number_of("0000000000000000.wal"), None);
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut bytes = header(5);
        assert_eq!(read_header(&bytes, 5), Header::Sound);
        assert_eq!(read_header(&bytes, 6), Header::Damaged);
        bytes[8] = 2;
        assert_eq!(read_header(&bytes, 5), Header::Damaged);
        let checksum = crc32c::crc32c(&bytes[..20]).to_le_bytes();
        bytes[20..].copy_from_slice(&checksum);
        assert_eq!(read_header(&bytes, 5), Header::Version(2));
    }
}
