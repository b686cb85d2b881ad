//! One zstd frame, bounded on the way out.
//!
//! In: bytes. Out: a frame that tells its decompressed size. Bound: a frame that claims or holds
//! more than [`BATCH_DECODED_BYTES_MAX`] bytes is refused before anything is allocated for it.

use weft_model::limits::BATCH_DECODED_BYTES_MAX;
use zstd::bulk::Compressor;

use super::PayloadError;

/// The version that every payload begins with.
pub(super) const VERSION: u8 = 1;

/// Compresses frames of their own with one kept context.
pub(super) struct Squeezer(Compressor<'static>);

impl Squeezer {
    /// Returns a compressor; `level` is clamped to 1..=9.
    pub(super) fn new(level: i32) -> Squeezer {
        let compressor = Compressor::new(level.clamp(1, 9));
        Squeezer(compressor.expect("a zstd context needs nothing but memory"))
    }

    /// Returns the frame that holds `bytes`.
    pub(super) fn squeeze(&mut self, bytes: &[u8]) -> Vec<u8> {
        let frame = self.0.compress(bytes);
        frame.expect("a buffer of the size that zstd asks for is large enough")
    }
}

impl std::fmt::Debug for Squeezer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Squeezer")
    }
}

/// Returns what a frame holds.
pub(super) fn expand(frame: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let size = match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) => usize::try_from(size).unwrap_or(usize::MAX),
        Ok(None) | Err(_) => return Err(PayloadError::Decompress),
    };
    if size > BATCH_DECODED_BYTES_MAX {
        return Err(PayloadError::TooLarge("bytes"));
    }
    let bytes = zstd::bulk::decompress(frame, size).map_err(|_| PayloadError::Decompress)?;
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err(PayloadError::Decompress)
    }
}

/// Takes the version from the front of a payload.
pub(super) fn take_version(payload: &mut &[u8]) -> Result<(), PayloadError> {
    match weft_codec::varint::take_byte(payload)? {
        VERSION => Ok(()),
        other => Err(PayloadError::Version(other)),
    }
}
